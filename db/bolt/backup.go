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
	// backupStep is how many bytes of a snapshot are written between two syncs. If an
	// upload syncs the data file meanwhile, its sync also waits for all bytes of the
	// snapshot that are not yet synced.
	backupStep = 8 << 20
	// backupSpare is how many bytes of disk space a snapshot leaves free for uploads.
	backupSpare = 64 << 20
)

// Backup returns a snapshot of the data file; see db.Backuper. It first writes the
// snapshot to a temporary file beside the data file. Without this file, a transaction
// would stay open until the client has read everything. As long as a transaction is
// open, bbolt cannot use freed pages again. So the data file would grow with each
// commit.
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

// spooled is a temporary file. Close also deletes it.
type spooled struct{ *os.File }

func (f spooled) Close() error {
	return errors.Join(f.File.Close(), discardFile(f.Name()))
}

// discardFile removes a file if it exists.
func discardFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// The name of a temporary file has four parts: the name of the data file, spoolMark,
// digits, and spoolEnd. A person does not give a backup such a name.
const (
	spoolMark = ".unsent-"
	spoolEnd  = ".tmp"
)

// spool creates a temporary file beside the data file, because the system's folder for
// temporary files may be in memory. It removes the name of the file at once if the
// system allows this. If the folder of the data file was deleted, spool creates the
// file in the system's folder for temporary files. This snapshot may then be the last
// copy of the images.
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

// realPath follows symbolic links to the data file, because the folder of a link can be
// read-only or on another disk. If there is no data file, realPath returns path.
func realPath(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// removeSpooled removes temporary files that remained after a crash, on systems where
// an open file keeps its name. No other process may have the data file at path open.
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

// copyTo writes a snapshot of the data file, and returns its size.
func (s *Store) copyTo(ctx context.Context, tmp spooled) (size int64, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		size = tx.Size()
		if err := reserveCopy(tmp.File, size); err != nil {
			return err
		}
		w := &copier{ctx: ctx, f: tmp.File}
		n, err := tx.WriteTo(w)
		switch {
		case w.err != nil: // the error of bbolt may have only the text of w.err
			return w.err
		case err == io.EOF, err == nil && n != size:
			err = fmt.Errorf("%w: the data file has fewer than its %d bytes", db.ErrDamaged, size)
		}
		return err
	})
	return size, err
}

// reserveCopy reserves disk space for `size` bytes in f. It returns an error if less
// than backupSpare would stay free on the disk.
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

// copier writes to f until ctx ends, and syncs f after every backupStep bytes.
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
