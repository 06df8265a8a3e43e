package transfer_test

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/intake"
	"imageserver/db"
)

// failing is a store whose disk is full.
type failing struct{ db.Store }

func (failing) Put(context.Context, string, io.Reader, db.PutOptions) (db.Image, db.Outcome, error) {
	return db.Image{}, 0, db.ErrFull
}

// TestImportRefused checks that import shows the reason of a server that stores nothing.
func TestImportRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cat.png")
	write(t, path, picture(t, 1, 0), longAgo)
	p := newDataFile(t, intake.Rules{})
	page := http.NotFoundHandler()
	other := func(w http.ResponseWriter, r *http.Request) { http.Error(w, "hello", http.StatusOK) }
	for name, c := range map[string]struct {
		handler http.Handler
		says    []string
	}{
		"another token":  {api.New(p.store, page, api.Options{Access: access.Options{Token: "another"}, Log: quiet}), []string{"http://127.0.0.1:", "401: This server requires its access token"}},
		"a full disk":    {api.New(failing{p.store}, page, api.Options{Log: quiet}), []string{"507: The server has no space left"}},
		"another server": {http.HandlerFunc(other), []string{"is not an imageserver; check the address"}},
		"another path":   {http.NotFoundHandler(), []string{"404"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := doImport(t.Context(), serve(t, c.handler), path)
			wantError(t, err, c.says...)
		})
	}
}

// TestImportRetries checks that import waits for a busy server. If a response is lost,
// the retry does not store the image twice.
func TestImportRetries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cat.png"), picture(t, 1, 100_000), longAgo)
	write(t, filepath.Join(dir, "taken.png"), picture(t, 2, 100_000), longAgo)
	p := newDataFile(t, intake.Rules{})
	p.put(t, "taken.png", picture(t, 3, 0), longAgo)
	server := api.New(p.store, http.NotFoundHandler(), api.Options{Log: quiet})
	var mu sync.Mutex
	tries := map[string]int{}
	images := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		operation := r.Method + " " + r.URL.Path
		tries[operation]++
		try := tries[operation]
		mu.Unlock()
		w.Header().Set("Retry-After", "0")
		switch {
		case r.Method == http.MethodHead:
			server.ServeHTTP(w, r)
		case try == 1:
			http.Error(w, "slowly", http.StatusTooManyRequests)
		case try == 2:
			http.Error(w, "a moment", http.StatusServiceUnavailable)
		case try == 3 && r.Method == http.MethodPut: // the response is lost
			server.ServeHTTP(&lost{header: http.Header{}}, r)
			panic(http.ErrAbortHandler)
		default:
			server.ServeHTTP(w, r)
		}
	}))
	said, err := doImport(t.Context(), images, dir)
	if err != nil {
		t.Fatalf("got %v; the output is\n%s", err, said)
	}
	if got := names(p.stored(t)); len(got) != 3 {
		t.Errorf("got %q, want cat.png, taken.png and taken-2.png", got)
	}
	for operation, n := range tries {
		if !strings.HasPrefix(operation, "HEAD") && n < 3 {
			t.Errorf("%s was tried %d times, want 3 or more", operation, n)
		}
	}
}

// TestImportRated checks that import repeats a request that the server refuses 50 times
// with 429.
func TestImportRated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cat.png"), picture(t, 1, 0), longAgo)
	p := newDataFile(t, intake.Rules{})
	server := api.New(p.store, http.NotFoundHandler(), api.Options{Log: quiet})
	var refused atomic.Int32
	images := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && refused.Add(1) <= 50 {
			w.Header().Set("Retry-After", "0")
			http.Error(w, "slowly", http.StatusTooManyRequests)
			return
		}
		server.ServeHTTP(w, r)
	}))
	said, err := doImport(t.Context(), images, dir)
	must(t, said, err, "1 stored, 0 already there.")
}

// lost is a response that no client receives.
type lost struct{ header http.Header }

func (l *lost) Header() http.Header         { return l.header }
func (l *lost) Write(b []byte) (int, error) { return len(b), nil }
func (l *lost) WriteHeader(int)             {}
