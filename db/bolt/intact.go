package bolt

import (
	"errors"
	"fmt"
	"io/fs"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
)

// Other programs can do this to the data file while it is open. Then the store writes
// nothing, because changes would be lost. If the unchanged file is moved back to its
// path, the store writes to it again.
var (
	errRemoved = errors.New("the data file was removed or renamed while the server was running; put it back, or restore a backup and restart the server")
	errShort   = errors.New("the data file was cut short while the server was running; restore a backup and restart the server")
)

// inPlace returns db.ErrReadOnly with the reason if the data file is no longer at its
// path, or if another program changed it. If no other program writes to the file, the
// id of tx is between `from` and `to`.
func (s *Store) inPlace(tx *bbolt.Tx, from, to uint64) error {
	size, err := s.located()
	if err == nil && size < tx.Size() {
		err = errShort // bbolt would append zeros instead of the missing pages
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
	_, err := s.located()
	return err
}

// located does the same as named, and also returns the size of the data file.
func (s *Store) located() (size int64, err error) {
	size, err = datafile.Locate(s.file, s.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = errRemoved
	}
	return size, err
}
