package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"imageserver/api/imaging/format"
	"imageserver/api/progress"
	"imageserver/db"
)

// Import stores the images in the folders and files at paths, with the times at
// which they were last changed. It returns an error if one of them could not be
// stored, or if it had to stop; what is no image is none.
func Import(ctx context.Context, to Images, paths []string, o Output) error {
	all, err := scan(paths)
	if err != nil {
		return err
	}
	r := newReport(o, "Importing", len(all.files)+len(all.notes))
	defer r.display.Close()
	for _, n := range all.notes {
		r.add(n.what, n.path, n.say)
	}
	err = each(ctx, len(all.files), func(ctx context.Context, i int) error {
		return r.importFile(ctx, to, all.files[i])
	})
	r.counts[hidden] = all.hidden
	r.end(map[result]string{done: "stored", present: "already there", passedOver: "passed over", hidden: "hidden", failed: "failed"})
	switch {
	case err != nil:
		return r.stopped(err, len(all.files)+len(all.notes))
	case r.counts[failed] > 0:
		return fmt.Errorf("%s could not be imported", progress.Count(r.counts[failed], "file", "files"))
	}
	return nil
}

// importFile stores one file and reports what became of it. An error it returns
// is one for all files.
func (r *report) importFile(ctx context.Context, to Images, f file) error {
	name, img, outcome, err := tryImport(ctx, to, f)
	var refusal *Refusal
	var own *fileError
	switch {
	case errors.As(err, &own):
		r.add(failed, f.path, own.Error())
	case errors.As(err, &refusal) && refusal.NoImage:
		r.add(passedOver, f.path, refusal.Error())
	case errors.As(err, &refusal):
		r.add(failed, f.path, refusal.Error())
	case errors.Is(err, db.ErrDamaged): // what the store knows of that name
		r.add(failed, f.path, err.Error())
	case err != nil:
		return err
	case outcome == db.Unchanged:
		r.add(present, f.path, renamed(present, f, name, img.Name))
	default:
		r.add(done, f.path, renamed(done, f, name, img.Name))
	}
	return nil
}

// renamed says under which name a file is stored for which the name asked for was
// meant, if that is not the file's own.
func renamed(what result, f file, asked, got string) string {
	if got != asked {
		return fmt.Sprintf("%s, since %s is another image", under(what, "stored", got), asked)
	}
	if got != keptName(f.rel) {
		return under(what, "stored", got)
	}
	return ""
}

// keptName is the name of a file for which nothing has to be changed.
func keptName(rel string) string {
	return norm.NFC.String(strings.ReplaceAll(filepath.ToSlash(rel), "/", "_"))
}

// tryImport stores one file under the name that it returns, or a number of it.
func tryImport(ctx context.Context, to Images, f file) (name string, img db.Image, outcome db.Outcome, err error) {
	if name, err = imageName(f.rel); err != nil {
		return name, img, 0, &fileError{err}
	}
	content, err := openSource(f.path)
	if err != nil {
		return name, img, 0, err
	}
	defer content.file.Close()
	if err := content.sniff(); err != nil {
		return name, img, 0, err
	}
	img, err = to.Stat(ctx, name)
	if err == nil && img.Size == content.Size() {
		digest, err := content.digest()
		if err != nil {
			return name, img, 0, err
		}
		if digest == img.SHA256 {
			img.Name = name
			return name, img, db.Unchanged, nil
		}
	}
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return name, img, 0, err
	}
	img, outcome, err = to.Put(ctx, name, content, content.uploaded(time.Now()))
	return name, img, outcome, err
}

// fileError is trouble with reading one file.
type fileError struct{ err error }

func (e *fileError) Error() string { return plain(e.err).Error() }
func (e *fileError) Unwrap() error { return e.err }

var errChanged = &fileError{errors.New("it changed while it was read; import it again")}

// source is an open file.
type source struct {
	file *os.File
	info os.FileInfo // when it was opened
}

func openSource(path string) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &fileError{err}
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, &fileError{err}
	}
	return &source{f, info}, nil
}

func (s *source) Size() int64 { return s.info.Size() }

// Open returns a reader of the whole file. Whoever reads the last of its bytes
// learns instead if the file has changed since it was opened.
func (s *source) Open() io.Reader {
	return &sourceReader{io.NewSectionReader(s.file, 0, s.Size()), s}
}

// uploaded is the time to import the file with. One that has not come yet is as
// good as none.
func (s *source) uploaded(now time.Time) time.Time {
	if t := s.info.ModTime(); !t.After(now) {
		return t
	}
	return time.Time{}
}

// sniff refuses what does not begin like an image, before more of it is read.
func (s *source) sniff() error {
	head := make([]byte, format.SniffLen)
	n, err := s.file.ReadAt(head, 0)
	switch {
	case err != nil && err != io.EOF:
		return &fileError{err}
	case n == 0:
		return &Refusal{true, errors.New("an empty file")}
	}
	if _, err := format.Sniff(head[:n]); err != nil {
		return &Refusal{true, err}
	}
	return nil
}

// digest reads the file to its end.
func (s *source) digest() (d db.Digest, err error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, s.Open()); err != nil {
		return d, err
	}
	return db.Digest(hash.Sum(nil)), nil
}

// sourceReader reads a source once. Its errors are fileErrors.
type sourceReader struct {
	r *io.SectionReader
	s *source
}

func (r *sourceReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	switch {
	case err != nil && err != io.EOF:
		return 0, &fileError{err}
	case r.Len() == 0 || err == io.EOF:
		if err := r.s.unchanged(); err != nil {
			return 0, err
		}
	}
	return n, err
}

// Len returns how many bytes are left.
func (r *sourceReader) Len() int {
	at, _ := r.r.Seek(0, io.SeekCurrent) // which never fails
	return int(r.r.Size() - at)
}

func (s *source) unchanged() error {
	now, err := s.file.Stat()
	if err != nil {
		return &fileError{err}
	}
	if now.Size() != s.info.Size() || !now.ModTime().Equal(s.info.ModTime()) {
		return errChanged
	}
	return nil
}
