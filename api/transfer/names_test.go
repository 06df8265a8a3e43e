package transfer

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"imageserver/db"
)

// TestImageName checks the image names of files in subfolders, of long paths and of
// names that images cannot have.
func TestImageName(t *testing.T) {
	long := strings.Repeat("x", 200)
	for rel, want := range map[string]string{
		"cat.png":                     "cat.png",
		"2024/cat.png":                "2024_cat.png",
		"2024/May Day/cat.png":        "2024_May Day_cat.png",
		"2024 /cat.png":               "2024 _cat.png",
		"100%/#1?.png":                "100%_#1?.png",
		"e\u0301.png":                 "é.png",
		"con/aux.png":                 "con_aux.png",
		`a\b.png`:                     "a_b.png",
		" cat.png":                    "cat.png",
		"cat.png. ":                   "cat.png",
		"a/b\u202egnp.png":            "a_bgnp.png",
		"new\nline.png":               "newline.png",
		"a/" + long + "/cat.png":      "a_" + long + "_cat.png",
		long + "/" + long + "/b.png":  long + "_b.png",
		long + "/" + long + long[:55]: long + long[:55],
	} {
		if filepath.Separator == '\\' && strings.Contains(rel, `\`) {
			continue // on Windows, a backslash separates folders
		}
		got, err := imageName(filepath.FromSlash(rel))
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", rel, got, err, want)
		}
		if name, err := db.CheckName(got); err != nil || name != got {
			t.Errorf("%q: got %q, which is not a valid name: %v", rel, got, err)
		}
	}
	if got, err := imageName("caf\xe9.png"); !errors.Is(err, errEncoding) {
		t.Errorf("not UTF-8: got %q, %v, want %v", got, err, errEncoding)
	}
	tooLong := strings.Repeat("y", 300) + ".png"
	if got, err := imageName(tooLong); err != nil || len(got) != db.MaxNameBytes || !strings.HasSuffix(got, "y.png") {
		t.Errorf("a name of 304 bytes: got %q, %v, want its first %d bytes and extension", got, err, db.MaxNameBytes)
	}
}
