package layout

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
)

// newFile makes an empty bbolt file.
func newFile(t *testing.T) *bbolt.DB {
	t.Helper()
	bdb, err := bbolt.Open(filepath.Join(t.TempDir(), "images.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bdb.Close() })
	return bdb
}

// TestUpgrade takes a file to formats that do not exist yet. A step that fails
// leaves the file as it was, and a program of an earlier format refuses it.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	bdb := newFile(t)
	mark := func(name string) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error { return tx.Bucket(MetaBucket).Put([]byte(name), []byte("done")) }
	}
	fail := func(err error) func(*bbolt.Tx) error { return func(*bbolt.Tx) error { return err } }
	run := func(steps ...func(*bbolt.Tx) error) error {
		return upgrade(bdb, append(upgrades[:len(upgrades):len(upgrades)], steps...))
	}
	want := func(format int, marks ...string) {
		t.Helper()
		err := bdb.View(func(tx *bbolt.Tx) error {
			if have, err := parseFormat(tx.Bucket(MetaBucket).Get(FormatKey), 100); have != format || err != nil {
				t.Errorf("the file has format %d, %v, want %d", have, err, format)
			}
			for _, name := range []string{"next", "next but one"} {
				if got, want := tx.Bucket(MetaBucket).Get([]byte(name)) != nil, strings.Contains(fmt.Sprint(marks), name); got != want {
					t.Errorf("step %q ran: %t, want %t", name, got, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	newest := len(upgrades)
	if err := Upgrade(bdb); err != nil {
		t.Fatal(err)
	}
	want(newest)
	if err := run(mark("next"), fail(errors.New("cannot"))); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("upgrade to format %d: cannot", newest+2)) {
		t.Errorf("error %v, want the step that failed", err)
	}
	want(newest)
	if runtime.GOOS != "windows" { // where a full disk has another number
		if err := run(mark("next"), fail(syscall.ENOSPC)); !errors.Is(err, db.ErrFull) || !strings.Contains(err.Error(), "free some disk space") {
			t.Errorf("error %v, want ErrFull and what to do", err)
		}
		want(newest)
	}
	for range 2 { // the second time there is nothing left to do
		if err := run(mark("next"), mark("next but one")); err != nil {
			t.Fatal(err)
		}
		want(newest+2, "next but one")
	}
	refusal := fmt.Sprintf("newer version of this program (format %d, but this version reads only up to format %d); start the newer version", newest+2, newest)
	if err := Upgrade(bdb); err == nil || !strings.Contains(err.Error(), refusal) {
		t.Errorf("error %v, want %q", err, refusal)
	}
	want(newest+2, "next but one")
}
