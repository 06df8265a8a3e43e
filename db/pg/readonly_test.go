package pg_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/pg"
)

// TestReadOnly: a store that is opened to be read changes nothing, although an image has
// expired and there is garbage. Changes are refused, and no tables are created.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	endpoint, target := newBucket(t)
	if _, err := pg.Open(t.Context(), target, pg.Options{Endpoint: endpoint, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "there is no store") {
		t.Errorf("Open without a store: got %v", err)
	}
	if found := column(t, target, `select nspname::text from pg_namespace where nspname = '`+schemaOf(t, target)+`'`); len(found) > 0 {
		t.Errorf("Open created the schema %q", found)
	}
	s := openWith(t, target, pg.Options{Endpoint: endpoint})
	for _, name := range []string{"a", "b"} {
		_, _, err := s.Put(t.Context(), name, strings.NewReader(name), db.PutOptions{Expires: time.Now().Add(time.Hour)})
		must(t, err)
	}
	must(t, s.Delete(t.Context(), "b", db.DeleteOptions{}))
	must(t, s.Close())
	for _, old := range []string{`update @garbage set since = 1 returning object`, `update @images set expires = 1 returning name`} {
		column(t, target, old)
		readOnly(t, target, endpoint)
		if left := column(t, target, `select name from @images union all select 'garbage' from @garbage`); len(left) != 2 {
			t.Errorf("after %s: got %q, want the image and the garbage", old, left)
		}
	}
}

// readOnly opens a store to read it, tries to change it, and closes it.
func readOnly(t *testing.T, target, endpoint string) {
	t.Helper()
	s := openWith(t, target, pg.Options{Endpoint: endpoint, ReadOnly: true, Poll: time.Millisecond, Grace: time.Nanosecond})
	must(t, s.Ready(t.Context()))
	time.Sleep(50 * time.Millisecond) // a sweeper would work meanwhile
	if _, _, err := s.Put(t.Context(), "c", strings.NewReader("c"), db.PutOptions{}); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("Put: got %v, want %v", err, db.ErrReadOnly)
	}
	if _, err := s.EmptyTrash(t.Context()); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("EmptyTrash: got %v, want %v", err, db.ErrReadOnly)
	}
	must(t, s.Close())
}
