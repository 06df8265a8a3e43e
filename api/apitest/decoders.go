package apitest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"imageserver/api/imaging/codec"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/worker"
)

// The executable of each test that imports this package can be the program that a worker.Pool
// starts. Otherwise that would run all tests again.
func init() {
	if len(os.Args) > 2 && os.Args[1] == "decode" {
		cache := ""
		if len(os.Args) > 3 {
			cache = os.Args[3]
		}
		err := worker.Run(context.Background(), format.Type(os.Args[2]), cache, os.Stdin, os.Stdout)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Decoders returns decoders of types, or of all types, and the encoder of WebP. They end with
// the test.
func Decoders(t testing.TB, types ...format.Type) *worker.Pool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if len(types) == 0 {
		types = codec.Types()
	}
	cache := func() string { // shared by all tests, because a compilation takes seconds
		dir := filepath.Join(os.TempDir(), "imageserver-test-codecs")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return ""
		}
		return dir
	}
	p := worker.New(worker.Options{Types: types, Command: []string{self, "decode"}, Cache: cache, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(p.Close)
	return p
}
