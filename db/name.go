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
// systems (ext4, APFS, and NTFS with its 255 UTF-16 units) allow this length, so every
// image can be exported under its own name.
const MaxNameBytes = 255

// maxExtBytes is the length of the longest suffix that counts as a file name extension,
// with its dot.
const maxExtBytes = 16

// CheckName returns name in Unicode normal form C, or an error that wraps ErrName and
// says what is wrong. A name is valid UTF-8 of 1 to MaxNameBytes bytes, without
// slashes, control characters or invisible characters (see dropInvisible), and with no
// dot or space at either end.
func CheckName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: %q is not valid UTF-8", ErrName, name)
	}
	name = norm.NFC.String(name)
	switch {
	case name == "":
		return "", fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > MaxNameBytes:
		return "", fmt.Errorf("%w: it has %d bytes, the limit is %d", ErrName, len(name), MaxNameBytes)
	}
	if i := strings.IndexAny(name, `/\`); i >= 0 {
		return "", fmt.Errorf("%w: %q contains %U", ErrName, name, name[i])
	}
	if visible := dropInvisible(name); visible != name {
		return "", fmt.Errorf("%w: %q contains %U, which shows nothing there", ErrName, name, firstDropped(name, visible))
	}
	if strings.TrimFunc(name, trimmed) != name {
		return "", fmt.Errorf("%w: %q begins or ends with a dot or a space", ErrName, name)
	}
	return name, nil
}

// CleanName makes a valid name from what a client calls its file, and changes only what
// it must. It takes the part after the last slash or backslash, removes invisible
// characters, and dots and spaces at both ends, and shortens the part before the
// extension. If nothing is left, the name is "image" with ext, such as ".png". '#', '?'
// and '%' become '_', because clients write the name into a URL without escaping it.
func CleanName(name, ext string) string {
	name = strings.ToValidUTF8(name, "_")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = escaped.Replace(name)
	for before := ""; name != before; { // a mark can compose with the character that it then follows
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

// compose returns name, which has no invisible characters, in normal form C. Of more
// than 30 marks in a row, as in Zalgo text, it removes those after the 30th: there norm
// inserts an invisible U+034F to keep the text stream-safe (UAX #15), and CheckName
// would refuse that.
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

// Numbered returns the name to try for the n-th image with the same name: cat.png and 2
// give cat-2.png. It passes CheckName if name does.
func Numbered(name string, n int) string {
	return shorten(name, "-"+strconv.Itoa(n))
}

// IsNumbered reports whether candidate is Numbered(name, n) for some n from 2 on.
func IsNumbered(name, candidate string) bool {
	_, ext := splitExt(name)
	stem, _ := strings.CutSuffix(candidate, ext)
	n, err := strconv.Atoi(stem[strings.LastIndexByte(stem, '-')+1:])
	return err == nil && n >= 2 && Numbered(name, n) == candidate
}

// NumberedPrefix returns the prefix that Numbered(name, n) has for every n.
func NumberedPrefix(name string) string {
	_, ext := splitExt(name)
	tag := "-" + strconv.Itoa(math.MaxInt)
	return strings.TrimSuffix(shorten(name, tag), tag+ext)
}

// shorten puts tag between the stem and the extension of name. It cuts the stem,
// between characters, so that the whole has at most MaxNameBytes.
func shorten(name, tag string) string {
	stem, ext := splitExt(name)
	if room := MaxNameBytes - len(tag) - len(ext); len(stem) > room {
		for room > 0 && !utf8.RuneStart(stem[room]) {
			room--
		}
		// The cut may be inside an emoji or a word. Then a joiner at its end must be
		// removed.
		stem = strings.TrimRightFunc(dropInvisible(stem[:room]), func(r rune) bool { return trimmed(r) || isJoiner(r) })
	}
	return stem + tag + ext
}

// splitExt divides name before the last dot, which belongs to the extension.
func splitExt(name string) (stem, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 || len(name)-i > maxExtBytes {
		return name, ""
	}
	return name[:i], name[i:]
}

// trimmed reports whether a name must not begin or end with r.
func trimmed(r rune) bool { return r == '.' || unicode.IsSpace(r) }
