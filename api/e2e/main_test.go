package e2e_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/db/bolt"
	"imageserver/db/pg/pgtest"
)

// Environment variables that make the test binary a server; see serveChild.
const (
	childVar  = "IMAGESERVER_E2E_CHILD"  // the data file
	noSyncVar = "IMAGESERVER_E2E_NOSYNC" // not empty: bolt.Options.NoSync
	leakVar   = "IMAGESERVER_E2E_LEAK"   // not empty: each request leaks; see leaking
	bareVar   = "IMAGESERVER_E2E_BARE"   // a data file that is only read; see readBare
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVar); path != "" {
		err := runChild(path)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if path := os.Getenv(bareVar); path != "" {
		fmt.Fprintln(os.Stderr, readBare(path))
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(built.dir)
	pgtest.End()
	os.Exit(code)
}

// runChild is the server but for the program's flags, until it is killed.
func runChild(path string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	store, err := bolt.Open(path, bolt.Options{NoSync: os.Getenv(noSyncVar) != ""})
	if err != nil {
		return err
	}
	fmt.Printf("Images at http://%s/\n", listener.Addr())
	var handler http.Handler = api.New(store, http.NotFoundHandler(), api.Options{Trash: time.Hour, Metrics: api.NewMetrics()})
	if os.Getenv(leakVar) != "" {
		handler = leaking(handler)
	}
	return http.Serve(listener, handler)
}

// leaking keeps 128 KiB and a goroutine of every request.
func leaking(h http.Handler) http.Handler {
	never := make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := bytes.Repeat([]byte{1}, 128<<10)
		go func() {
			<-never
			runtime.KeepAlive(kept)
		}()
		h.ServeHTTP(w, r)
	})
}

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// binary builds the program, the first time, and returns its path.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		// The go command runs tests again when a file they looked at changes.
		for _, sources := range []string{"../../*.go", "../../ui/*"} {
			files, _ := filepath.Glob(sources)
			for _, f := range files {
				os.Stat(f)
			}
		}
		if built.dir, built.err = os.MkdirTemp("", "imageserver-e2e-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "imageserver.exe") // Windows needs the ending
		build := []string{"build", "-o", built.path}
		if raced {
			build = append(build, "-race")
		}
		out, err := exec.Command("go", append(build, "imageserver")...).CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// whole says that the tests run in their whole form.
var whole = os.Getenv("IMAGESERVER_E2E") == "full"

// pick returns what belongs to the form that runs.
func pick[T any](short, full T) T {
	if whole {
		return full
	}
	return short
}

// raced says that the race detector is in this program, and so in the server too.
var raced bool

// parallel lets a test run beside others, but not in the whole form, which measures. With
// -short it skips the test: then only TestSoak runs, which has all kinds of requests.
func parallel(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: only TestSoak runs")
	}
	if !whole {
		t.Parallel()
	}
}

// unavailable skips a test for what this system does not have or allow. In CI
// nothing is skipped.
func unavailable(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
