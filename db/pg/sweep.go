package pg

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"imageserver/db"
)

const (
	// sweepRecords is how many images one transaction of the sweeper deletes at most.
	sweepRecords = 256
	// sweepObjects is how many objects one transaction of the sweeper deletes at most.
	// The transaction is open while the bucket deletes them.
	sweepObjects = 32
	// removers is how many objects of them are deleted at the same time.
	removers = 8
)

// sweeper deletes expired images and garbage in the background. All servers of a store
// do so. They share the work: a row that another server has locked is skipped.
type sweeper struct {
	bell chan struct{} // a value wakes the sweeper; the buffer has space for one value
	quit chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex
	next time.Time // when the sweeper wakes; zero while it works
}

// expect wakes the sweeper if it would still sleep after the duration `in`.
func (w *sweeper) expect(in time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.next.IsZero() && time.Now().Add(in).After(w.next) {
		return
	}
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

func (w *sweeper) stop() {
	close(w.quit)
	w.done.Wait()
}

// sleep waits as long as d, or until expect wakes it. It returns false when the store is
// closed.
func (w *sweeper) sleep(d time.Duration) bool {
	w.mu.Lock()
	w.next = time.Now().Add(d)
	w.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.quit:
		return false
	case <-w.bell:
	case <-timer.C:
	}
	w.mu.Lock()
	w.next = time.Time{}
	w.mu.Unlock()
	return true
}

func (w *sweeper) init() {
	w.bell = make(chan struct{}, 1)
	w.quit = make(chan struct{})
}

func (s *Store) startSweeper() {
	ctx, cancel := context.WithCancel(s.ctx)
	s.sweep.done.Go(func() {
		<-s.sweep.quit
		cancel()
	})
	s.sweep.done.Go(func() {
		every := max(s.o.Poll, min(s.o.Grace/4, time.Minute))
		garbage := time.Now().Add(every)
		for d := time.Duration(0); s.sweep.sleep(d); {
			next, err := s.sweepExpired(ctx)
			if err == nil && !time.Now().Before(garbage) {
				garbage = time.Now().Add(every)
				err = errors.Join(s.sweepGarbage(ctx), s.sweepMeters(ctx))
			}
			d = min(next, max(time.Until(garbage), 0))
			if err != nil && ctx.Err() == nil && !errors.Is(err, db.ErrClosed) {
				s.log.Error("could not delete data that no image uses", "err", oneLine(err))
				d = s.o.Poll
			}
		}
	})
}

// sweepExpired deletes everything that has expired. It returns how long it takes until
// the next image expires, at most Options.Poll.
func (s *Store) sweepExpired(ctx context.Context) (next time.Duration, err error) {
	work := statement{`select ` + imageColumns + ` from @images i where due <= ` + now + ` order by due limit $1 for update skip locked`, []any{sweepRecords}}
	for {
		next, err := s.nextExpiry(ctx)
		if err != nil || next > 0 {
			return next, err
		}
		some := 0
		err = s.change(ctx, needs{work: work}, func(tx *txn) error {
			some = len(tx.work)
			return tx.deleteAll()
		})
		if err != nil {
			return 0, err
		}
		if some == 0 {
			return 10 * time.Millisecond, nil // another server deletes them
		}
	}
}

// nextExpiry returns how long it takes until the next image expires, at most
// Options.Poll. If an image has expired, the result is not positive.
func (s *Store) nextExpiry(ctx context.Context) (next time.Duration, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		var n int64
		err := c.QueryRow(ctx, s.sql(`select due - `+now+` from @images where due is not null order by due limit 1`)).Scan(&n)
		if errors.Is(err, pgx.ErrNoRows) {
			n, err = int64(s.o.Poll), nil
		}
		next = time.Duration(n)
		return err
	})
	return min(next, s.o.Poll), err
}

// sweepGarbage deletes the objects that have been garbage for longer than Options.Grace.
// A transaction has the row of an object locked while the object is deleted. So no
// upload can publish the object meanwhile.
func (s *Store) sweepGarbage(ctx context.Context) error {
	for {
		n, err := s.sweepSome(ctx)
		if err != nil || n < sweepObjects {
			return err
		}
	}
}

func (s *Store) sweepSome(ctx context.Context) (n int, err error) {
	if err := s.gate.enter(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	ctx, cancel := context.WithTimeout(ctx, 2*s.o.times.change)
	defer cancel()
	var objects []string
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, s.sql(`select object from @garbage where since < `+now+` - $1::bigint order by since limit $2 for update skip locked`), s.o.Grace.Nanoseconds(), sweepObjects)
		if err != nil {
			return err
		}
		if objects, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(objects) == 0 {
			return err
		}
		var removal errgroup.Group
		removal.SetLimit(removers)
		for _, o := range objects {
			removal.Go(func() error { return s.objects.remove(ctx, o) })
		}
		if err := removal.Wait(); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, s.sql(`delete from @garbage where object = any($1)`), objects)
		return err
	})
	return len(objects), s.storeError(ctx, err)
}
