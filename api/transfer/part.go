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
	// partMaxAge is the age of a part that an interrupted export left behind. No export
	// writes to a part of this age.
	partMaxAge = 24 * time.Hour
)

// part is a file that is being written. It has a temporary name until it is complete.
// The name begins with a dot, so an import skips the part.
type part struct {
	file *os.File
	hash hash.Hash
	err  error // the last error of Write
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

// publish syncs the part, sets its modification time to at, and gives it the name of
// the target. If the file already exists and must not be overwritten, publish returns
// errTaken.
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
		return &fileError{err} // the error may concern this name alone
	}
	return nil
}

var errTaken = errors.New("another program has just created a file of this name; move that file to another folder, or use --overwrite")

// discard removes the part, unless it has been published.
func (p *part) discard() {
	p.file.Close()
	os.Remove(p.file.Name())
}

// removeParts removes the parts that interrupted exports left in dir. It keeps parts that
// are younger than partMaxAge, because another export may still write to them.
func removeParts(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), partPrefix) || !strings.HasSuffix(e.Name(), partSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > partMaxAge {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

// syncDir makes the names in dir durable. It does nothing on Windows: Windows needs no sync
// for names, and cannot open a folder.
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
