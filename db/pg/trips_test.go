package pg_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"

	"imageserver/api"
	"imageserver/api/apitest"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// counter counts the requests to an S3 server by their methods.
type counter struct {
	next  http.Handler
	mu    sync.Mutex
	all   string          // such as "HEAD PUT GET bytes=0-99 "
	conns map[string]bool // the addresses of the clients
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.all += strings.TrimSpace(r.Method+" "+r.Header.Get("Range")) + " "
	c.conns[r.RemoteAddr] = true
	c.mu.Unlock()
	c.next.ServeHTTP(w, r)
}

// take returns the methods since the last call.
func (c *counter) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = ""
	return all
}

// TestRoundTrips counts, for each kind of HTTP request, the round trips to the database
// and the requests to the bucket.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	proxy := pgtest.NewProxy(t, pgtest.Shared(t).Addr)
	_, backend := fakeS3(t)
	count := &counter{next: gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server(), conns: map[string]bool{}}
	bucket := httptest.NewServer(count)
	defer bucket.Close()
	target := pgtest.URLAt(proxy.Addr, "bucket=pictures&pool_max_conns=1&schema="+schemaOf(t, pgtest.URL(t, "")))
	store := openWith(t, target, pg.Options{Endpoint: bucket.URL, Poll: time.Hour})
	s := apitest.Serve(t, store, api.Options{VariantBudget: 1 << 30})

	var seed uint64
	fresh := func() string { seed++; return apitest.Picture(t, seed, 20_000) }
	long := func() string { seed++; return apitest.Picture(t, seed, 3<<20) }
	known := fresh()
	put := func(name, content string) func() {
		return func() { s.Send(t, "PUT", "/images/"+name, "", apitest.Chunked(content)) }
	}
	put("whole.png", long())()
	send := func(method, path, header string, status int) func() {
		return func() { s.Do(t, method, path, header, "").Want(t, status) }
	}
	for _, c := range []struct {
		what   string
		do     func() func() // makes the request that is counted
		trips  int64
		bucket string
	}{
		{"a new upload", func() func() { return put(fmt.Sprintf("new-%d.png", seed), fresh()) }, 3, "PUT "},
		{"a long new upload", func() func() { return put(fmt.Sprintf("long-%d.png", seed), long()) }, 3, "PUT "},
		{"an upload of stored bytes under a new name", func() func() { seed++; return put(fmt.Sprintf("again-%d.png", seed), known) }, 3, "HEAD "},
		{"an upload that replaces", func() func() { return put("cat.png", fresh()) }, 3, "PUT "},
		{"an unchanged upload", func() func() { return put("known.png", known) }, 3, "HEAD "},
		{"GET", func() func() { return send("GET", "/images/known.png", "", 200) }, 1, "GET "},
		{"a range", func() func() { return send("GET", "/images/known.png", "Range: bytes=1000-1999", 206) }, 1, "GET "},
		{"a range of a long image", func() func() { return send("GET", "/images/whole.png", "Range: bytes=1000000-1099999", 206) }, 1, "GET bytes=983040-1114111 "},
		{"HEAD", func() func() { return send("HEAD", "/images/known.png", "", 200) }, 1, ""},
		{"304", func() func() { return send("GET", "/images/known.png", "If-None-Match: "+apitest.ETag(known), 304) }, 1, ""},
		{"a page of the list", func() func() { return send("GET", "/images?limit=10", "", 200) }, 1, ""},
		{"the next page", func() func() { return send("GET", "/images?limit=1&sort=name", "", 200) }, 1, ""},
		{"a search", func() func() { return send("GET", "/images?q=cat", "", 200) }, 1, ""},
		{"a rename", func() func() {
			from := fmt.Sprintf("new-%d.png", seed)
			put(from, fresh())()
			to := fmt.Sprintf(`{"filename": "renamed-%d.png"}`, seed)
			return func() { s.Do(t, "POST", "/images/"+from+"/rename", "", to).Want(t, 200) }
		}, 2, ""},
		{"a delete", func() func() {
			name := fmt.Sprintf("new-%d.png", seed)
			put(name, fresh())()
			return send("DELETE", "/images/"+name, "", 204)
		}, 2, ""},
	} {
		for range 2 { // prepares the statements on the connection
			c.do()()
		}
		do := c.do()
		count.take()
		before := proxy.Trips()
		do()
		if got, bucket := proxy.Trips()-before, count.take(); got > c.trips || bucket != c.bucket {
			t.Errorf("%s: got %d round trips to the database and %q to the bucket, want %d and %q", c.what, got, bucket, c.trips, c.bucket)
		}
	}
	if n := len(count.conns); n > 1 {
		t.Errorf("the requests to the bucket used %d connections, want one that is used again", n)
	}
}
