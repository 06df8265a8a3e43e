package transfer

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imageserver/db"
)

// TestImageName: where a file's name comes from.
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
			continue // there it parts folders
		}
		got, err := imageName(filepath.FromSlash(rel))
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", rel, got, err, want)
		}
		if name, err := db.CheckName(got); err != nil || name != got {
			t.Errorf("%q: got %q, which is no name: %v", rel, got, err)
		}
	}
	if got, err := imageName("caf\xe9.png"); !errors.Is(err, errEncoding) {
		t.Errorf("not UTF-8: got %q, %v, want %v", got, err, errEncoding)
	}
	tooLong := strings.Repeat("y", 300) + ".png"
	if got, err := imageName(tooLong); err != nil || len(got) != db.MaxNameBytes || !strings.HasSuffix(got, "y.png") {
		t.Errorf("a file system may have longer names: got %q, %v", got, err)
	}
}

// TestFileNames: what files are called, in the order of their upload.
func TestFileNames(t *testing.T) {
	long := strings.Repeat("x", db.MaxNameBytes-len("con..png"))
	for _, c := range []struct{ images, want []string }{
		{[]string{"cat.png", "dog.png"}, []string{"cat.png", "dog.png"}},
		{[]string{"cat.png", "Cat.png", "CAT.PNG"}, []string{"cat.png", "Cat-2.png", "CAT-3.PNG"}},
		{[]string{"Cat.png", "cat.png", "cat-2.png"}, []string{"Cat.png", "cat-3.png", "cat-2.png"}},
		{[]string{"straße.png", "STRASSE.png"}, []string{"straße.png", "STRASSE-2.png"}},
		{[]string{"é.png", "É.png"}, []string{"é.png", "É-2.png"}},
		{[]string{"10:30.png", "10_30.png"}, []string{"10_30-2.png", "10_30.png"}},
		{[]string{`<a>"b"|c?*.png`}, []string{"_a__b__c__.png"}},
		{[]string{"con", "CON.png", "nul.tar.gz", "com1.png", "LPT¹.png", "aux .png", "conin$"},
			[]string{"_con", "_CON.png", "_nul.tar.gz", "_com1.png", "_LPT¹.png", "_aux .png", "_conin$"}},
		{[]string{"icon.png", "con-2.png", "com.png", "com10.png", "auxiliary.png", "nul_.png"},
			[]string{"icon.png", "con-2.png", "com.png", "com10.png", "auxiliary.png", "nul_.png"}},
		{[]string{"100%.png", "#1.png", "a&b.png", "-rf.png", "~.png"}, []string{"100%.png", "#1.png", "a&b.png", "-rf.png", "~.png"}},
		{[]string{"con." + long + ".png"}, []string{"_con." + long[:len(long)-1] + ".png"}},
	} {
		var images []db.Image
		for _, name := range c.images {
			images = append(images, db.Image{Name: name})
		}
		got := fileNames(images)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.images, got, c.want)
		}
		for _, name := range got {
			if len(name) > db.MaxNameBytes {
				t.Errorf("%q has %d bytes", name, len(name))
			}
		}
	}
}
