package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"imageserver/api/printable"
	"imageserver/db"
)

// file is a file to import.
type file struct {
	path string // for opening the file and for messages
	rel  string // the path within the folder on the command line, or the name of a file on the command line
}

// found is the result of a scan.
type found struct {
	files  []file
	hidden int64 // files and folders whose names begin with a dot
	notes  []note
}

// note says why a path is not imported.
type note struct {
	path string
	what result
	say  string
}

// scan lists the files to import. Each path is a file or a folder. Inside folders, scan
// skips hidden files and folders. It does not follow symbolic links, because a link can
// lead out of the folder or in a circle. It accepts every path of the command line itself,
// even a hidden path, and follows the path if it is a link.
func scan(paths []string) (*found, error) {
	all := new(found)
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", printable.Name(path), plain(err))
		case info.IsDir():
			err = all.folder(path)
		default:
			all.file(path, filepath.Base(path), info.Mode())
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// folder adds the files in the folder at path.
func (all *found) folder(path string) error {
	root, err := filepath.EvalSymlinks(path) // WalkDir does not follow links
	if err != nil {
		return fmt.Errorf("%s: %w", printable.Name(path), plain(err))
	}
	return filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(root, at)
		if relErr != nil {
			return relErr
		}
		shown := filepath.Join(path, rel)
		switch {
		case err != nil:
			all.notes = append(all.notes, note{shown, failed, plain(err).Error()})
			if entry != nil && entry.IsDir() { // entry is nil if the root was removed
				return fs.SkipDir
			}
		case rel != "." && strings.HasPrefix(entry.Name(), "."):
			all.hidden++
			if entry.IsDir() {
				return fs.SkipDir
			}
		case !entry.IsDir():
			all.file(shown, rel, entry.Type())
		}
		return nil
	})
}

// file adds the file at path, or a note if it is not a regular file.
func (all *found) file(path, rel string, mode fs.FileMode) {
	switch {
	case mode&fs.ModeSymlink != 0:
		all.notes = append(all.notes, note{path, skipped, "a symbolic link, which import does not follow"})
	case !mode.IsRegular():
		all.notes = append(all.notes, note{path, skipped, "not a regular file"})
	default:
		all.files = append(all.files, file{path, rel})
	}
}

var errEncoding = errors.New("the file name is not valid UTF-8; rename the file")

// imageName returns the image name for a file at the path rel within the imported
// folder. The name consists of the folders and the file name, joined with "_". It does
// not use "-", because "-" also comes before a number, as in cat-2.png. If the path is
// too long, imageName leaves out the first folders. A name that images cannot have is
// changed as for an upload.
//
// Two paths can get the same name, such as a/b_c.png and a_b/c.png. If the files have
// different bytes, the second image gets the next free numbered name.
func imageName(rel string) (string, error) {
	if !utf8.ValidString(rel) {
		return "", errEncoding
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	for len(strings.Join(parts, "_")) > db.MaxNameBytes && len(parts) > 1 {
		parts = parts[1:]
	}
	joined := strings.Join(parts, "_")
	if name, err := db.CheckName(joined); err == nil {
		return name, nil
	}
	return db.CleanName(strings.ReplaceAll(joined, `\`, "_"), ""), nil
}
