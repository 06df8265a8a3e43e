// Package apitest has what the tests of several packages share: a server, a client that
// checks every response against openapi.json, and sample images.
package apitest

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"imageserver/api"
	"imageserver/api/transport"
	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/ui"
)

// Secure runs the tests over TLS. The client then uses HTTP/2, and a Conn HTTP/1.1.
var Secure = flag.Bool("tls", false, "run the tests over TLS and HTTP/2")

// Scheme returns how the URLs of the servers begin.
func Scheme() string {
	if *Secure {
		return "https://"
	}
	return "http://"
}

// Server is a real server with its own store and port.
type Server struct {
	*Client
	Store db.Store
	Log   *Log
}

// NewServer starts a server that runs until the test ends.
func NewServer(t testing.TB, o api.Options) *Server {
	t.Helper()
	return Serve(t, NewStore(t), o)
}

// NewStore opens an empty store. It is closed when the test ends.
func NewStore(t testing.TB) db.Store {
	t.Helper()
	return OpenStore(t, bolt.Options{})
}

// OpenStore is NewStore with options.
func OpenStore(t testing.TB, o bolt.Options) db.Store {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	store, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), o)
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

// Serve starts a server for store. The server writes to Log, unless o has a log.
func Serve(t testing.TB, store db.Store, o api.Options) *Server {
	t.Helper()
	return ServeOver(t, store, o, *Secure)
}

// ServeOver is Serve with or without TLS.
func ServeOver(t testing.TB, store db.Store, o api.Options, secure bool) *Server {
	t.Helper()
	log := new(Log)
	if o.Log == nil {
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	}
	return &Server{Listen(t, api.New(store, ui.Handler(), o), secure), store, log}
}

// Listen starts a server for handler with connections as the program makes them.
func Listen(t testing.TB, handler *api.Server, secure bool) *Client {
	t.Helper()
	h := httptest.NewUnstartedServer(handler)
	h.Listener = transport.Listener(h.Listener)
	h.Config.ConnContext = transport.ConnContext
	h.Config.HTTP2 = handler.HTTP2()
	h.EnableHTTP2 = true
	return Start(t, h, secure)
}

// Start starts h and returns a client for it.
func Start(t testing.TB, h *httptest.Server, secure bool) *Client {
	t.Helper()
	if secure {
		h.StartTLS()
	} else {
		h.Start()
	}
	t.Cleanup(h.Close)
	return newClient(h.URL, h.Client().Transport.(*http.Transport))
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
