package dbtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imageserver/db"
)

// testOddNames stores images with valid names that are difficult for an engine which
// makes keys, paths or URLs of names.
func testOddNames(t *testing.T, s db.Store) {
	odd := []string{
		"a", "0", "-", "a b.png", "photo (1).png", "a#b?c%d.png", "a%2Fb.png", "a+b&c=d.png",
		`"quoted" 'twice'.png`, "back`tick$(id).png", "a:b*c|d<e>.png", "con", "nul.png", "~", "-rf",
		"a..b.png", "a . b.png", "images", "recent", "digests", "blobs", "orphans",
		"猫.png", "кот.jpg", "قطة.gif", "🐈.png", "\u2764\ufe0f.png", "می\u200cخواهم.png", "👨\u200d👩\u200d👧.png", "\u00e9", "\ufb01.png", "\U0010fffd.png", "\ufffd\uffff.png",
		strings.Repeat("n", db.MaxNameBytes),
		strings.Repeat("n", db.MaxNameBytes-4) + ".png",
		strings.Repeat("猫", (db.MaxNameBytes-4)/3) + ".png",
	}
	for _, name := range odd {
		create(t, s, name, []byte(name))
	}
	for _, name := range odd {
		img, err := s.Stat(t.Context(), name)
		if err != nil {
			t.Errorf("Stat(%q): %v", name, err)
			continue
		}
		wantStored(t, s, img, []byte(name))
	}
	if got := listAll(t, s, db.ListOptions{Limit: 7}); len(got) != len(odd) {
		t.Errorf("List: got %d images, want %d", len(got), len(odd))
	}
	wantConsistent(t, s)
	for _, name := range odd {
		remove(t, s, name)
	}
	wantUsage(t, s, db.Usage{})
}

// testNearNames: two names are different even if they begin alike, or differ only in
// upper and lower case.
func testNearNames(t *testing.T, s db.Store) {
	near := []string{"cat.png", "Cat.png", "CAT.PNG", "cat.pn", "cat.png2", "cat.png-2", "cat-2.png", "cat", "ca", "cat .png", "\ufb01", "fi", "नक्ष", "नक्\u200dष", "नक्\u200cष"}
	for _, name := range near {
		create(t, s, name, []byte(name))
	}
	for i, name := range near {
		remove(t, s, name)
		wantAbsent(t, s, name)
		for _, other := range near[i+1:] {
			if _, data, err := load(t.Context(), s, other); err != nil || string(data) != other {
				t.Errorf("Get(%q) after Delete(%q): got %q and %v", other, name, data, err)
			}
		}
	}
}

// testNormalForms: Unicode has several spellings of one character. File names from
// macOS are in form D, and all others in form C.
func testNormalForms(t *testing.T, s db.Store) {
	for _, c := range []struct{ nfc, other string }{
		{"caf\u00e9.png", "cafe\u0301.png"},
		{"\u00c4\u00d6.png", "A\u0308O\u0308.png"},
		{"\uac01.png", "\u1100\u1161\u11a8.png"},         // Hangul
		{"\u00c5.png", "\u212b.png"},                     // the Ångström sign
		{"q\u0323\u0307.png", "q\u0307\u0323.png"},       // the order of marks
		{"\u1e69\u00e9.png", "s\u0307\u0323e\u0301.png"}, // composed letters, and another order of marks
	} {
		img, outcome, err := tryPut(t.Context(), s, c.other, []byte(c.nfc), db.PutOptions{})
		if err != nil || outcome != db.Created || img.Name != c.nfc {
			t.Errorf("Put(%+q): got %+q, %s and %v, want %+q Created", c.other, img.Name, outcomes[outcome], err, c.nfc)
			continue
		}
		wantStored(t, s, img, []byte(c.nfc))
		if got, _, err := load(t.Context(), s, c.other); err != nil {
			t.Errorf("Get(%+q): %v", c.other, err)
		} else {
			wantImage(t, "Get in another form", got, img)
		}
		put(t, s, c.nfc, []byte(c.nfc), db.PutOptions{}, db.Unchanged)
		remove(t, s, c.other)
		wantAbsent(t, s, c.nfc)
	}
	wantUsage(t, s, db.Usage{})
}

func testBadNames(t *testing.T, s db.Store) {
	for _, name := range []string{
		"", ".", "..", " ", "/", `\`, "a/b.png", `a\b.png`, "/cat.png", "../cat.png",
		".cat.png", "cat.png.", " cat.png", "cat.png ", "\u00a0cat.png",
		"a\x00b.png", "a\nb.png", "a\x7fb.png", "a\u0085b.png",
		"a\u202eb.png", "a\u200bb.png", "a\u200cb.png", "a\u200db.png", "a\ufeffb.png", "a\u2028b.png",
		"\xff.png", "caf\xe9.png", "\xed\xa0\x80.png",
		strings.Repeat("n", db.MaxNameBytes+1),
		strings.Repeat("\u0344", db.MaxNameBytes/2), // becomes longer in form C
	} {
		_, _, err := s.Put(t.Context(), name, strings.NewReader("bytes"), db.PutOptions{})
		wantError(t, fmt.Sprintf("Put(%q)", name), err, db.ErrName)
		_, body, err := s.Get(t.Context(), name)
		wantError(t, fmt.Sprintf("Get(%q)", name), err, db.ErrName)
		if err == nil {
			body.Close()
		}
		_, err = s.Stat(t.Context(), name)
		wantError(t, fmt.Sprintf("Stat(%q)", name), err, db.ErrName)
		err = s.Delete(t.Context(), name, db.DeleteOptions{})
		wantError(t, fmt.Sprintf("Delete(%q)", name), err, db.ErrName)
	}
	wantUsage(t, s, db.Usage{})
}

// testNaughtyNames uses the Big List of Naughty Strings as names. Each string is
// refused as a name, or an image is stored and found under it. CleanName makes a valid
// name from each string.
func testNaughtyNames(t *testing.T, s db.Store) {
	raw, err := os.ReadFile(filepath.Join(corpus(t), "names", "blns.json"))
	if err != nil {
		t.Fatal(err)
	}
	var naughty []string
	if err := json.Unmarshal(raw, &naughty); err != nil {
		t.Fatal(err)
	}
	for _, name := range naughty {
		img, _, err := tryPut(t.Context(), s, name, []byte(name), db.PutOptions{Conflict: db.Replace})
		switch checked, bad := db.CheckName(name); {
		case bad != nil:
			wantError(t, fmt.Sprintf("Put(%q)", name), err, db.ErrName)
		case err != nil || img.Name != checked:
			t.Errorf("Put(%q): got %q and %v, want %q", name, img.Name, err, checked)
		default:
			wantStored(t, s, img, []byte(name))
		}

		clean := db.CleanName(name, ".png")
		if clean == img.Name {
			continue // this name was just tried
		}
		img, _, err = tryPut(t.Context(), s, clean, []byte("clean "+name), db.PutOptions{})
		if err != nil {
			t.Errorf("Put(%q), made of %q: %v", clean, name, err)
			continue
		}
		wantStored(t, s, img, []byte("clean "+name))
	}
	wantConsistent(t, s)
}

// corpus returns the folder shared/corpus beside the module. If there is no such
// folder, it skips t. The tests of an engine run in its package folder.
func corpus(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		found := filepath.Join(dir, "shared", "corpus")
		if _, err := os.Stat(found); err == nil {
			return found
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skip("no folder shared/corpus above the working directory: its names are not tried")
		}
		dir = parent
	}
}
