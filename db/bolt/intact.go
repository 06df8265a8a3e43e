package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
)

// Other programs can do this to the data file while it is open. Then the store writes
// nothing, because changes would be lost. If the unchanged file is moved back to its
// path, the store writes to it again.
var (
	errRemoved   = errors.New("the data file was removed or renamed while the server was running; put it back, or restore a backup and restart the server")
	errElsewhere = errors.New("the data file was replaced by another file while the server was running; restart the server to use the new file, or put the former file back")
	errShort     = errors.New("the data file was cut short while the server was running; restore a backup and restart the server")
)

// inPlace returns db.ErrReadOnly with the reason if the data file is no longer at its
// path, or if another program changed it. If no other program writes to the file, the
// id of tx is between `from` and `to`.
func (s *Store) inPlace(tx *bbolt.Tx, from, to uint64) error {
	err := s.named()
	if err == nil && s.shorter(tx.Size()) {
		err = errShort
	}
	if id := uint64(tx.ID()); err == nil && (id < from || id > to) {
		err = datafile.ErrOverwritten
	}
	return readOnly(err)
}

// readOnly returns db.ErrReadOnly with the reason `why`. If `why` is nil, it returns
// nil.
func readOnly(why error) error {
	if why == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", db.ErrReadOnly, why)
}

// named returns an error if the file at the path of the data file is missing or is
// another file. If the system does not say, it returns nil. Then the next write fails.
func (s *Store) named() error {
	ours, err := s.file.Stat()
	if err != nil {
		return nil
	}
	there, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errRemoved
	case err == nil && !os.SameFile(ours, there):
		return errElsewhere
	}
	return nil
}

// shorter reports whether the file is shorter than `size`, so that its last pages are
// missing. bbolt would append zeros instead of these pages.
func (s *Store) shorter(size int64) bool {
	info, err := s.file.Stat()
	return err == nil && info.Size() < size
}
