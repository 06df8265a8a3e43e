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

// file is a file that is to be imported.
type file struct {
	path string // where it is
	rel  string // the path within the folder that was asked for, or its own name
}

// found is what a scan finds.
type found struct {
	files  []file
	hidden int64 // files and folders whose names begin with a dot
	notes  []note
}

// note says why something that was found is not looked into.
type note struct {
	path string
	what result
	say  string
}

// scan lists the files in folders, and those named by themselves. Of a folder it
// leaves out what is hidden, and follows no links: those lead out of it, or in a
// circle. What is named itself is taken, hidden or not, and if it is a link, what
// that leads to.
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

func (all *found) folder(path string) error {
	root, err := filepath.EvalSymlinks(path) // which WalkDir would not follow
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
			if entry != nil && entry.IsDir() { // it is nil where the root itself has gone
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

func (all *found) file(path, rel string, mode fs.FileMode) {
	switch {
	case mode&fs.ModeSymlink != 0:
		all.notes = append(all.notes, note{path, passedOver, "a link, which is not followed"})
	case !mode.IsRegular():
		all.notes = append(all.notes, note{path, passedOver, "no file"})
	default:
		all.files = append(all.files, file{path, rel})
	}
}

var errEncoding = errors.New("its name is not valid UTF-8; rename it")

// imageName returns the name for a file at the path rel within the folder that is
// imported. The folders on the way are part of it, with "_" between: a "-" could
// be that of a number, as in cat-2.png. It is kept as it is where it can be; what
// cannot, becomes what an upload would make of it. Of a path that is too long the
// first folders are left out.
//
// Two paths can come to one name, as a/b_c.png and a_b/c.png do. What is in them
// decides then: other bytes take the next number.
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
