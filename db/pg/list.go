package pg

import (
	"bytes"
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
	"imageserver/db/order"
)

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
	l := listOf(o, after)
	err = s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		if o.Match == "" {
			images, next, err = s.page(ctx, c, l.page(), o)
		} else {
			images, next, err = s.search(ctx, c, l, o)
		}
		return err
	})
	return images, next, err
}

// list is a list in one order, from one place on.
type list struct {
	which   string // the condition for the images of the list
	after   string // the condition for the images after the place, or "true"
	columns string // of the order
	args    []any  // $1 is the largest number of rows; more belong to after
}

func listOf(o db.ListOptions, after []byte) list {
	l := list{which: `deleted = 0`, after: `true`, args: []any{int64(o.Limit) + 1}}
	number := ""
	switch {
	case o.Trash:
		number, l.which = "(~deleted)", `deleted <> 0`
	case o.Sort == db.BySize:
		number = "(~size)"
	case o.Sort == db.ByUploaded:
		number = "(~uploaded)"
	}
	descending, beyond := "", ">"
	if o.Reverse {
		descending, beyond = " desc", "<"
	}
	l.columns = "name" + descending
	if number != "" {
		l.columns = number + descending + ", " + l.columns
	}
	switch {
	case after == nil:
	case number == "":
		l.args = append(l.args, string(after))
		l.after = `name ` + beyond + ` $2`
	default:
		key := order.KeyTime(after).UnixNano()
		if o.Sort == db.BySize && !o.Trash {
			key = order.KeySize(after)
		}
		l.args = append(l.args, ^key, string(order.KeyName(after)))
		l.after = `(` + number + `, name) ` + beyond + ` ($2::bigint, $3)`
	}
	return l
}

// listed is the condition for an image that has not expired. An expired image is a row of
// a page, but is not listed.
const listed = `coalesce(due > ` + now + `, true)`

// page returns the query for a page and one more image.
func (l list) page() statement {
	return statement{`select ` + imageColumns + `, ` + listed + `, 0::bigint from @images i where ` + l.which + ` and ` + l.after +
		` order by ` + l.columns + ` limit $1`, l.args}
}

// page reads a page.
func (s *Store) page(ctx context.Context, c *pgxpool.Conn, q statement, o db.ListOptions) (images []db.Image, next string, err error) {
	rows, err := c.Query(ctx, s.sql(q.sql), q.args...)
	if err != nil {
		return nil, "", err
	}
	return readPage(rows, o)
}

// readPage reads the rows of a page. After imageColumns, each row says whether the image
// belongs to the list, and has a number for a search; see search.
func readPage(rows pgx.Rows, o db.ListOptions) (images []db.Image, next string, err error) {
	defer rows.Close()
	var last *row
	for seen := 0; rows.Next(); seen++ {
		var listed bool
		var n int64
		r, err := scanImage(rows, &listed, &n)
		if err != nil {
			return nil, "", err
		}
		if seen == o.Limit {
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
