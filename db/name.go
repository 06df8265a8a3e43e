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

// MaxNameBytes is the longest name in bytes of UTF-8: what the common file
// systems (ext4, APFS, NTFS within its 255 UTF-16 units) can hold, so that
// every image can be exported under its own name.
const MaxNameBytes = 255

// maxExtBytes bounds what counts as a file name's extension, the dot included.
const maxExtBytes = 16

// CheckName returns name in Unicode normal form C, or an error that wraps
// ErrName and says what is wrong: a name is valid UTF-8 of 1 to MaxNameBytes
// bytes, without slashes, controls or characters that show nothing (see
// dropInvisible), and with no dot or space at its ends.
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

// CleanName makes a name that passes CheckName of whatever a client calls its
// file, changing only what must be: it takes the part after the last slash of
// either kind, drops what is invisible and the dots and spaces at the ends,
// shortens the part before the extension, and calls the result "image" plus
// ext (".png", say) when nothing is left. '#', '?' and '%' become '_', because
// clients write the name into a URL without escaping it.
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

// escaped are the characters that have a meaning in a URL.
var escaped = strings.NewReplacer("#", "_", "?", "_", "%", "_")

// compose brings name, which is free of invisible characters, to normal form
// C. Of more than 30 marks in a row (as in Zalgo text) it drops those after
// the 30th: norm keeps text stream-safe (UAX #15) by an invisible U+034F there,
// and CheckName would refuse that.
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

// Numbered returns the name to try for the n-th image that wants the same one:
// cat.png, 2 gives cat-2.png. It passes CheckName when name does.
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

// NumberedPrefix returns what every Numbered(name, n) begins with.
func NumberedPrefix(name string) string {
	_, ext := splitExt(name)
	tag := "-" + strconv.Itoa(math.MaxInt)
	return strings.TrimSuffix(shorten(name, tag), tag+ext)
}

// shorten puts tag between the stem and the extension of name and cuts the
// stem, between characters, so that the whole has at most MaxNameBytes.
func shorten(name, tag string) string {
	stem, ext := splitExt(name)
	if room := MaxNameBytes - len(tag) - len(ext); len(stem) > room {
		for room > 0 && !utf8.RuneStart(stem[room]) {
			room--
		}
		// An emoji or a word may be cut inside, so that what joined it must go.
		stem = strings.TrimRightFunc(dropInvisible(stem[:room]), func(r rune) bool { return trimmed(r) || isJoiner(r) })
	}
	return stem + tag + ext
}

// splitExt parts name before the last dot, which stays with the extension.
func splitExt(name string) (stem, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 || len(name)-i > maxExtBytes {
		return name, ""
	}
	return name[:i], name[i:]
}

// trimmed reports whether a name must not begin or end with r.
func trimmed(r rune) bool { return r == '.' || unicode.IsSpace(r) }
