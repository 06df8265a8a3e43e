package db_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"imageserver/db"
)

func TestCheckName(t *testing.T) {
	for _, c := range []struct{ name, want string }{ // want is empty for ErrName
		{"cat.png", "cat.png"},
		{"photo (1).png", "photo (1).png"},
		{"a#b?c%d.png", "a#b?c%d.png"},
		{"...cat", ""},
		{"cat", "cat"},
		{"-", "-"},
		{"a..b", "a..b"},
		{"猫 🐈.png", "猫 🐈.png"},
		{"\u2764\ufe0f.png", "\u2764\ufe0f.png"}, // an emoji's variation selector
		{"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.png", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.png"}, // Persian
		{"\u0915\u094d\u200d\u0937.png", "\u0915\u094d\u200d\u0937.png"},                                                 // Hindi
		{"\u0d30\u0d4d\u200d.png", "\u0d30\u0d4d\u200d.png"},                                                             // Malayalam, at the end of a word
		{"👨‍👩‍👧.png", "👨‍👩‍👧.png"},
		{"👩🏽‍🚀🏳️‍🌈❤️‍🔥", "👩🏽‍🚀🏳️‍🌈❤️‍🔥"},
		{"🏴󠁧󠁢󠁥󠁮󠁧󠁿.png", "🏴󠁧󠁢󠁥󠁮󠁧󠁿.png"},           // England, in tags
		{"\u0600\u0661.png", "\u0600\u0661.png"}, // a sign that is drawn around the number behind it
		{"\u1820\u180e\u1820", "\u1820\u180e\u1820"},
		{"cafe\u0301.png", "caf\u00e9.png"},
		{"\u212b.png", "\u00c5.png"},
		{"q\u0307\u0323.png", "q\u0323\u0307.png"},
		{strings.Repeat("n", 255), strings.Repeat("n", 255)},
		{strings.Repeat("e\u0301", 127), strings.Repeat("\u00e9", 127)}, // 381 bytes, 254 composed
		{"a" + strings.Repeat("\u0308", 30), "\u00e4" + strings.Repeat("\u0308", 29)},

		{"", ""},
		{".", ""},
		{"..", ""},
		{" ", ""},
		{".htaccess", ""},
		{"cat.", ""},
		{" cat", ""},
		{"cat\u3000", ""},
		{"a/b", ""},
		{`a\b`, ""},
		{"a\x00b", ""},
		{"a\nb", ""},
		{"a\u0085b", ""},
		{"a\u2028b", ""},
		{"gnp.\u202etac", ""}, // shown as cat.png backwards
		{"a\u200bb", ""},      // zero width
		{"a\u00adb", ""},      // soft hyphen
		{"cat\u200d.png", ""}, // a joiner that joins nothing
		{"\u200ccat.png", ""},
		{"\u0645\u06cc\u200c\u200c\u062e", ""}, // two of them
		{"я\u200dя", ""},
		{"a\U000e0061", ""}, // a tag that is not a flag's
		{"🏴󠁧󠁢󠁥󠁮󠁧󠁧󠁧󠁧󠁿.png", ""}, // text hidden behind a flag
		{"a\u3164b", ""},                         // Hangul filler
		{"a\u034fb", ""},                         // combining grapheme joiner
		{"a" + strings.Repeat("\u0308", 40), ""}, // which norm inserts here
		{"caf\xe9.png", ""},
		{"\xed\xa0\x80", ""}, // a surrogate
		{strings.Repeat("n", 256), ""},
		{strings.Repeat("é", 128), ""},
		{strings.Repeat("\u0958", 60), ""}, // 180 bytes that are 360 in form C
	} {
		got, err := db.CheckName(c.name)
		if got != c.want || errors.Is(err, db.ErrName) != (c.want == "") {
			t.Errorf("CheckName(%+q): got %+q and %v, want %+q", c.name, got, err, c.want)
		}
	}
}

func TestCleanName(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"cat.png", "cat.png"},
		{"photo (1).PNG", "photo (1).PNG"},
		{"猫 🐈.png", "猫 🐈.png"},
		{"cafe\u0301.png", "caf\u00e9.png"},
		{`C:\Users\me\cat.png`, "cat.png"},
		{"../../etc/passwd", "passwd"},
		{`a\b/c\d.png`, "d.png"},
		{"a#b?c%d.png", "a_b_c_d.png"},
		{"100%.png", "100_.png"},
		{" .cat.png. ", "cat.png"},
		{".htaccess", "htaccess"},
		{"\u202ecat\u200b.png\x00\n", "cat.png"},
		{"\u200b.cat.png", "cat.png"}, // the dot is at the end only now
		{"e\u200b\u0301.png", "\u00e9.png"},
		{"caf\xe9.png", "caf_.png"},
		{"", "image.png"},
		{"///", "image.png"},
		{". . .", "image.png"},
		{"photos/", "image.png"},
		{"\u200b", "image.png"},
		{strings.Repeat("n", 300) + ".jpeg", strings.Repeat("n", 250) + ".jpeg"},
		{strings.Repeat("猫", 100) + ".png", strings.Repeat("猫", 83) + ".png"},                   // 253 bytes
		{strings.Repeat("n", 300), strings.Repeat("n", 255)},                                    // no extension
		{"cat." + strings.Repeat("n", 300), "cat." + strings.Repeat("n", 251)},                  // nor here
		{strings.Repeat("n", 240) + " . . . . . . . . .png", strings.Repeat("n", 240) + ".png"}, // cut before dots and spaces
		{"a" + strings.Repeat("\u0308", 40) + "b.png", "\u00e4" + strings.Repeat("\u0308", 29) + "b.png"},
	} {
		got := db.CleanName(c.name, ".png")
		if got != c.want {
			t.Errorf("CleanName(%+q): got %+q, want %+q", c.name, got, c.want)
		}
		if checked, err := db.CheckName(got); checked != got || err != nil {
			t.Errorf("CheckName(%+q): got %+q and %v, want it unchanged", got, checked, err)
		}
	}
	if got, want := db.CleanName("", ""), "image"; got != want {
		t.Errorf("CleanName of nothing: got %q, want %q", got, want)
	}
}

func TestNumbered(t *testing.T) {
	long := strings.Repeat("n", 251)
	for _, c := range []struct {
		name string
		n    int
		want string
	}{
		{"cat.png", 2, "cat-2.png"},
		{"cat.png", 1234, "cat-1234.png"},
		{"cat", 2, "cat-2"},
		{"cat.tar.gz", 2, "cat.tar-2.gz"},
		{"cat-2.png", 2, "cat-2-2.png"},
		{"a.not an extension", 2, "a.not an extension-2"},
		{"猫.png", 2, "猫-2.png"},
		{long + ".png", 2, long[:249] + "-2.png"},
		{long + ".png", 10, long[:248] + "-10.png"},
		{strings.Repeat("猫", 85), 2, strings.Repeat("猫", 84) + "-2"},
		{strings.Repeat("n", 247) + ". .png", 10, strings.Repeat("n", 247) + "-10.png"}, // no dot or space before the number
	} {
		got := db.Numbered(c.name, c.n)
		if got != c.want {
			t.Errorf("Numbered(%q, %d): got %q, want %q", c.name, c.n, got, c.want)
		}
		if !db.IsNumbered(c.name, got) {
			t.Errorf("IsNumbered(%q, %q): got false, want true", c.name, got)
		}
		if prefix := db.NumberedPrefix(c.name); !strings.HasPrefix(got, prefix) {
			t.Errorf("NumberedPrefix(%q): got %q, want how %q begins", c.name, prefix, got)
		}
	}
}

func TestIsNumbered(t *testing.T) {
	for _, c := range []struct {
		name, candidate string
		want            bool
	}{
		{"cat.png", "cat-2.png", true},
		{"cat.png", "cat-10.png", true},
		{"cat", "cat-2", true},
		{"cat-2.png", "cat-2-2.png", true},
		{"cat.png", "cat.png", false},
		{"cat.png", "cat-1.png", false},
		{"cat.png", "cat-0.png", false},
		{"cat.png", "cat--2.png", false},
		{"cat.png", "cat-+2.png", false},
		{"cat.png", "cat-02.png", false},
		{"cat.png", "cat-2.jpg", false},
		{"cat.png", "cat-2", false},
		{"cat.png", "cat-2.png.png", false},
		{"cat.png", "cat-x.png", false},
		{"cat.png", "cats-2.png", false},
		{"cat.png", "cat-2-3.png", false},
		{"cat.png", "cat-99999999999999999999.png", false},
		{"cat.png", "2.png", false},
		{"2", "2", false},
		{"cat.png", ".png", false},
		{"cat.png", "-.png", false},
	} {
		if got := db.IsNumbered(c.name, c.candidate); got != c.want {
			t.Errorf("IsNumbered(%q, %q): got %t, want %t", c.name, c.candidate, got, c.want)
		}
	}
}

// FuzzName holds what every name a stranger sends must obey.
func FuzzName(f *testing.F) {
	for _, name := range []string{
		"cat.png", "", " . ", "a/b\\c.png", "a#b?c%d", "caf\xe9", "e\u200b\u0301", ".\u0301", "\u3164.png", "x.\u202egnp",
		strings.Repeat("n", 300) + ".png", strings.Repeat("猫", 90), strings.Repeat("\u0344", 40) + ".png",
		strings.Repeat("\u1161", 40), "a" + strings.Repeat("\u0308", 70) + "\u0f71\u0f72", "cat." + strings.Repeat("\u0308", 40),
		"می\u200cخواهم", strings.Repeat("👨\u200d", 50), "=\u200d\u0338\u200dخ", strings.Repeat("🏴"+england, 20), "ᠠ\u180eᠠ", "র\u200d্য",
	} {
		f.Add(name, 2)
		f.Add(name, 1<<40)
	}
	f.Fuzz(func(t *testing.T, name string, n int) {
		clean := db.CleanName(name, ".png")
		wantGood(t, clean)
		if again := db.CleanName(clean, ".png"); again != clean {
			t.Errorf("CleanName of %+q, which is clean: got %+q", clean, again)
		}
		if strings.ContainsAny(clean, `/\#?%`) {
			t.Errorf("CleanName(%+q): got %+q, want it safe in a URL", name, clean)
		}
		if kept := db.CleanName(clean+".jpeg", ".png"); !strings.HasSuffix(kept, ".jpeg") {
			t.Errorf("CleanName(%+q): got %+q, want the extension kept", clean+".jpeg", kept)
		}

		checked, err := db.CheckName(name)
		if err != nil {
			if checked != "" || !errors.Is(err, db.ErrName) {
				t.Errorf("CheckName(%+q): got %+q and %v, want ErrName", name, checked, err)
			}
			checked = clean
		} else {
			wantGood(t, checked)
			if !strings.ContainsAny(name, "#?%") && clean != checked {
				t.Errorf("CleanName(%+q): got %+q, want %+q, which is good already", name, clean, checked)
			}
		}
		wantNumbers(t, checked, max(n, 2))
	})
}

// TestNameErrors: the error says what is wrong in words. It shows a visible character, and
// the code point of an invisible character.
func TestNameErrors(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a/b.png":                `this name cannot be used: "a/b.png" contains "/"`,
		`a\b.png`:                `this name cannot be used: "a\\b.png" contains "\"`,
		"a\u200bb":               `this name cannot be used: "a\u200bb" contains the invisible character U+200B`,
		".x":                     `this name cannot be used: ".x" begins or ends with a dot or a space`,
		"":                       `this name cannot be used: it is empty`,
		strings.Repeat("n", 256): `this name cannot be used: it is too long (256 bytes, the limit is 255)`,
		"caf\xe9":                `this name cannot be used: "caf\xe9" is not valid UTF-8`,
	} {
		if _, err := db.CheckName(name); err == nil || err.Error() != want {
			t.Errorf("CheckName(%+q): got %v, want %s", name, err, want)
		}
	}
}

// TestInvisible: a character that shows nothing is dropped by CleanName and
// refused by CheckName, unless a word or an emoji is written with it.
func TestInvisible(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, name, want string }{
		{"Persian, a non-joiner in a word", "می\u200cخواهم.png", "می\u200cخواهم.png"},
		{"Persian, a suffix of a Latin word", "PDF\u200cها.png", "PDF\u200cها.png"},
		{"Persian, a suffix of a number", "۱۲\u200cتایی.png", "۱۲\u200cتایی.png"},
		{"Persian, an initial form", "سال ۱۴۰۰ ه\u200d.png", "سال ۱۴۰۰ ه\u200d.png"},
		{"Hindi, a half form", "क्\u200dष.png", "क्\u200dष.png"},
		{"Hindi, no conjunct", "क्\u200cष.png", "क्\u200cष.png"},
		{"Bengali, a joiner before the virama", "র\u200d্য.png", "র\u200d্য.png"},
		{"Sinhala", "ශ්\u200dරී ලංකා.png", "ශ්\u200dරී ලංකා.png"},
		{"Malayalam, a chillu", "അവന്\u200d.png", "അവന്\u200d.png"},
		{"Mongolian, a vowel separator", "ᠬᠠᠨ\u180eᠠ.png", "ᠬᠠᠨ\u180eᠠ.png"},
		{"Mongolian, a variation selector", "ᠠ\u180b.png", "ᠠ\u180b.png"},
		{"Arabic, the sign of a year", "\u0601١٩٩٩.png", "\u0601١٩٩٩.png"},
		{"a Han variant", "葛\U000e0100.png", "葛\U000e0100.png"},
		{"emoji, a family", "👨\u200d👩\u200d👧.png", "👨\u200d👩\u200d👧.png"},
		{"emoji, a skin tone", "👩🏽\u200d🚀.png", "👩🏽\u200d🚀.png"},
		{"emoji, a rainbow flag", "🏳\ufe0f\u200d🌈.png", "🏳\ufe0f\u200d🌈.png"},
		{"emoji, an arrow", "🙂\u200d↔\ufe0f.png", "🙂\u200d↔\ufe0f.png"},
		{"emoji, the flag of England", "🏴" + england + ".png", "🏴" + england + ".png"},

		{"a joiner between Latin letters", "a\u200db.png", "ab.png"},
		{"a non-joiner between Latin letters", "a\u200cb.png", "ab.png"},
		{"a joiner at the beginning", "\u200dخ.png", "خ.png"},
		{"a non-joiner at the end of a word", "می\u200c.png", "می.png"},
		{"a non-joiner at the end of a name", "می\u200c", "می"},
		{"two non-joiners", "می\u200c\u200cخ.png", "می\u200cخ.png"},
		{"two joiners", "👨\u200d\u200d👩.png", "👨\u200d👩.png"},
		{"both joiners", "क्\u200d\u200cष.png", "क्\u200dष.png"},
		{"a joiner after an emoji", "👨\u200d.png", "👨.png"},
		{"a joiner before an emoji", "a\u200d👨.png", "a👨.png"},
		{"a vowel separator between Latin letters", "a\u180eb.png", "ab.png"},
		{"tags after a letter", "a" + england + ".png", "a.png"},
		{"tags without an end", "🏴\U000e0067\U000e0062\U000e0065.png", "🏴.png"},
		{"tags after a flag", "🏴" + england + england + ".png", "🏴" + england + ".png"},
		{"more tags than a place has", "🏴" + strings.Repeat("\U000e0061", 40) + "\U000e007f.png", "🏴.png"},
		{"a language tag", "a\U000e0001b.png", "ab.png"},
		{"a mark behind a joiner that goes", "e\u200d\u0301.png", "\u00e9.png"},
		{"a mark of right to left", "a\u200fb\u061cc.png", "abc.png"},
		{"isolates", "a\u2066b\u2069.png", "ab.png"},
		{"a byte order mark", "\ufeffcat.png", "cat.png"},
		{"a soft hyphen", "c\u00adat.png", "cat.png"},
		{"a word joiner", "c\u2060at.png", "cat.png"},
		{"Hangul fillers", "c\u115f\u1160\u3164\uffa0at.png", "cat.png"},
		{"a grapheme joiner", "c\u034fat.png", "cat.png"},
		{"Khmer inherent vowels", "ក\u17b4\u17b5.png", "ក.png"},
		{"an annotation", "c\ufff9at\ufffb.png", "cat.png"},
	} {
		clean := db.CleanName(c.name, "")
		if clean != c.want {
			t.Errorf("%s: CleanName(%+q): got %+q, want %+q", c.what, c.name, clean, c.want)
		}
		wantGood(t, clean)
		if checked, err := db.CheckName(c.name); (err == nil) != (c.name == c.want) || err != nil && !errors.Is(err, db.ErrName) {
			t.Errorf("%s: CheckName(%+q): got %+q and %v, want ErrName only if CleanName changes it", c.what, c.name, checked, err)
		}
	}
}

// england is what follows a black flag in the flag of England.
const england = "\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"

// TestCutJoined: a name is never cut so that it ends with a joiner or a tag.
func TestCutJoined(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"👨\u200d👩\u200d👧", "می\u200cخ", "क्\u200dष", "র\u200d্য", "🏴" + england} {
		for room := range 40 {
			name := db.CleanName(strings.Repeat("n", room)+strings.Repeat(unit, 40)+".png", "")
			wantGood(t, name)
			wantNumbers(t, name, 2)
			wantNumbers(t, name, 1<<40)
		}
	}
}

// wantGood fails unless CheckName takes name as it is.
func wantGood(t *testing.T, name string) {
	t.Helper()
	if got, err := db.CheckName(name); got != name || err != nil {
		t.Errorf("CheckName(%+q): got %+q and %v, want it unchanged", name, got, err)
	}
}

// wantNumbers checks the n-th name for images with the same name.
func wantNumbers(t *testing.T, name string, n int) {
	t.Helper()
	got := db.Numbered(name, n)
	wantGood(t, got)
	if !strings.Contains(got, "-"+strconv.Itoa(n)) {
		t.Errorf("Numbered(%+q, %d): got %+q, want the number in it", name, n, got)
	}
	if !db.IsNumbered(name, got) {
		t.Errorf("IsNumbered(%+q, %+q): got false, want true", name, got)
	}
	if prefix := db.NumberedPrefix(name); !strings.HasPrefix(got, prefix) || prefix == "" {
		t.Errorf("NumberedPrefix(%+q): got %+q, want how %+q begins", name, prefix, got)
	}
	if other := db.Numbered(name, n-1); other == got {
		t.Errorf("Numbered(%+q): got %+q for %d and %d, want two names", name, got, n, n-1)
	}
}
