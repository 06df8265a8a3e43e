package order_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/order"
)

// TestKeys: keys sort as the images in a list, and give back what they were made from.
func TestKeys(t *testing.T) {
	var keys [][]byte
	for _, at := range []time.Time{db.LastTime, time.Unix(1, 0), time.Unix(0, 1), time.Unix(0, 0), time.Unix(0, -1), db.FirstTime} {
		for _, name := range []string{"a", "a.png", "b"} {
			key := order.TimeKey(at, name)
			keys = append(keys, key)
			if got := order.KeyTime(key); !got.Equal(at) || got.Location() != time.UTC || string(order.KeyName(key)) != name {
				t.Errorf("key of %v and %q: got %v and %q", at, name, got, order.KeyName(key))
			}
		}
	}
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		t.Error("the keys of times are not in the order newest first")
	}
	keys = nil
	for _, size := range []int64{1<<63 - 1, 256, 255, 1, 0} {
		for _, name := range []string{"a", "b"} {
			key := order.AppendSizeKey(nil, size, []byte(name))
			keys = append(keys, key)
			if got := order.KeySize(key); got != size || string(order.KeyName(key)) != name {
				t.Errorf("key of %d bytes and %q: got %d and %q", size, name, got, order.KeyName(key))
			}
		}
	}
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		t.Error("the keys of sizes are not in the order largest first")
	}
	if name := order.KeyName([]byte("short")); len(name) != 0 {
		t.Errorf("a key that is too short has the name %q, want none", name)
	}
}

// TestCursor has the cursors of each list as they have always been: clients have some.
func TestCursor(t *testing.T) {
	at, byTime, bySize := time.Unix(1700000000, 5), "aGhjAcnV__phLnBuZw", "________-_9hLnBuZw"
	timeKey, sizeKey := order.TimeKey(at, "a.png"), order.AppendSizeKey(nil, 1024, []byte("a.png"))
	lists := []struct {
		o    db.ListOptions
		key  []byte
		want string
	}{
		{db.ListOptions{}, timeKey, byTime},
		{db.ListOptions{Reverse: true}, timeKey, "~o" + byTime},
		{db.ListOptions{Sort: db.ByName}, []byte("a.png"), "~aYS5wbmc"},
		{db.ListOptions{Sort: db.ByName, Reverse: true}, []byte("a.png"), "~zYS5wbmc"},
		{db.ListOptions{Sort: db.BySize}, sizeKey, "~l" + bySize},
		{db.ListOptions{Sort: db.BySize, Reverse: true}, sizeKey, "~s" + bySize},
		{db.ListOptions{Trash: true}, timeKey, "~t" + byTime},
	}
	for i, c := range lists {
		c.o.After = order.Cursor(c.o, c.key)
		if c.o.After != c.want {
			t.Errorf("Cursor(%+v): got %q, want %q", c.o, c.o.After, c.want)
		}
		if got, err := order.ParseCursor(c.o); err != nil || !bytes.Equal(got, c.key) {
			t.Errorf("ParseCursor(%+v): got %q and %v, want %q", c.o, got, err, c.key)
		}
		for j, other := range lists {
			other.o.After = c.o.After
			if _, err := order.ParseCursor(other.o); i != j && !errors.Is(err, db.ErrCursor) {
				t.Errorf("ParseCursor(%+v): got %v, want ErrCursor, because the cursor is of %+v", other.o, err, c.o)
			}
		}
	}
	for _, after := range []string{"!", "AAAA", "AAAAAAAAAAA"} { // the last one has a time, but no name
		if _, err := order.ParseCursor(db.ListOptions{After: after}); !errors.Is(err, db.ErrCursor) {
			t.Errorf("ParseCursor of %q: got %v, want ErrCursor", after, err)
		}
	}
	if key, err := order.ParseCursor(db.ListOptions{Trash: true}); key != nil || err != nil {
		t.Errorf("without a cursor: got %q and %v, want nil and nil", key, err)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, part string
		want       bool
	}{
		{"Cat.PNG", "", true},
		{"Cat.PNG", "cat", true},
		{"cat.png", "T.P", true},
		{"cat.png", "dog", false},
		{"\u00c4.png", "a\u0308", true}, // form D, as a Mac gives it
		{"%.png", "%", true},
		{"cat.png", "%", false},
	} {
		if got := order.Match([]byte(c.name), order.Fold(c.part)); got != c.want {
			t.Errorf("Match(%q, %q): got %t, want %t", c.name, c.part, got, c.want)
		}
	}
}
