package order

import (
	"encoding/base64"
	"fmt"
	"strings"

	"imageserver/db"
)

// kind is a kind of cursor. Each kind belongs to one list and one order.
type kind struct {
	mark     string // how its cursors begin. An encoded key never begins with ~, because Base64 has no ~.
	shortest int    // the length of the shortest key in such a cursor
}

var (
	trash = kind{"~t", NumberSize + 1}
	kinds = map[db.Sort]struct{ forward, reverse kind }{
		db.ByUploaded: {kind{"", NumberSize + 1}, kind{"~o", NumberSize + 1}},   // newest, oldest first
		db.ByName:     {kind{"~a", 1}, kind{"~z", 1}},                           // from a, from z
		db.BySize:     {kind{"~l", NumberSize + 1}, kind{"~s", NumberSize + 1}}, // largest, smallest first
	}
)

func kindOf(o db.ListOptions) kind {
	switch {
	case o.Trash:
		return trash
	case o.Reverse:
		return kinds[o.Sort].reverse
	}
	return kinds[o.Sort].forward
}

// Cursor returns the cursor for the page after the image with this key. In a list by
// time, the key is a TimeKey of the upload. In the trash it is a TimeKey of the
// deletion. In a list by name it is the name. In a list by size it is a key of
// AppendSizeKey.
func Cursor(o db.ListOptions, key []byte) string {
	return kindOf(o).mark + base64.RawURLEncoding.EncodeToString(key)
}

// ParseCursor returns the key in the cursor o.After. If o.After is empty, it returns
// nil. If o.After is the cursor of another list, or is not a cursor, it returns an
// error that wraps db.ErrCursor.
func ParseCursor(o db.ListOptions) ([]byte, error) {
	if o.After == "" {
		return nil, nil
	}
	k := kindOf(o)
	plain, ok := strings.CutPrefix(o.After, k.mark)
	key, err := base64.RawURLEncoding.DecodeString(plain)
	if !ok || err != nil || len(key) < k.shortest {
		return nil, fmt.Errorf("%w: %q", db.ErrCursor, o.After)
	}
	return key, nil
}
