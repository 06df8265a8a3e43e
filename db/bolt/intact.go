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

// What other programs can do to the data file while it is open. Changes would be lost
// then, so nothing is written. If the unchanged file is moved back, it is written to
// again.
var (
	errRemoved   = errors.New("the data file was removed or renamed while the server was running; put it back, or restore a backup and restart the server")
	errElsewhere = errors.New("the data file was replaced by another file while the server was running; restart the server to use the new file, or put the former file back")
	errShort     = errors.New("the data file was cut short while the server was running; restore a backup and restart the server")
)

// inPlace returns db.ErrReadOnly with the reason, unless the data file is still under
// its name and unchanged by others. If nothing else writes to it, the id of tx is
// between from and to.
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

// readOnly returns db.ErrReadOnly with a reason, or nil for no reason.
func readOnly(why error) error {
	if why == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", db.ErrReadOnly, why)
}

// named returns what happened to the name of the data file, or nil. If the system does
// not say, it returns nil, and the next write fails.
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

// shorter reports whether the file ends before its last page. bbolt would append
// zeros.
func (s *Store) shorter(size int64) bool {
	info, err := s.file.Stat()
	return err == nil && info.Size() < size
}
