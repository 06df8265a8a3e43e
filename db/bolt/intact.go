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

// What can become of the data file under an open store. What was written to it
// then would be lost with it, so nothing is. A file that comes back under its
// name, as it was, is written to again.
var (
	errRemoved   = errors.New("the data file was removed or renamed while the server runs; put it back, or restore a backup and restart the server")
	errElsewhere = errors.New("the data file was replaced by another one while the server runs; restart the server to use that, or put the former one back")
	errShort     = errors.New("the data file was cut short while the server runs; restore a backup and restart the server")
)

// inPlace returns db.ErrReadOnly, and why, unless what is written after tx is
// found again under the name of the data file. If nobody else writes, the
// number of tx is in from to to.
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

// readOnly is db.ErrReadOnly for the reason given, or nil for none.
func readOnly(why error) error {
	if why == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", db.ErrReadOnly, why)
}

// named returns what happened to the name of the data file, or nil. Where the
// system does not say, the next write tells.
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

// shorter reports whether the file ends before its last page. bbolt would make
// it longer again, with nothing in it.
func (s *Store) shorter(size int64) bool {
	info, err := s.file.Stat()
	return err == nil && info.Size() < size
}
