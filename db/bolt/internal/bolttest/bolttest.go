// Package bolttest has functions that the tests of db/bolt and of db/bolt/offline
// share. It does not import db/bolt, because the tests of db/bolt import bolttest.
package bolttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// Must stops the test if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// OneCaller skips a slow test with -short. The test calls the store from one goroutine, so the
// race detector, which makes it ten times slower, finds in it only what it finds in other tests.
func OneCaller(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: slow, and has one caller")
	}
}

// Content returns n bytes. For each seed, the bytes are different.
func Content(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i>>8) ^ seed ^ byte(i)
	}
	return b
}

// Put stores an image. If another image has the name, Put replaces it.
func Put(t testing.TB, s db.Store, name string, content []byte) db.Image {
	t.Helper()
	img, _, err := s.Put(context.Background(), name, bytes.NewReader(content), db.PutOptions{Conflict: db.Replace})
	Must(t, err)
	return img
}

// Read returns the bytes of an image.
func Read(t testing.TB, s db.Store, name string) []byte {
	t.Helper()
	_, body, err := s.Get(context.Background(), name)
	Must(t, err)
	defer body.Close()
	b, err := io.ReadAll(body)
	Must(t, err)
	return b
}

// Fill fills an empty store, so that every bucket of the layout has entries. It returns
// the images.
func Fill(t testing.TB, s db.Store) (images map[string][]byte) {
	t.Helper()
	ctx := context.Background()
	images = map[string][]byte{}
	put := func(name string, b []byte, o db.PutOptions) {
		t.Helper()
		_, _, err := s.Put(ctx, name, bytes.NewReader(b), o)
		Must(t, err)
		images[name] = b
	}
	const chunk = layout.ChunkSize
	for i, size := range []int{0, 1, 500, 5000, chunk, chunk + 1, 3*chunk + 7, 10 * chunk} {
		put(fmt.Sprintf("%d.png", i), Content(byte(i), size), db.PutOptions{})
	}
	for i := range 60 {
		put(fmt.Sprintf("small %d.png", i), Content(byte(i), 300+i), db.PutOptions{DeleteKeyHash: db.Digest{byte(i), 1}})
	}
	put("twin.png", images["3.png"], db.PutOptions{})
	put("ends.png", Content(70, 2000), db.PutOptions{Expires: time.Now().Add(time.Hour)})
	for i := range 5 {
		name := fmt.Sprintf("gone %d.png", i%3)
		put(name, Content(byte(80+i), 3000), db.PutOptions{})
		Must(t, s.Delete(ctx, name, db.DeleteOptions{TrashTTL: time.Hour}))
		delete(images, name)
	}
	img, err := s.Stat(ctx, "6.png")
	Must(t, err)
	for i := range 5 {
		_, err := s.PutVariant(ctx, img.SHA256, fmt.Sprint("w=", i), bytes.NewReader(Content(byte(90+i), 4000)), db.VariantOptions{Budget: 1 << 20})
		Must(t, err)
	}
	put("freed.png", Content(99, 2e6), db.PutOptions{})
	Must(t, s.Delete(ctx, "freed.png", db.DeleteOptions{}))
	delete(images, "freed.png")
	return images
}

// Pages reads the meta pages of a file.
func Pages(t testing.TB, path string) *page.File {
	t.Helper()
	f, err := os.Open(path)
	Must(t, err)
	t.Cleanup(func() { f.Close() })
	p, err := page.Read(f)
	Must(t, err)
	return p
}

// Overwrite writes b to a file at offset `off`.
func Overwrite(t testing.TB, path string, off int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	Must(t, err)
	defer f.Close()
	_, err = f.WriteAt(b, off)
	Must(t, err)
}

// Edit runs fn in a write transaction of a data file that no store has open.
func Edit(t testing.TB, path string, fn func(tx *bbolt.Tx) error) {
	t.Helper()
	bdb, err := bbolt.Open(path, 0o600, nil)
	Must(t, err)
	defer bdb.Close()
	Must(t, bdb.Update(fn))
}
