package ui_test

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/apitest"
	"imageserver/ui"
)

// newServer starts the real server with an empty store and returns its URL. If token is not
// empty, the server requires the token.
func newServer(t *testing.T, token string) string {
	t.Helper()
	return newServerWith(t, api.Options{Access: access.Options{Token: token}})
}

func newServerWith(t *testing.T, o api.Options) string {
	t.Helper()
	o.Log = newLog(t)
	return apitest.NewServer(t, o).URL
}

// newLog returns a log that is shown if the test fails. It has only warnings and errors, because
// hundreds of lines about requests would hide the cause.
func newLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// newAPI returns the handler of the real server, with an empty store.
func newAPI(t *testing.T, o api.Options) http.Handler {
	t.Helper()
	o.Log = newLog(t)
	return api.New(apitest.NewStore(t), ui.Handler(), o)
}

// newChangingServer starts the real server with an empty store. It returns the URL of the
// server, and a function that changes the options of the server, as a restart does.
func newChangingServer(t *testing.T, o api.Options) (url string, change func(api.Options)) {
	t.Helper()
	store := apitest.NewStore(t)
	var current atomic.Pointer[http.Handler]
	change = func(o api.Options) {
		o.Log = newLog(t)
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

// machine is a real server that a test stops during requests and starts again at the same
// address.
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
