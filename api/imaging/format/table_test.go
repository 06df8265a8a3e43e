package format_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
)

// TestEveryFormat fails for a type that is missing in one of the places that the
// package comment lists under "Adding a format".
func TestEveryFormat(t *testing.T) {
	fuzzTargets := strings.ToLower(string(readFile(t, "fuzz_test.go")))
	rows := endless()
	endless := []format.Type{format.BMP, format.HEIC} // BMP's header has a fixed size; HEIC is read like AVIF
	for name := range rows {
		if typ, err := format.Parse(name[:strings.Index(name, " ")]); err == nil {
			endless = append(endless, typ)
		}
	}
	corpus := []format.Type{format.JXL, format.SVG} // of which there are no images of others
	for _, typ := range corpusFolders {
		corpus = append(corpus, typ)
	}
	for _, typ := range format.Types() {
		checkRow(t, typ)
		if !hasSample(typ) {
			t.Errorf("%s has no line in samples", typ)
		}
		if !strings.Contains(fuzzTargets, "func fuzz"+string(typ)+"(") {
			t.Errorf("%s has no target in fuzz_test.go", typ)
		}
		if !slices.Contains(endless, typ) {
			t.Errorf("%s has no row in endless", typ)
		}
		if !slices.Contains(corpus, typ) {
			t.Errorf("%s has no folder in corpusFolders", typ)
		}
	}
}

// checkRow checks the names in the table. No two types may share a name.
func checkRow(t *testing.T, typ format.Type) {
	t.Helper()
	if got := format.ByMIME(typ.MIME()); got != typ || !strings.HasPrefix(typ.MIME(), "image/") {
		t.Errorf("%s: ByMIME(%q) = %q, want %q and a media type of an image", typ, typ.MIME(), got, typ)
	}
	if len(typ.Extensions()) == 0 {
		t.Errorf("%s has no extension", typ)
	}
	for _, name := range append(typ.Extensions(), string(typ)) {
		if got, err := format.Parse(name); got != typ || name != strings.ToLower(name) {
			t.Errorf("%s: Parse(%q) = %q, %v, want %q", typ, name, got, err, typ)
		}
	}
}

func hasSample(typ format.Type) bool {
	for _, info := range samples {
		if info.Type == typ {
			return true
		}
	}
	return false
}

// TestExtensions checks that each file in testdata has an extension of the type
// that Detect finds. A file of a format that the table lacks fails.
func TestExtensions(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/*.*")
	if err != nil || len(files) < len(samples) {
		t.Fatalf("got %d files, %v, want the %d samples and more", len(files), err, len(samples))
	}
	for _, file := range files {
		name := filepath.Base(file)
		if name == "README.md" {
			continue
		}
		want, err := format.Parse(strings.TrimPrefix(filepath.Ext(name), "."))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := detect(content); got.Type != want || err != nil {
			t.Errorf("%s: got %v, %v, want %q", name, got, err, want)
		}
	}
}
