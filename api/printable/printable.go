// Package printable keeps text of other people, such as the name of a file, from
// steering the terminal that shows it.
package printable

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// Text returns s with escapes for control characters, such as U+009B, which begins
// a command to a terminal; for invisible ones, such as U+202E, which turns the
// direction of writing; and for bytes that are not UTF-8. The escapes are those of
// JSON, so that an escaped JSON text still has the same strings.
func Text(s string) string { return escape(s, safe) }

// Name returns a name as it may stand in a line: in quotes when Text changes it.
func Name(s string) string {
	if text := Text(s); text != s {
		return `"` + text + `"`
	}
	return s
}

// escape is Text with another opinion of which characters are safe.
func escape(s string, safe func(rune) bool) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(s); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == utf8.RuneError || safe(r):
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String()
}

// safe reports whether a terminal shows r where it stands. U+200C and U+200D join
// and part letters of Persian and Hindi, and emoji. RuneError may be a byte that
// is not UTF-8.
func safe(r rune) bool {
	if r >= ' ' && r <= '~' || r == '\u200c' || r == '\u200d' {
		return true
	}
	return r != utf8.RuneError && !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// safeInLines is safe for text of several lines.
func safeInLines(r rune) bool { return r == '\n' || r == '\t' || safe(r) }

// Writer writes what Text returns, but keeps tabs and the ends of lines. No
// character may be spread over two calls of Write.
type Writer struct{ W io.Writer }

func (w Writer) Write(p []byte) (int, error) {
	if !bytes.ContainsFunc(p, func(r rune) bool { return !safeInLines(r) }) {
		return w.W.Write(p)
	}
	if _, err := io.WriteString(w.W, escape(string(p), safeInLines)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Terminal returns the terminal that w writes to, or false.
func Terminal(w io.Writer) (*os.File, bool) {
	if p, ok := w.(Writer); ok {
		w = p.W
	}
	f, ok := w.(*os.File)
	return f, ok && isatty.IsTerminal(f.Fd())
}
