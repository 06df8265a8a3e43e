package ui_test

import (
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"imageserver/api"
	"imageserver/db/bolt"
	"imageserver/ui"
)

// newServer starts the real server on a fresh store and returns its URL. It
// asks for the token if there is one.
func newServer(t *testing.T, token string) string {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	log := slog.New(slog.NewTextHandler(t.Output(), nil)) // seen where a test fails
	server := httptest.NewServer(api.New(store, ui.Handler(), api.Options{Token: token, Log: log}))
	t.Cleanup(server.Close)
	return server.URL
}
