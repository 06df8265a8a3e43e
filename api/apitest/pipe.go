package apitest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"imageserver/api"
	"imageserver/api/transport"
	"imageserver/db"
)

// NewPipeServer is NewServer for a test in a bubble of testing/synctest.
func NewPipeServer(t testing.TB, o api.Options) *Server {
	t.Helper()
	return ServePipes(t, NewStore(t), o, 1)
}

// ServePipes starts a server for store whose connections are pipes in memory, for a test
// in a bubble of testing/synctest: there, time passes only while every goroutine waits.
// A pipe has no buffer, so a client that does not read stops the server at once. The
// client uses this major version of HTTP. The server has no page.
func ServePipes(t testing.TB, store db.Store, o api.Options, version int) *Server {
	t.Helper()
	log := new(Log)
	o.Log = slog.New(slog.NewJSONHandler(log, nil))
	handler := api.New(store, http.NotFoundHandler(), o)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(version == 1)
	protocols.SetUnencryptedHTTP2(version == 2)
	listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
	h := &http.Server{Handler: handler, ConnContext: transport.ConnContext, HTTP2: handler.HTTP2(), Protocols: protocols}
	done := make(chan struct{})
	go func() { defer close(done); h.Serve(listener) }()
	c := newClient("http://images.test", &http.Transport{Protocols: protocols, DialContext: listener.dial})
	t.Cleanup(func() {
		c.HTTP.CloseIdleConnections()
		h.Close()
		<-done
	})
	return &Server{c, store, log}
}

// pipeListener makes the connections of a server in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- localConn{server}:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	close(l.closed)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return localAddr }

var localAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}

// localConn is a connection from this machine.
type localConn struct{ net.Conn }

func (localConn) LocalAddr() net.Addr  { return localAddr }
func (localConn) RemoteAddr() net.Addr { return localAddr }
