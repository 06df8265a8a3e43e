package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
)

const (
	// backupStep is how much of a copy is written between two syncs, in bytes:
	// the uploads' own syncs wait for what has gathered.
	backupStep = 8 << 20
	// backupSpare is disk space that a copy leaves to uploads.
	backupSpare = 64 << 20
)

// Backup returns a copy of the data file; see db.Backuper. It is written to a
// file of its own first, beside the data file: a transaction that was held for
// as long as a client takes would keep every page freed meanwhile from being
// used again, and the data file would grow with each commit.
func (s *Store) Backup(ctx context.Context) (content io.ReadCloser, size int64, err error) {
	tmp, err := s.spool()
	if err == nil {
		size, err = s.copyTo(ctx, tmp)
		if err == nil {
			_, err = tmp.Seek(0, io.SeekStart)
		}
		if err != nil {
			tmp.Close()
		}
	}
	switch {
	case datafile.IsFull(err):
		return nil, 0, fmt.Errorf("%w: a backup is written to a file first: %w", db.ErrFull, err)
	case err != nil:
		return nil, 0, fmt.Errorf("backup: %w", err)
	}
	return tmp, size, nil
}

// spooled is a temporary file that goes when it is closed.
type spooled struct{ *os.File }

func (f spooled) Close() error {
	return errors.Join(f.File.Close(), discardFile(f.Name()))
}

// discardFile removes a file that may be gone already.
func discardFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// The name of a temporary file is that of the data file, spoolMark, digits and
// spoolEnd. Nobody calls a backup of his own that.
const (
	spoolMark = ".unsent-"
	spoolEnd  = ".tmp"
)

// spool makes a temporary file beside the data file, where there is a disk and
// not memory. Its name goes at once where the system lets it. When the data
// file's folder is gone it is made elsewhere: this copy may be the last.
func (s *Store) spool() (spooled, error) {
	path := realPath(s.path)
	pattern := filepath.Base(path) + spoolMark + "*" + spoolEnd
	f, err := os.CreateTemp(filepath.Dir(path), pattern)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.CreateTemp("", pattern)
	}
	if err != nil {
		return spooled{}, err
	}
	_ = os.Remove(f.Name())
	return spooled{f}, nil
}

// realPath follows symbolic links to the data file: the folder of a link can be
// read-only or on another disk. Without the data file it returns path.
func realPath(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// removeSpooled removes what a crash left of backups where a file cannot lose
// its name while it is open. Nobody else has the data file at path open.
func removeSpooled(path string) {
	path = realPath(path)
	files, _ := os.ReadDir(filepath.Dir(path))
	for _, f := range files {
		digits, begins := strings.CutPrefix(f.Name(), filepath.Base(path)+spoolMark)
		digits, ends := strings.CutSuffix(digits, spoolEnd)
		if begins && ends && strings.Trim(digits, "0123456789") == "" {
			_ = os.Remove(filepath.Join(filepath.Dir(path), f.Name()))
		}
	}
}

// copyTo copies the data file as it is now, and returns the size of the copy.
func (s *Store) copyTo(ctx context.Context, tmp spooled) (size int64, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		size = tx.Size()
		if err := reserveCopy(tmp.File, size); err != nil {
			return err
		}
		w := &copier{ctx: ctx, f: tmp.File}
		n, err := tx.WriteTo(w)
		switch {
		case w.err != nil: // of which bbolt may keep the text alone
			return w.err
		case err == io.EOF, err == nil && n != size:
			err = fmt.Errorf("%w: the data file has less than its %d bytes", db.ErrDamaged, size)
		}
		return err
	})
	return size, err
}

// reserveCopy gives f disk space for size bytes, and returns an error if none
// would be left.
func reserveCopy(f *os.File, size int64) error {
	ok, err := datafile.Allocate(f, 0, size+backupSpare)
	if !ok {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Truncate(size)
}

// copier writes to f until ctx ends, and syncs every backupStep.
type copier struct {
	ctx      context.Context
	f        *os.File
	unsynced int
	err      error
}

func (c *copier) Write(p []byte) (n int, err error) {
	defer func() { c.err = err }()
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err = c.f.Write(p)
	c.unsynced += n
	if err == nil && c.unsynced >= backupStep {
		c.unsynced = 0
		err = c.f.Sync()
	}
	return n, err
}
