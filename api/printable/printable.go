// Package printable escapes text from clients, such as file names, before a terminal
// shows it. Otherwise control characters in the text could control the terminal.
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

// Text returns s with escapes for three kinds of characters:
//
//   - control characters, such as U+009B, which begins a command to a terminal;
//   - invisible characters, such as U+202E, which reverses the direction of the text;
//   - bytes that are not UTF-8.
//
// The escapes of characters are those of JSON, so an escaped JSON text still has the
// same strings. A byte that is not UTF-8 becomes \xNN.
func Text(s string) string { return escape(s, safe) }

// Name returns a name for a line of text. If Text changes the name, Name puts it in
// quotes.
func Name(s string) string {
	if text := Text(s); text != s {
		return `"` + text + `"`
	}
	return s
}

// escape is Text with the given function instead of safe.
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

// safe reports whether a terminal shows r as it is. U+200C and U+200D are safe: they
// separate and join letters in Persian and Hindi, and join emoji. RuneError is not safe,
// because it may be a byte that is not UTF-8.
func safe(r rune) bool {
	if r >= ' ' && r <= '~' || r == '\u200c' || r == '\u200d' {
		return true
	}
	return r != utf8.RuneError && !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// safeInLines reports whether r is safe in a text of several lines.
func safeInLines(r rune) bool { return r == '\n' || r == '\t' || safe(r) }

// Writer escapes text as Text does and writes it to W. It keeps tabs and line ends. Each
// Write must contain whole characters.
type Writer struct{ W io.Writer }

func (w Writer) Write(p []byte) (int, error) {
	if isPlain(p) || !bytes.ContainsFunc(p, func(r rune) bool { return !safeInLines(r) }) {
		return w.W.Write(p)
	}
	if _, err := io.WriteString(w.W, escape(string(p), safeInLines)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// isPlain reports whether p has only visible ASCII, spaces and line ends. It is much faster
// than a look at each character.
func isPlain(p []byte) bool {
	for _, b := range p {
		if (b < ' ' || b > '~') && b != '\n' {
			return false
		}
	}
	return true
}

// Terminal returns the terminal that w writes to. It returns false if w does not write to
// a terminal.
func Terminal(w io.Writer) (*os.File, bool) {
	if p, ok := w.(Writer); ok {
		w = p.W
	}
	f, ok := w.(*os.File)
	return f, ok && isatty.IsTerminal(f.Fd())
}
