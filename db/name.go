package db

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxNameBytes is the length of the longest name, in bytes of UTF-8. The common file
// systems allow names of this length: ext4, APFS, and NTFS with its 255 UTF-16 units.
// So every image can be exported under its own name.
const MaxNameBytes = 255

// maxExtBytes is the length of the longest suffix that is a file name extension,
// including its dot.
const maxExtBytes = 16

// CheckName returns `name` in Unicode normal form C. If the name is not valid, it
// returns an error that wraps ErrName and says what is wrong. A valid name is UTF-8 of
// 1 to MaxNameBytes bytes. It has no slashes, no backslashes, no control characters,
// and no invisible characters (see dropInvisible). It does not begin or end with a dot
// or a space.
func CheckName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: %q is not valid UTF-8", ErrName, name)
	}
	name = norm.NFC.String(name)
	switch {
	case name == "":
		return "", fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > MaxNameBytes:
		return "", fmt.Errorf("%w: it is too long (%d bytes, the limit is %d)", ErrName, len(name), MaxNameBytes)
	}
	if i := strings.IndexAny(name, `/\`); i >= 0 {
		return "", fmt.Errorf("%w: %q contains \"%c\"", ErrName, name, name[i])
	}
	if visible := dropInvisible(name); visible != name {
		return "", fmt.Errorf("%w: %q contains the invisible character %U", ErrName, name, firstDropped(name, visible))
	}
	if strings.TrimFunc(name, trimmed) != name {
		return "", fmt.Errorf("%w: %q begins or ends with a dot or a space", ErrName, name)
	}
	return name, nil
}

// CleanName makes a valid name from the file name that a client sends. It makes only
// the changes that are necessary. It uses the part after the last slash or backslash.
// It removes invisible characters, and also dots and spaces at the start and at the
// end. If the name is too long, CleanName shortens the part before the extension. If
// nothing is left, the name is "image" with `ext`, such as "image.png". '#', '?' and
// '%' become '_', because some clients write the name into a URL without escaping these
// characters.
func CleanName(name, ext string) string {
	name = strings.ToValidUTF8(name, "_")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = escaped.Replace(name)
	// When a character between them was removed, a mark may follow another character and
	// compose with it. So this repeats until the name no longer changes.
	for before := ""; name != before; {
		before = name
		name = strings.TrimFunc(compose(dropInvisible(name)), trimmed)
	}
	if name == "" {
		name = "image" + ext
	}
	return shorten(name, "")
}

// escaped replaces the characters that have a meaning in a URL.
var escaped = strings.NewReplacer("#", "_", "?", "_", "%", "_")

// compose returns `name` in normal form C. `name` must have no invisible characters. If
// more than 30 marks follow a character, as in Zalgo text, compose removes the marks
// after the 30th. The reason: package norm inserts an invisible U+034F after the 30th
// mark, to keep the text stream-safe (UAX #15). CheckName would refuse this U+034F.
func compose(name string) string {
	dropping := false
	return strings.Map(func(r rune) rune {
		dropping = r == '\u034f' || dropping && !norm.NFC.PropertiesString(string(r)).BoundaryBefore()
		if dropping {
			return -1
		}
		return r
	}, norm.NFC.String(name))
}

// Numbered returns `name` with the number n: for "cat.png" and 2 it returns
// "cat-2.png". Put uses such names if the name of an image is taken. If CheckName
// accepts `name`, CheckName also accepts the result.
func Numbered(name string, n int) string {
	return shorten(name, "-"+strconv.Itoa(n))
}

// IsNumbered reports whether `candidate` is Numbered(name, n) for a number n that is at
// least 2.
func IsNumbered(name, candidate string) bool {
	_, ext := splitExt(name)
	stem, _ := strings.CutSuffix(candidate, ext)
	n, err := strconv.Atoi(stem[strings.LastIndexByte(stem, '-')+1:])
	return err == nil && n >= 2 && Numbered(name, n) == candidate
}

// NumberedPrefix returns a prefix that Numbered(name, n) has for every n.
func NumberedPrefix(name string) string {
	_, ext := splitExt(name)
	tag := "-" + strconv.Itoa(math.MaxInt)
	return strings.TrimSuffix(shorten(name, tag), tag+ext)
}

// shorten inserts `tag` between the stem and the extension of `name`. The stem is the
// part before the extension. If necessary, shorten cuts the end of the stem, so that
// the result has at most MaxNameBytes bytes. It never cuts inside a character.
func shorten(name, tag string) string {
	stem, ext := splitExt(name)
	if room := MaxNameBytes - len(tag) - len(ext); len(stem) > room {
		for room > 0 && !utf8.RuneStart(stem[room]) {
			room--
		}
		// The cut may be inside an emoji or a word. Then a joiner at the end of the
		// stem must be removed.
		stem = strings.TrimRightFunc(dropInvisible(stem[:room]), func(r rune) bool { return trimmed(r) || isJoiner(r) })
	}
	return stem + tag + ext
}

// splitExt divides `name` before the last dot. The dot belongs to the extension.
func splitExt(name string) (stem, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 || len(name)-i > maxExtBytes {
		return name, ""
	}
	return name[:i], name[i:]
}

// trimmed reports whether a name must not begin or end with r.
func trimmed(r rune) bool { return r == '.' || unicode.IsSpace(r) }
