package pg_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// execSQL runs a statement in the shared database.
func execSQL(t testing.TB, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), pgtest.Shared(t).URL(""))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// schemaOf returns the schema in the URL of a store.
func schemaOf(t testing.TB, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("schema")
}

// wantOpenError opens a store, which must fail with one line that contains all of
// `says` and no password.
func wantOpenError(t *testing.T, target string, o pg.Options, says ...string) {
	t.Helper()
	s, err := pg.Open(t.Context(), target, o)
	if err == nil {
		s.Close()
		t.Fatal("Open: got no error")
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("Open: got %q, want it to say %q", err, part)
		}
	}
	for _, never := range []string{"\n", "hunter2", "secret"} {
		if strings.Contains(err.Error(), never) {
			t.Errorf("Open: got %q, which contains %q", err, never)
		}
	}
}

// TestOpenErrors: each reason why a store cannot be opened is one line, without the
// password, and names the part that fails.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	password := url.UserPassword(pgtest.LockedUser, "hunter2")
	execSQL(t, "drop user if exists locked, poor") // of an earlier run with -count
	execSQL(t, "create user locked password 'another'")
	execSQL(t, "create user poor")
	closed := httptest.NewServer(nil)
	closed.Close()
	deny := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>`))
	}))
	defer deny.Close()
	fake, _ := fakeS3(t)
	nowhere := strings.TrimPrefix(closed.URL, "http://")

	t.Run("no database server", func(t *testing.T) {
		wantOpenError(t, pgtest.URLAs(password, nowhere, ""), pg.Options{}, "database "+nowhere, "connection refused")
	})
	t.Run("no database", func(t *testing.T) {
		wantOpenError(t, strings.Replace(server.URL(""), "/postgres?", "/nothing?", 1), pg.Options{}, "database "+server.Addr, `database "nothing" does not exist`)
	})
	t.Run("wrong password", func(t *testing.T) {
		wantOpenError(t, pgtest.URLAs(password, server.Addr, ""), pg.Options{}, "database "+server.Addr, "password authentication failed")
	})
	t.Run("no rights", func(t *testing.T) {
		wantOpenError(t, pgtest.URLAs(url.User("poor"), server.Addr, "schema=theirs"), pg.Options{}, "permission denied", `create schema theirs authorization "poor"`)
	})
	t.Run("a newer schema", func(t *testing.T) {
		target := pgtest.URL(t, "")
		openWith(t, target, pg.Options{}).Close()
		execSQL(t, "update "+schemaOf(t, target)+".store set version = 99")
		wantOpenError(t, target, pg.Options{}, pg.ErrNewer.Error())
	})
	t.Run("no S3 server", func(t *testing.T) {
		wantOpenError(t, pgtest.URL(t, "bucket=pictures"), pg.Options{Endpoint: closed.URL}, "bucket pictures at "+nowhere, "connection refused")
	})
	t.Run("no bucket", func(t *testing.T) {
		wantOpenError(t, pgtest.URL(t, "bucket=nothing"), pg.Options{Endpoint: fake}, "bucket nothing at", "bucket does not exist")
	})
	t.Run("no right to the bucket", func(t *testing.T) {
		wantOpenError(t, pgtest.URL(t, "bucket=pictures"), pg.Options{Endpoint: deny.URL}, "bucket pictures at", "Access Denied")
	})
	t.Run("another store's prefix", func(t *testing.T) {
		openWith(t, pgtest.URL(t, "bucket=pictures/mine"), pg.Options{Endpoint: fake})
		wantOpenError(t, pgtest.URL(t, "bucket=pictures/mine"), pg.Options{Endpoint: fake}, "another store")
	})
	for _, target := range []string{
		"postgres://u:hunter2@h/%zz", "postgres://u:hunter2@h:port/d", "postgres://u:hunter2@h/d?bucket=", "postgres://u:hunter2@h/d?schema=Drop;",
		"postgres://u:hunter2@h/d?sslmode=nonsense", "mysql://u:hunter2@h/d", "",
	} {
		t.Run(strings.ReplaceAll(target, "/", "|"), func(t *testing.T) { wantOpenError(t, target, pg.Options{}, pg.ErrURL.Error()) })
	}
}

// ownServer starts a PostgreSQL for a test that stops it. It is removed when the test ends.
func ownServer(t *testing.T) *pgtest.Server {
	t.Helper()
	pgtest.Shared(t) // skips without PostgreSQL
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Stop()
		os.RemoveAll(server.Dir)
	})
	return server
}

// TestOpenStandby: a standby cannot be written, so the store does not open. A server
// whose database becomes a standby is not ready.
func TestOpenStandby(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	s := openWith(t, server.URL(""), pg.Options{})
	server.Stop()
	if err := server.MakeStandby(); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, server.URL(""), pg.Options{}, "database "+server.Addr, "standby")
	if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "standby") {
		t.Errorf("Ready: got %v, want it to say that this is a standby", err)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"postgres://images:hunter2@db.internal/images?bucket=pictures/a/":     "postgres://images@db.internal:5432/images?bucket=pictures/a",
		"postgresql://images@db.internal:1/images?schema=two&password=secret": "postgres://images@db.internal:1/images?schema=two",
		"postgres://images:hunter2@[::1]/x?sslpassword=secret":                "postgres://images@[::1]:5432/x",
		"postgres://images:hunter2@h/%zz":                                     "postgres://…",
	} {
		if got := pg.Name(target); got != want {
			t.Errorf("Name(%q): got %q, want %q", target, got, want)
		}
		if !pg.HasPassword(target) {
			t.Errorf("HasPassword(%q): got false", target)
		}
	}
	for _, target := range []string{"images.db", "postgres://images@h/d?bucket=b", "C:\\images@.db"} {
		if pg.HasPassword(target) {
			t.Errorf("HasPassword(%q): got true", target)
		}
	}
}

// TestUpgrade: a store with older tables gets the missing ones, also if several servers
// start at the same time. Its images stay.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	target := pgtest.URL(t, "")
	s := openWith(t, target, pg.Options{})
	if _, _, err := s.Put(t.Context(), "cat.png", strings.NewReader("cat"), db.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	schema := schemaOf(t, target)
	execSQL(t, "drop table "+schema+".settings, "+schema+".meters")
	execSQL(t, "alter table "+schema+".contents drop column placeholder")
	execSQL(t, "update "+schema+".store set version = 1")
	old := openWith(t, target, pg.Options{ReadOnly: true}) // reads it as it is
	wantContent(t, old, "cat.png", []byte("cat"))
	if images, _, err := old.List(t.Context(), db.ListOptions{Limit: 10}); err != nil || len(images) != 1 {
		t.Errorf("List of an old store: got %d images and %v, want 1", len(images), err)
	}
	must(t, old.Close())
	var starts sync.WaitGroup
	for range 4 {
		starts.Go(func() {
			s, err := pg.Open(t.Context(), target, pg.Options{Settings: map[string]string{"--trash": "24h"}})
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			defer s.Close()
			wantContent(t, s, "cat.png", []byte("cat"))
		})
	}
	starts.Wait()
}
