package pg

import (
	"time"

	"github.com/jackc/pgx/v5"

	"imageserver/db"
)

// row is a row of the table images.
type row struct {
	id int64
	db.Image
}

// imageColumns are the columns that scanImage reads.
const imageColumns = `i.id, i.name, i.sha256, i.size, i.type, i.width, i.height, i.orientation, i.uploaded, i.expires, i.delete_key, i.deleted, i.kept, ` + placeholderColumn

// placeholderColumn is the placeholder of the content of an image. Version 2 of the schema
// does not have it. It is a subquery and not a join, because for the join of a page of 1000
// images PostgreSQL reads the contents of all images; see TestListPlan.
const placeholderColumn = `(select p.placeholder from @contents p where p.sha256 = i.sha256)`

// scanImage reads imageColumns, and then more columns into `more`.
func scanImage(r pgx.Row, more ...any) (*row, error) {
	var (
		out                      row
		digest, key, placeholder []byte
		uploaded, deleted        int64
		expires, kept            *int64
		width, height, turning   int64
	)
	err := r.Scan(append([]any{&out.id, &out.Name, &digest, &out.Size, &out.ContentType, &width, &height, &turning,
		&uploaded, &expires, &key, &deleted, &kept, &placeholder}, more...)...)
	if err != nil {
		return nil, err
	}
	copy(out.SHA256[:], digest)
	copy(out.DeleteKeyHash[:], key)
	out.Placeholder = string(placeholder)
	out.Width, out.Height, out.Orientation = int(width), int(height), int(turning)
	out.Uploaded, out.Expires, out.TrashExpires = fromNano(uploaded), fromNull(expires), fromNull(kept)
	if deleted != 0 {
		out.Deleted = fromNano(deleted)
	}
	return &out, nil
}

// fromNano converts nanoseconds since 1970 to a time.
func fromNano(n int64) time.Time { return time.Unix(0, n).UTC() }

func fromNull(n *int64) time.Time {
	if n == nil {
		return time.Time{}
	}
	return fromNano(*n)
}

// toNull converts a time to nanoseconds since 1970. The zero time becomes nil.
func toNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixNano()
}

// hashOrNull returns the bytes of a delete key hash, or nil for the zero hash.
func hashOrNull(d db.Digest) any {
	if d == (db.Digest{}) {
		return nil
	}
	return d[:]
}
