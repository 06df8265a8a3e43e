package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// TestWorthRetrying checks that only failures that may be temporary are retried.
func TestWorthRetrying(t *testing.T) {
	over, end := context.WithCancel(t.Context())
	end()
	broken := func(err error) error { return &url.Error{Op: "Put", URL: "http://127.0.0.1/", Err: err} }
	for name, c := range map[string]struct {
		ctx    context.Context
		status int
		err    error
		want   bool
	}{
		"stored":            {t.Context(), 201, nil, false},
		"not an image":      {t.Context(), 415, nil, false},
		"too many":          {t.Context(), 429, nil, false}, // see sendAtRate
		"internal error":    {t.Context(), 500, nil, false},
		"bad gateway":       {t.Context(), 502, nil, true},
		"busy":              {t.Context(), 503, nil, true},
		"disk full":         {t.Context(), 507, nil, false},
		"connection ends":   {t.Context(), 0, broken(io.EOF), true},
		"no server listens": {t.Context(), 0, broken(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), false},
		"file changes":      {t.Context(), 0, broken(fmt.Errorf("read: %w", errChanged)), false},
		"interrupted":       {over, 0, broken(io.EOF), false},
		"interrupted, busy": {over, 503, nil, false},
	} {
		var resp *http.Response
		if c.status != 0 {
			resp = &http.Response{StatusCode: c.status}
		}
		got, err := worthRetrying(c.ctx, resp, c.err)
		if got != c.want || (c.ctx == over) != errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %t, %v, want %t", name, got, err, c.want)
		}
	}
}

// TestPassword checks that no error contains the password in the URL of the server.
func TestPassword(t *testing.T) {
	base := &url.URL{Scheme: "http", User: url.UserPassword("ann", "s3cret"), Host: "127.0.0.1:1"}
	r := Server(base, "")
	_, err := r.Stat(t.Context(), "cat.png")
	for _, err := range []error{err, r.foreign(), &failure{base: base}} {
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v", err)
		}
	}
}
