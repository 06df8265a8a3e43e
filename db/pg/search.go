package pg

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
)

// A search finds few images in the index of trigrams, whatever the number of images. If
// many names match, or if there is no index, it looks at the images in the order of the
// list. It looks at a limited number of images, so its page may have fewer images than
// asked for, or none, although more pages follow.
const (
	scanRows   = 20_000                 // how many images a page of a search looks at
	fewMatches = 2000                   // how many matches a search reads from the index
	indexTime  = 200 * time.Millisecond // how long a search may read the index
	trigram    = 3                      // the index cannot find fewer characters
)

// search returns a page of the images whose names match.
func (s *Store) search(ctx context.Context, c *pgxpool.Conn, l list, o db.ListOptions) (images []db.Image, next string, err error) {
	if !s.trigrams.Load() || o.Trash || utf8.RuneCountInString(o.Match) < trigram {
		return s.page(ctx, c, l.scan(o.Match, ""), o)
	}
	b := &pgx.Batch{}
	b.Queue(`select set_config('statement_timeout', $1, true)`, fmt.Sprint(indexTime.Milliseconds()))
	q := l.indexed(o.Match)
	b.Queue(s.sql(q.sql), q.args...).Query(func(rows pgx.Rows) (err error) {
		images, next, err = readPage(rows, o)
		return err
	})
	err = c.SendBatch(ctx, b).Close()
	if codeOf(err) == codeCanceled && ctx.Err() == nil { // all trigrams are frequent, but not together
		return s.page(ctx, c, l.scan(o.Match, ""), o)
	}
	return images, next, err
}

// scan returns the query that looks at the images in the order of the list. Each row has
// the number of the image among those that it looks at. The row with the number scanRows
// is always returned. If `only` is not empty, it is one more condition.
func (l list) scan(match, only string) statement {
	l.args = append(l.args, match)
	matches := fmt.Sprintf("strpos(folded, $%d) > 0", len(l.args))
	if only != "" {
		only = " and " + only
	}
	// Without an order around it, PostgreSQL ends the query when the page is full.
	return statement{`select ` + imageColumns + `, ` + matches + ` and ` + listed + ` as listed, n from (
		select *, row_number() over () as n
		from (select * from @images where ` + l.which + ` and ` + l.after + ` order by ` + l.columns + fmt.Sprintf(` limit %d) x) i
		where (%[2]s or n = %[1]d)%[3]s limit $1`, scanRows, matches, only), l.args}
}

// likeEscaper escapes the characters that have a meaning in LIKE.
var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// indexed returns the query that reads the index of trigrams. If more than fewMatches
// names match, it looks at the images in the order of the list instead.
func (l list) indexed(match string) statement {
	st := l.scan(match, fmt.Sprintf(`(select count from few) > %d`, fewMatches))
	st.args = append(st.args, "%"+likeEscaper.Replace(match)+"%")
	st.sql = fmt.Sprintf(`with found as materialized (select * from @images where `+l.which+` and folded like $%d limit %d),
		few as materialized (select count(*) from found)
		(select `+imageColumns+`, `+listed+`, 0::bigint from found i where (select count from few) <= %d and `+l.after+` order by `+l.columns+` limit $1)
		union all (`, len(st.args), fewMatches+1, fewMatches) + st.sql + `)`
	return st
}

// indexNames makes the index of trigrams, if it is missing. Without it, searches still
// work.
func (s *Store) indexNames(ctx context.Context) {
	err := s.tryIndexNames(ctx)
	if err != nil {
		s.log.Warn("a search looks only at a part of the images for each page, because the database has no index of names; an administrator can allow the index with: create extension pg_trgm", "err", oneLine(cause(err)))
	}
	s.trigrams.Store(err == nil)
}

func (s *Store) tryIndexNames(ctx context.Context) error {
	var ready bool
	const valid = `select coalesce((select indisvalid from pg_index where indexrelid = to_regclass($1)), false)`
	if err := s.pool.QueryRow(ctx, valid, s.place.schema+".images_folded").Scan(&ready); ready || err != nil {
		return err
	}
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	// One server at a time, also those of other stores: they make the same extension.
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('imageserver pg_trgm'))`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `create extension if not exists pg_trgm`); err != nil {
		return err
	}
	var in string
	if err := tx.QueryRow(ctx, `select quote_ident(nspname) from pg_extension e join pg_namespace n on n.oid = extnamespace where extname = 'pg_trgm'`).Scan(&in); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, s.sql(`create index if not exists images_folded on @images using gin (folded `+in+`.gin_trgm_ops) where deleted = 0`)); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
