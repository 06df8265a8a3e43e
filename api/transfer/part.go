package transfer

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"imageserver/api/printable"
	"imageserver/db"
)

const (
	partPrefix, partSuffix = ".imageserver-", ".part"
	// partKept is how old a part is that nobody writes any more.
	partKept = 24 * time.Hour
)

// part is a file that is being written, under a name of its own until it is
// whole. An import passes over it, as over all that is hidden.
type part struct {
	file *os.File
	hash hash.Hash
	err  error // of writing
}

func newPart(dir string) (*part, error) {
	path := filepath.Join(dir, partPrefix+rand.Text()+partSuffix)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	return &part{file: f, hash: sha256.New()}, err
}

func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.hash.Write(b[:n])
	if err != nil {
		p.err = err
	}
	return n, err
}

func (p *part) digest() db.Digest { return db.Digest(p.hash.Sum(nil)) }

// publish makes the part the file of the target, with the time at, once its bytes
// are on the disk.
func (p *part) publish(to target, at time.Time) error {
	err := p.file.Sync()
	if err := errors.Join(err, p.file.Close()); err != nil {
		return err
	}
	if err := os.Chtimes(p.file.Name(), time.Time{}, at); err != nil {
		return err
	}
	if !to.overwrite {
		if _, err := os.Lstat(to.path); !errors.Is(err, fs.ErrNotExist) {
			return &fileError{errTaken}
		}
	}
	if err := os.Rename(p.file.Name(), to.path); err != nil {
		return &fileError{err} // with another name it might do
	}
	return nil
}

var errTaken = errors.New("another file of this name has come into the folder")

// discard removes the part, unless it has been published.
func (p *part) discard() {
	p.file.Close()
	os.Remove(p.file.Name())
}

// removeParts removes what an export that was cut off has left in dir. A part that
// is young may be another export's.
func removeParts(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), partPrefix) || !strings.HasSuffix(e.Name(), partSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > partKept {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

// syncDir makes the names in dir durable. Windows does so by itself, and cannot
// open a folder for it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", printable.Name(dir), plain(err))
	}
	defer d.Close()
	return d.Sync()
}
