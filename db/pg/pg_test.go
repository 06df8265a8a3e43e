package pg_test

import (
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"imageserver/db"
	"imageserver/db/dbtest"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

func TestMain(m *testing.M) {
	os.Setenv("AWS_ACCESS_KEY_ID", "test")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	if os.Getenv("PG_TEST_STORE") != "" {
		asServer()
	}
	pgtest.Main(m)
}

// asServer is what the test executable does when a test starts it as a server; see
// servers_unix_test.go.
var asServer func()

// openStore opens the store at a URL and closes it when the test ends.
func openStore(t testing.TB, url string) *pg.Store {
	t.Helper()
	return openWith(t, url, pg.Options{})
}

// newBucket starts an S3 server in this process, and returns its URL and the URL of an
// empty store with a bucket of that server.
func newBucket(t testing.TB) (endpoint, url string) {
	t.Helper()
	endpoint, _ = fakeS3(t)
	return endpoint, pgtest.URL(t, "bucket=pictures/some/where")
}

// fakeS3 starts an S3 server with the bucket pictures in this process.
func fakeS3(t testing.TB) (endpoint string, backend *s3mem.Backend) {
	t.Helper()
	backend = s3mem.New()
	if err := backend.CreateBucket("pictures"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	return server.URL, backend
}

// openWith opens the store at a URL with options and closes it when the test ends.
func openWith(t testing.TB, url string, o pg.Options) *pg.Store {
	t.Helper()
	s, err := pg.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestStoreWithBucket uses versitygw if it is installed, and otherwise an S3 server in this
// process.
func TestStoreWithBucket(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("TestShared has the tests with several callers")
	}
	pgtest.Shared(t)
	start := startVersity
	if !hasVersity() {
		start = func(t testing.TB) string { endpoint, _ := fakeS3(t); return endpoint }
	}
	endpoint := start(t)
	dbtest.RunBytes(t, func(t *testing.T) db.Store {
		url := pgtest.URL(t, "")
		return openWith(t, url+"&bucket=pictures/"+schemaOf(t, url), pg.Options{Endpoint: endpoint})
	})
}

func TestReopenWithBucket(t *testing.T) {
	t.Parallel()
	pgtest.Shared(t)
	dbtest.RunReopen(t, func(t *testing.T) func() db.Store {
		endpoint, url := newBucket(t)
		return func() db.Store { return openWith(t, url, pg.Options{Endpoint: endpoint}) }
	})
}

// TestShared opens three handles on each store, as three servers do.
func TestShared(t *testing.T) {
	t.Parallel()
	pgtest.Shared(t)
	dbtest.RunShared(t, func(t *testing.T) func() db.Store {
		endpoint, url := newBucket(t)
		return func() db.Store { return openWith(t, url, pg.Options{Endpoint: endpoint, Poll: time.Second}) }
	})
}

// In the tests below, the database stores the bytes.

func TestStore(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("TestShared has the tests with several callers")
	}
	pgtest.Shared(t)
	dbtest.Run(t, func(t *testing.T) db.Store { return openStore(t, pgtest.URL(t, "pool_max_conns=8")) })
}

func TestReopen(t *testing.T) {
	t.Parallel()
	pgtest.Shared(t)
	dbtest.RunReopen(t, func(t *testing.T) func() db.Store {
		url := pgtest.URL(t, "")
		return func() db.Store { return openStore(t, url) }
	})
}

func TestSharedInDatabase(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("TestShared runs the same tests")
	}
	pgtest.Shared(t)
	dbtest.RunShared(t, func(t *testing.T) func() db.Store {
		url := pgtest.URL(t, "pool_max_conns=8")
		return func() db.Store { return openWith(t, url, pg.Options{Poll: time.Second}) }
	})
}
