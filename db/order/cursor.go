package order

import (
	"encoding/base64"
	"fmt"
	"strings"

	"imageserver/db"
)

// kind is a kind of cursor: it belongs to one list and one order.
type kind struct {
	mark     string // the beginning of its cursors. Base64 has no ~, so a mark is no part of a key.
	shortest int    // the length of its shortest key
}

var (
	trash = kind{"~t", TimeSize + 1}
	kinds = map[db.Sort]struct{ forward, reverse kind }{
		db.ByUploaded: {kind{"", TimeSize + 1}, kind{"~o", TimeSize + 1}},
		db.ByName:     {kind{"~a", 1}, kind{"~z", 1}},
		db.BySize:     {kind{"~l", TimeSize + 1}, kind{"~s", TimeSize + 1}},
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

// Cursor returns the cursor for the page after the image with this key. The key is a
// TimeKey of the upload or, in the trash, of the deletion; the name; or a key of
// AppendSizeKey.
func Cursor(o db.ListOptions, key []byte) string {
	return kindOf(o).mark + base64.RawURLEncoding.EncodeToString(key)
}

// ParseCursor returns the key in o.After, or nil if that is empty. For a cursor of
// another list, or of none, it returns an error that wraps db.ErrCursor.
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
