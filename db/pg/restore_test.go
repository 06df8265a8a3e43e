package pg_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// TestDatabaseRestored: the database is restored to an earlier time, but the bucket is not.
// That time is within the grace, so the bucket still has the bytes of all images of that
// time. An image that was uploaded later is an object that no image has.
func TestDatabaseRestored(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	endpoint, target := newBucket(t)
	schema := schemaOf(t, target)
	s := openWith(t, target, pg.Options{Endpoint: endpoint})
	put := func(name, data string) {
		t.Helper()
		if _, _, err := s.Put(t.Context(), name, strings.NewReader(data), db.PutOptions{Conflict: db.Replace}); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("long ", 100_000)
	then := map[string]string{"deleted": "1", "replaced": long, "renamed": "3", "kept": "4", "empty": "", "trashed": "5"}
	for name, data := range then {
		put(name, data)
	}
	source, err := s.Stat(t.Context(), "deleted")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutVariant(t.Context(), source.SHA256, "k", strings.NewReader("variant"), db.VariantOptions{Budget: 1e6}); err != nil {
		t.Fatal(err)
	}
	must(t, s.Delete(t.Context(), "trashed", db.DeleteOptions{TrashTTL: time.Hour}))
	dump, err := server.Tool("pg_dump", "--schema", schema).Output()
	must(t, err)

	must(t, s.Delete(t.Context(), "deleted", db.DeleteOptions{}))
	put("replaced", "later")
	put("new", "new")
	_, _, err = s.Rename(t.Context(), "renamed", "other", db.RenameOptions{})
	must(t, err)
	_, err = s.EmptyTrash(t.Context())
	must(t, err)
	must(t, s.SweepGarbage(t.Context()))
	must(t, s.Close())

	column(t, target, `drop schema `+schema+` cascade`)
	restore := server.Tool("psql", "--quiet", "--set=ON_ERROR_STOP=1")
	restore.Stdin = bytes.NewReader(dump)
	if out, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v: %s", err, out)
	}
	s = openWith(t, target, pg.Options{Endpoint: endpoint})
	_, _, err = s.Restore(t.Context(), "trashed", db.RestoreOptions{})
	must(t, err)
	for name, data := range then {
		wantContent(t, s, name, []byte(data))
	}
	if _, body, err := s.GetVariant(t.Context(), source.SHA256, "k"); err != nil {
		t.Errorf("GetVariant: %v", err)
	} else {
		var got bytes.Buffer
		if _, err := body.WriteTo(&got); err != nil || got.String() != "variant" {
			t.Errorf("GetVariant: got %q and %v", &got, err)
		}
		body.Close()
	}
	put("new", "new")
	put("again", "later")
	wantContent(t, s, "new", []byte("new"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
