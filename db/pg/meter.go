package pg

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Take counts an action of a client for all servers; see db.Meter. The table has for each
// client the time at which it may do the next action if it does one in each interval
// per/count; a client may be ahead of this time by `per`. This is the generic cell rate
// algorithm. The select may see an older row than the insert, or none. Then the wait is only
// an estimate, but it is never zero.
func (s *Store) Take(ctx context.Context, key string, count int, per time.Duration) (wait time.Duration, err error) {
	if err := s.gate.enter(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	err = s.asyncQuery(ctx, `with taken as (
			insert into @meters as m (key, next) values ($1, `+now+` + $2::bigint)
			on conflict (key) do update set next = greatest(m.next, `+now+`) + $2::bigint
			where greatest(m.next, `+now+`) + $2::bigint - `+now+` <= $3::bigint returning next)
		select case when exists (select from taken) then 0
			else greatest(1, coalesce((select next + $2::bigint - `+now+` - $3::bigint from @meters where key = $1), $2::bigint)) end`,
		[]any{key, per.Nanoseconds() / int64(count), per.Nanoseconds()}, func(rows pgx.Rows) error {
			for rows.Next() {
				var n int64
				if err := rows.Scan(&n); err != nil {
					return err
				}
				wait = time.Duration(n)
			}
			return rows.Err()
		})
	return max(wait, 0), s.storeError(ctx, err)
}

// sweepMeters deletes the clients that may do all actions at once again.
func (s *Store) sweepMeters(ctx context.Context) error {
	return s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, s.sql(`delete from @meters where next < `+now))
		return err
	})
}

// compareSettings warns about flags that differ from those of the server that started
// last. Servers with different flags would surprise clients.
func (s *Store) compareSettings(ctx context.Context, settings map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		var before *string
		err := s.pool.QueryRow(ctx, s.sql(`with before as (select value from @settings where name = $1),
			changed as (insert into @settings (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value)
			select (select value from before)`), name, settings[name]).Scan(&before)
		if err != nil {
			return err
		}
		if before != nil && *before != settings[name] {
			s.log.Warn("the server that started last with this store has another value of a flag; give all servers the same flags", "flag", name, "here", settings[name], "there", *before)
		}
	}
	return nil
}
