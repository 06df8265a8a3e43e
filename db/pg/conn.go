package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
)

// acquire returns a connection of the pool. If all connections are in use for a long
// time, it returns db.ErrBusy.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.times.acquire)
	defer cancel()
	c, err := s.pool.Acquire(ctx)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		if stat := s.pool.Stat(); stat.AcquiredConns() == stat.MaxConns() {
			err = fmt.Errorf("%w: all %d connections to the database are in use", db.ErrBusy, stat.MaxConns())
		}
	}
	return c, err
}

// read calls `do` with a connection, for statements that change nothing. If the
// connection is lost, read tries once more, because the pool may have connections from
// before a restart of the database.
func (s *Store) read(ctx context.Context, do func(ctx context.Context, c *pgxpool.Conn) error) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	return s.storeError(ctx, s.again(ctx, func() error { return s.readOnce(ctx, do) }))
}

// again calls `do`. If `do` loses its connection, again calls it once more with a new
// connection: the others in the pool may be from before a restart of the database, too.
func (s *Store) again(ctx context.Context, do func() error) error {
	err := do()
	if lostConnection(err) && ctx.Err() == nil {
		s.pool.Reset()
		err = do()
	}
	return err
}

func (s *Store) readOnce(ctx context.Context, do func(ctx context.Context, c *pgxpool.Conn) error) error {
	c, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	ctx, cancel := context.WithTimeout(ctx, s.o.times.query)
	defer cancel()
	return do(ctx, c)
}

// storeError returns an error of package db unchanged, and any other error as the fault
// of the database.
func (s *Store) storeError(ctx context.Context, err error) error {
	for _, ours := range []error{db.ErrNotFound, db.ErrExists, db.ErrBudget, db.ErrFull, db.ErrBusy, db.ErrDamaged, db.ErrUnavailable, db.ErrClosed} {
		if errors.Is(err, ours) {
			return err
		}
	}
	return s.fault(ctx, err)
}

// lostConnection reports whether err says that the connection to the database ended. A
// timeout is something else: the statement may still run.
func lostConnection(err error) bool {
	var network net.Error
	switch {
	case err == nil, pgconn.Timeout(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case pgconn.SafeToRetry(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return true
	}
	switch codeOf(err) {
	case "57P01", "57P02", "57P03": // the database shuts down, has crashed, or starts
		return true
	}
	return false
}

// statement is an SQL statement with its arguments.
type statement struct {
	sql  string
	args []any
}

// send runs statements in one round trip, as one implicit transaction unless the
// statements begin or end one.
func (s *Store) send(ctx context.Context, c *pgxpool.Conn, statements []statement) error {
	b := &pgx.Batch{}
	for _, st := range statements {
		b.Queue(s.sql(st.sql), st.args...)
	}
	return c.SendBatch(ctx, b).Close()
}
