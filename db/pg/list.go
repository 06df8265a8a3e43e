package pg

import (
	"bytes"
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
	"imageserver/db/order"
)

// scanRows is how many images a page of a search looks at. So a search never takes long,
// but its page may have fewer images than asked for, or none.
const scanRows = 20_000

// List returns a page of images; see db.Images. Each order is the order of an index. A
// cursor has the last key of the previous page.
func (s *Store) List(ctx context.Context, o db.ListOptions) (images []db.Image, next string, err error) {
	if o.Trash {
		o.Sort, o.Reverse = db.ByUploaded, false
	}
	after, err := order.ParseCursor(o)
	if err != nil {
		return nil, "", err
	}
	o.Limit = max(o.Limit, 1)
	o.Match = order.Fold(o.Match)
	switch {
	case !isText(order.KeyName(after)) || o.Sort == db.ByName && !o.Trash && !isText(after):
		return nil, "", fmt.Errorf("%w: %q", db.ErrCursor, o.After)
	case !isText([]byte(o.Match)):
		return nil, "", nil // no name has such bytes
	}
	q := listQuery(o, after)
	err = s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		images, next, err = s.page(ctx, c, q, o)
		return err
	})
	return images, next, err
}

// listQuery returns the query for a page and one more image. Each row also says whether
// the image belongs to the list. In a search, each row has the number of the image among
// those that the query looks at. The row with the number scanRows is always returned.
func listQuery(o db.ListOptions, after []byte) statement {
	number, which := "", `deleted = 0`
	switch {
	case o.Trash:
		number, which = "(~deleted)", `deleted <> 0`
	case o.Sort == db.BySize:
		number = "(~size)"
	case o.Sort == db.ByUploaded:
		number = "(~uploaded)"
	}
	ascending, beyond := "", ">"
	if o.Reverse {
		ascending, beyond = " desc", "<"
	}
	columns := "name" + ascending
	if number != "" {
		columns = number + ascending + ", " + columns
	}
	st := statement{args: []any{int64(o.Limit) + 1}}
	switch {
	case after == nil:
	case number == "":
		st.args = append(st.args, string(after))
		which += ` and name ` + beyond + ` $2`
	default:
		key := order.KeyTime(after).UnixNano()
		if o.Sort == db.BySize && !o.Trash {
			key = order.KeySize(after)
		}
		st.args = append(st.args, ^key, string(order.KeyName(after)))
		which += ` and (` + number + `, name) ` + beyond + ` ($2::bigint, $3)`
	}
	const listed = `coalesce(due > ` + now + `, true)` // an expired image counts as looked at, but is not listed
	if o.Match == "" {
		st.sql = `select ` + imageColumns + `, ` + listed + `, 0 from @images i where ` + which + ` order by ` + columns + ` limit $1`
		return st
	}
	st.args = append(st.args, o.Match)
	match := fmt.Sprintf("strpos(folded, $%d) > 0", len(st.args))
	st.sql = `select ` + imageColumns + `, ` + match + ` and ` + listed + `, n from (
		select *, row_number() over (order by ` + columns + `) as n
		from (select * from @images where ` + which + ` order by ` + columns + fmt.Sprintf(` limit %d) x) i where `, scanRows) +
		match + fmt.Sprintf(` or n = %d order by n limit $1`, scanRows)
	return st
}

// page reads the rows of a page.
func (s *Store) page(ctx context.Context, c *pgxpool.Conn, q statement, o db.ListOptions) (images []db.Image, next string, err error) {
	rows, err := c.Query(ctx, s.sql(q.sql), q.args...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var last *row
	seen := 0
	for rows.Next() {
		var listed bool
		var n int64
		r, err := scanImage(rows, &listed, &n)
		if err != nil {
			return nil, "", err
		}
		if seen++; seen > o.Limit {
			return images, cursor(o, last), nil // there is at least one more image
		}
		last = r
		if listed {
			images = append(images, r.Image)
		}
		if n == scanRows {
			return images, cursor(o, last), nil // a search has looked at all that one page may look at
		}
	}
	return images, "", rows.Err()
}

// cursor returns the cursor for the page after `last`.
func cursor(o db.ListOptions, last *row) string {
	switch {
	case o.Trash:
		return order.Cursor(o, order.TimeKey(last.Deleted, last.Name))
	case o.Sort == db.ByName:
		return order.Cursor(o, []byte(last.Name))
	case o.Sort == db.BySize:
		return order.Cursor(o, order.AppendSizeKey(nil, last.Size, []byte(last.Name)))
	}
	return order.Cursor(o, order.TimeKey(last.Uploaded, last.Name))
}

// isText reports whether PostgreSQL accepts the bytes as text.
func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }
