package ui_test

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/db/bolt"
	"imageserver/ui"
)

// newServer starts the real server with an empty store and returns its URL. The server
// requires the token, if it is not empty.
func newServer(t *testing.T, token string) string {
	t.Helper()
	return newServerWith(t, api.Options{Access: access.Options{Token: token}})
}

func newServerWith(t *testing.T, o api.Options) string {
	t.Helper()
	server := httptest.NewServer(newAPI(t, o))
	t.Cleanup(server.Close)
	return server.URL
}

// newAPI returns the handler of the real server, with an empty store.
func newAPI(t *testing.T, o api.Options) http.Handler {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil)) // shown if the test fails
	return api.New(store, ui.Handler(), o)
}

// newChangingServer starts the real server with an empty store. It returns its URL and
// a function that gives the server other options, as a restart does.
func newChangingServer(t *testing.T, o api.Options) (url string, change func(api.Options)) {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	var current atomic.Pointer[http.Handler]
	change = func(o api.Options) {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
		var h http.Handler = api.New(store, ui.Handler(), o)
		current.Store(&h)
	}
	change(o)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*current.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, change
}

// machine is a real server that can be stopped during requests, and started again at
// the same address.
type machine struct {
	t       *testing.T
	handler http.Handler
	address string
	server  *http.Server
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, handler: newAPI(t, api.Options{}), address: "127.0.0.1:0"}
	m.start()
	t.Cleanup(m.stop)
	return m
}

func (m *machine) start() {
	m.t.Helper()
	l, err := net.Listen("tcp", m.address)
	if err != nil {
		m.t.Fatal(err)
	}
	m.address = l.Addr().String()
	m.server = &http.Server{Handler: m.handler}
	go m.server.Serve(l)
}

func (m *machine) stop() { m.server.Close() }

func (m *machine) url() string { return "http://" + m.address }
