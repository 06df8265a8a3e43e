package bolt_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/bolt"
)

// TestVariantWaitsForNoUpload: while slow uploads use all memory, PutVariant returns
// ErrBusy at once.
func TestVariantWaitsForNoUpload(t *testing.T) {
	t.Parallel()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "images.db"), bolt.Options{UploadMemory: 1, UploadWait: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	img, _, err := s.Put(t.Context(), "cat.png", strings.NewReader("cat"), db.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, _, err := s.Put(t.Context(), "slow.png", r, db.PutOptions{})
		done <- err
	}()
	w.Write([]byte("s")) // it has the memory now
	_, err = s.PutVariant(t.Context(), img.SHA256, "w=16", bytes.NewReader([]byte("small")), db.VariantOptions{Budget: 1 << 20})
	if !errors.Is(err, db.ErrBusy) {
		t.Errorf("PutVariant: got %v, want ErrBusy", err)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.PutVariant(t.Context(), img.SHA256, "w=16", bytes.NewReader([]byte("small")), db.VariantOptions{Budget: 1 << 20}); err != nil {
		t.Errorf("PutVariant after that: %v", err)
	}
}
