package pg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// column returns the texts that a query finds in the schema of a store.
func column(t *testing.T, target, query string) []string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), pgtest.Shared(t).URL(""))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	rows, err := c.Query(t.Context(), strings.ReplaceAll(query, "@", schemaOf(t, target)+"."))
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantNoGarbage sweeps twice. Then the bucket must have exactly the objects of contents and
// variants, and the table garbage must be empty.
func wantNoGarbage(t *testing.T, r *rig, target string) {
	t.Helper()
	for range 2 {
		if err := r.SweepGarbage(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if garbage := column(t, target, "select object from @garbage"); len(garbage) > 0 {
		t.Errorf("after a sweep, the table garbage has %q", garbage)
	}
	want := column(t, target, "select object from @contents where size > 0 union all select object from @variants where size > 0 order by 1")
	got := r.keys(t)
	if slices.Equal(got, want) {
		return
	}
	unknown := slices.DeleteFunc(slices.Clone(got), func(key string) bool { return slices.Contains(want, key) })
	missing := slices.DeleteFunc(want, func(key string) bool { return slices.Contains(got, key) })
	t.Errorf("after a sweep, the bucket has the unknown objects %q, and the objects %q are missing", unknown, missing)
}

// newSweepRig returns a rig whose garbage may be swept at once.
func newSweepRig(t *testing.T) (r *rig, target string) {
	t.Helper()
	r = newRig(t)
	target = pgtest.URL(t, "bucket=pictures")
	r.overwrite(t, "imageserver-store", nil) // the bucket belongs to another store from now on
	r.Store.Close()
	r.Store = openWith(t, target, pg.Options{Endpoint: "http://" + r.bucket.Addr, Poll: time.Hour, Grace: time.Nanosecond})
	return r, target
}

// TestGarbage: the objects that nobody has any more are swept, whatever made them so.
func TestGarbage(t *testing.T) {
	t.Parallel()
	r, target := newSweepRig(t)
	put := func(name, data string, o db.PutOptions) {
		t.Helper()
		if _, _, err := r.Put(t.Context(), name, strings.NewReader(data), o); err != nil {
			t.Fatal(err)
		}
	}
	put("cat.png", "first", db.PutOptions{})
	put("cat.png", "second", db.PutOptions{Conflict: db.Replace})
	put("trash.png", "third", db.PutOptions{})
	put("twin.png", "second", db.PutOptions{})
	put("none.png", "", db.PutOptions{})
	if err := r.Delete(t.Context(), "trash.png", db.DeleteOptions{TrashTTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), "twin.png", db.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// A refused upload leaves its object.
	if _, _, err := r.Put(t.Context(), "cat.png", strings.NewReader("fourth"), db.PutOptions{Conflict: db.Fail}); !errors.Is(err, db.ErrExists) {
		t.Errorf("Put: got %v", err)
	}
	cat, err := r.Stat(t.Context(), "cat.png")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 { // the budget lets two stay
		_, err := r.PutVariant(t.Context(), cat.SHA256, fmt.Sprint(i), strings.NewReader("variant"), db.VariantOptions{Budget: 15})
		if err != nil {
			t.Fatal(err)
		}
	}
	wantNoGarbage(t, r, target)
	if n := len(r.keys(t)); n != 4 {
		t.Errorf("the bucket has %d objects, want those of two images and two variants", n)
	}
	if err := r.Delete(t.Context(), "cat.png", db.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.EmptyTrash(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantNoGarbage(t, r, target)
	if keys := r.keys(t); len(keys) > 0 {
		t.Errorf("the bucket of an empty store has the objects %q", keys)
	}
}

// TestGarbageWaits: an object is kept for the time Options.Grace.
func TestGarbageWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, _, err := r.Put(t.Context(), "cat.png", strings.NewReader("cat"), db.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, body, err := r.Get(t.Context(), "cat.png")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if err := r.Delete(t.Context(), "cat.png", db.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.SweepGarbage(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := body.WriteTo(&got); err != nil || got.String() != "cat" {
		t.Errorf("the body of a deleted image: got %q and %v", &got, err)
	}
}

// TestSweptUpload: a sweep takes the object of an upload, because the upload takes longer
// than the grace. Then the upload fails, and no image has missing bytes. The same happens
// if PostgreSQL forgets the record of the object in a crash.
func TestSweptUpload(t *testing.T) {
	t.Parallel()
	r, target := newSweepRig(t)
	swept := false
	next := r.s3.next
	r.s3.next = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == "PUT" && !swept {
			swept = true
			if err := r.SweepGarbage(t.Context()); err != nil {
				t.Error(err)
			}
		}
		next.ServeHTTP(w, req)
	})
	_, _, err := r.Put(t.Context(), "cat.png", strings.NewReader("cat"), db.PutOptions{})
	if !swept || !errors.Is(err, db.ErrUnavailable) {
		t.Errorf("Put: got %v, want %v", err, db.ErrUnavailable)
	}
	if _, err := r.Stat(t.Context(), "cat.png"); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("Stat: got %v, want %v", err, db.ErrNotFound)
	}
	if _, _, err := r.Put(t.Context(), "cat.png", strings.NewReader("cat"), db.PutOptions{}); err != nil {
		t.Errorf("Put again: %v", err)
	}
	wantContent(t, r, "cat.png", []byte("cat"))
	wantNoGarbage(t, r, target) // not even the object of the first upload
}

// TestMaxSize: all contents and variants together have at most MaxSize bytes. Variants and
// the trash give way to images.
func TestMaxSize(t *testing.T) {
	t.Parallel()
	s := openWith(t, pgtest.URL(t, ""), pg.Options{MaxSize: 1000})
	put := func(name string, size int) (db.Image, error) {
		img, _, err := s.Put(t.Context(), name, bytes.NewReader(bytes.Repeat([]byte(name), size/len(name))), db.PutOptions{})
		return img, err
	}
	a, err := put("a", 300)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put("b", 300); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "b", db.DeleteOptions{TrashTTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutVariant(t.Context(), a.SHA256, "k", strings.NewReader(strings.Repeat("v", 300)), db.VariantOptions{Budget: 1000}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutVariant(t.Context(), a.SHA256, "l", strings.NewReader(strings.Repeat("v", 300)), db.VariantOptions{Budget: 1000}); !errors.Is(err, db.ErrFull) {
		t.Errorf("PutVariant: got %v, want %v", err, db.ErrFull)
	}
	if _, err := put("c", 700); err != nil { // in place of the variant and of the trash
		t.Errorf("Put: %v", err)
	}
	var limit *db.LimitError
	if _, err := put("d", 1); !errors.As(err, &limit) || limit.Limit != 1000 {
		t.Errorf("Put into a full store: got %v", err)
	}
	if _, err := put("c", 700); err != nil { // needs no space
		t.Errorf("Put of stored bytes: %v", err)
	}
	if u, err := s.Usage(t.Context()); err != nil || u.Stored != 1000 || u.Variants != 0 || u.Trash != 0 {
		t.Errorf("Usage: got %+v and %v", u, err)
	}
}
