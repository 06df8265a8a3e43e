package bolt

import (
	"sync"
	"sync/atomic"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db/bolt/internal/datafile"
)

// inspector inspects a large file in the background after it was opened. To inspect all
// of it before, Open would need time in proportion to the number of images. If bbolt
// meets a circle of damaged pages, it never ends. So if the inspector finds one, the
// process must end.
type inspector struct {
	quit atomic.Bool
	done sync.WaitGroup
}

// startInspector begins to inspect the file. It must be called before the first commit.
// A read transaction is open meanwhile, so that bbolt does not use the pages again.
func (s *Store) startInspector() error {
	tx, err := s.db.Begin(false)
	if err != nil {
		return err
	}
	rest, err := datafile.InspectRest(s.file, tx)
	if rest == nil || err != nil {
		tx.Rollback()
		return err
	}
	s.inspect.done.Go(func() { s.inspectRest(tx, rest) })
	return nil
}

func (s *Store) inspectRest(tx *bbolt.Tx, rest func(stop func() bool) error) {
	defer tx.Rollback()
	if err := rest(s.inspect.quit.Load); err != nil {
		s.fatal(err)
	}
}

func (i *inspector) stop() {
	i.quit.Store(true)
	i.done.Wait()
}
