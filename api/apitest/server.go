// Package apitest has what the tests of the API share: a server, a client that checks
// every response against openapi.json, and sample images.
package apitest

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/transport"
	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/ui"
)

// Patience is how long any test waits for anything.
const Patience = 10 * time.Second

// Secure has these tests run over TLS: over HTTP/2 where net/http's client sends
// the requests, and over HTTP/1.1 where a test writes to the connection itself.
var Secure = flag.Bool("tls", false, "run the tests over TLS and HTTP/2")

// Scheme is how the URLs of the server begin.
func Scheme() string {
	if *Secure {
		return "https://"
	}
	return "http://"
}

// Server is the real server on a fresh store and a port of its own.
type Server struct {
	URL    string
	Store  db.Store
	Log    *Log
	Client *http.Client
}

// NewServer starts a server that runs until the test ends.
func NewServer(t testing.TB, o api.Options) *Server {
	t.Helper()
	return Serve(t, NewStore(t), o)
}

func NewStore(t testing.TB) db.Store {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), bolt.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return store
}

// Serve starts a server for store. Its log is kept unless o has one.
func Serve(t testing.TB, store db.Store, o api.Options) *Server {
	t.Helper()
	return ServeOver(t, store, o, *Secure)
}

// ServeOver is serve over TLS or without.
func ServeOver(t testing.TB, store db.Store, o api.Options, secure bool) *Server {
	t.Helper()
	log := new(Log)
	if o.Log == nil {
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	}
	s := Listen(t, api.New(store, ui.Handler(), o), secure)
	s.Store, s.Log = store, log
	return s
}

// Listen starts a server for handler, on connections as main makes them.
func Listen(t testing.TB, handler *api.Server, secure bool) *Server {
	t.Helper()
	h := httptest.NewUnstartedServer(handler)
	h.Listener = transport.Listener(h.Listener)
	h.Config.ConnContext = transport.ConnContext
	h.Config.HTTP2 = handler.HTTP2()
	h.EnableHTTP2 = true
	return Start(t, h, secure)
}

func Start(t testing.TB, h *httptest.Server, secure bool) *Server {
	t.Helper()
	if secure {
		h.StartTLS()
	} else {
		h.Start()
	}
	t.Cleanup(h.Close)
	client := h.Client()
	client.Timeout = Patience
	client.Transport.(*http.Transport).DisableCompression = true
	return &Server{URL: h.URL, Client: client}
}

// Stored returns the names of all images, the newest first.
func (s *Server) Stored(t testing.TB) []string {
	t.Helper()
	images, _, err := s.Store.List(context.Background(), db.ListOptions{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, img := range images {
		names = append(names, img.Name)
	}
	return names
}
