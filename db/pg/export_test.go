package pg

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
)

// Impatient makes a store give up after a second instead of after up to a minute.
func (o *Options) Impatient() {
	o.times = times{acquire: time.Second, query: time.Second, change: 3 * time.Second, lock: time.Second, put: time.Second, idle: time.Second, short: time.Second}
}

// SweepGarbage deletes the garbage that is older than Options.Grace now.
func (s *Store) SweepGarbage(ctx context.Context) error { return s.sweepGarbage(ctx) }

// ExplainList returns how PostgreSQL runs the query for the first page of a list.
func (s *Store) ExplainList(ctx context.Context, o db.ListOptions) (plan string, err error) {
	q := listOf(o, nil).page()
	err = s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, "explain "+s.sql(q.sql), q.args...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	})
	return plan, err
}
