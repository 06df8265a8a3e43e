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

// Import stores the images in the folders and files at paths. The upload time of an
// image is the modification time of its file. Import returns an error if an image could
// not be stored, or if it stopped early. A file that is not an image is not an error.
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
	r.end(map[result]string{done: "stored", present: "already there", skipped: "skipped", hidden: "hidden", failed: "failed"})
	switch {
	case err != nil:
		return r.stopped(err, len(all.files)+len(all.notes))
	case r.counts[failed] > 0:
		return fmt.Errorf("%s could not be imported", progress.Count(r.counts[failed], "file", "files"))
	}
	return nil
}

// importFile stores one file and reports the result. It returns only errors that
// concern all files.
func (r *report) importFile(ctx context.Context, to Images, f file) error {
	name, img, outcome, err := tryImport(ctx, to, f)
	var refusal *Refusal
	var own *fileError
	switch {
	case errors.As(err, &own):
		r.add(failed, f.path, own.Error())
	case errors.As(err, &refusal) && refusal.NotImage:
		r.add(skipped, f.path, refusal.Error())
	case errors.As(err, &refusal):
		r.add(failed, f.path, refusal.Error())
	case errors.Is(err, db.ErrDamaged): // the record of this name in the store
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

// renamed returns a message for a file that was stored under the name got instead of the
// name asked. If the two names are the same, the message is empty.
func renamed(what result, f file, asked, got string) string {
	if got != asked {
		return fmt.Sprintf("%s, because %s is another image", under(what, "stored", got), asked)
	}
	if got != keptName(f.rel) {
		return under(what, "stored", got)
	}
	return ""
}

// keptName returns the name of an image whose file name needs no change.
func keptName(rel string) string {
	return norm.NFC.String(strings.ReplaceAll(filepath.ToSlash(rel), "/", "_"))
}

// tryImport stores one file. It returns the name that the image should get, and the stored
// image. If another image has that name, the name of the stored image has a number.
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

// fileError is an error of the file system that concerns one file.
type fileError struct{ err error }

func (e *fileError) Error() string { return plain(e.err).Error() }
func (e *fileError) Unwrap() error { return e.err }

var errChanged = &fileError{errors.New("the file changed during the import; import it again")}

// source is an open file to import. It is a Content.
type source struct {
	file *os.File
	info os.FileInfo // from the moment when the file was opened
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

// Open returns a reader of the whole file. If the file has changed since it was opened,
// the reader returns errChanged instead of the last bytes.
func (s *source) Open() io.Reader {
	return &sourceReader{io.NewSectionReader(s.file, 0, s.Size()), s}
}

// uploaded returns the modification time of the file. If this time is in the future,
// uploaded returns the zero time, and the upload time is then the current time.
func (s *source) uploaded(now time.Time) time.Time {
	if t := s.info.ModTime(); !t.After(now) {
		return t
	}
	return time.Time{}
}

// sniff returns a Refusal if the first bytes of the file are not those of an image.
func (s *source) sniff() error {
	head := make([]byte, format.SniffLen)
	n, err := s.file.ReadAt(head, 0)
	switch {
	case err != nil && err != io.EOF:
		return &fileError{err}
	case n == 0:
		return &Refusal{NotImage: true, Err: errors.New("the file is empty")}
	}
	if _, err := format.Sniff(head[:n]); err != nil {
		return &Refusal{NotImage: true, Err: err}
	}
	return nil
}

// digest reads the whole file and returns its SHA-256.
func (s *source) digest() (d db.Digest, err error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, s.Open()); err != nil {
		return d, err
	}
	return db.Digest(hash.Sum(nil)), nil
}

// sourceReader reads a source from start to end. Its errors are fileErrors.
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

// Len returns how many bytes are still to be read.
func (r *sourceReader) Len() int {
	at, _ := r.r.Seek(0, io.SeekCurrent) // never fails
	return int(r.r.Size() - at)
}

// unchanged returns errChanged if the file has changed since it was opened.
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
