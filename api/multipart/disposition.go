package multipart

import (
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// parameters splits the value of a header with parameters, such as Content-Disposition
// (RFC 6266) and Content-Type (RFC 9110 section 8.3). [parameter] reads params.
func parameters(header string) (value, params string) {
	value, params, _ = strings.Cut(header, ";")
	return strings.TrimSpace(value), params
}

// parameter returns the parameter with this name, which must be in lower case, or "". It
// never fails. If a name occurs twice, the first value counts.
//
// A value without quotes ends at the next semicolon, so it may contain spaces and
// characters that should be quoted. A quoted value ends only at a quote before a
// semicolon or at the end of the header, because some clients do not escape quotes.
func parameter(params, name string) string {
	for params != "" {
		var key, text string
		key, params = cutAny(params, "=;")
		if after, ok := strings.CutPrefix(params, "="); ok {
			text, params = parameterValue(strings.TrimLeft(after, " \t"))
		}
		params = strings.TrimPrefix(params, ";")
		if strings.ToLower(strings.TrimSpace(key)) == name {
			return text
		}
	}
	return ""
}

// cutAny cuts s before the first byte that is in bytes.
func cutAny(s, bytes string) (before, after string) {
	if i := strings.IndexAny(s, bytes); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// parameterValue returns the value at the beginning of s, without quotes, and the rest
// of s.
func parameterValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = cutAny(s, ";")
		return strings.TrimSpace(value), rest
	}
	var text []byte // the value up to `from`, without backslashes; nil if there were none
	from := 1
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			text = append(text, s[from:i]...)
			i++ // quoted-pair; any other backslash is part of a Windows path
			from = i
		case s[i] == '"':
			if after := strings.TrimLeft(s[i+1:], " \t"); after == "" || after[0] == ';' {
				return string(text) + s[from:i], after
			}
		}
	}
	return string(text) + s[from:], "" // the closing quote is missing
}

// fileName returns the file name in the parameters of Content-Disposition, or "".
// Clients write it in these ways:
//
//   - filename*= in the form of RFC 8187, which has priority (RFC 6266 section 4.3);
//   - percent-encoded (RFC 7578 section 4.2; browsers encode only quotes and line ends);
//   - encoded words (RFC 2047);
//   - plain UTF-8 or Latin-1.
//
// A filename*= in another form counts only if there is no filename=.
func fileName(params string) string {
	name, ok := extended(parameter(params, "filename*"))
	if ok {
		return name
	}
	if plain := parameter(params, "filename"); plain != "" {
		name = plain
	}
	name = utf8Of(name)
	if strings.Contains(name, "=?") {
		if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
			return decoded
		}
	}
	return unescape(name)
}

// extended decodes a parameter value in the form of RFC 8187 section 3.2: charset,
// language and percent-encoded text. If the value has another form, ok is false and
// text is not decoded.
func extended(value string) (text string, ok bool) {
	text = value
	charset, rest, _ := strings.Cut(value, "'")
	if _, after, found := strings.Cut(rest, "'"); found {
		text = after
	}
	decoded, err := url.PathUnescape(text)
	switch {
	case err != nil || decoded == "" || len(text) == len(value):
		return text, false
	case strings.EqualFold(charset, "iso-8859-1"):
		return latin1(decoded), true
	}
	return utf8Of(decoded), true
}

// utf8Of returns a text in UTF-8 that a client sent in UTF-8 or Latin-1. A text is
// Latin-1 if it has bytes above ASCII that are not UTF-8, and no UTF-8 character above
// ASCII.
func utf8Of(text string) string {
	rest := strings.ToValidUTF8(text, "")
	if len(rest) == len(text) || strings.IndexFunc(rest, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return text
	}
	return latin1(text)
}

// latin1 decodes ISO-8859-1 as windows-1252, as browsers do (WHATWG Encoding Standard,
// section 4.2). windows-1252 has quotes and dashes instead of control characters.
func latin1(text string) string {
	decoded, err := charmap.Windows1252.NewDecoder().String(text)
	if err != nil { // never happens: every byte is a character
		return text
	}
	return decoded
}

// unescape decodes percent escapes of UTF-8 characters. It keeps all other percent
// signs, which are part of the name.
func unescape(name string) string {
	if !strings.Contains(name, "%") {
		return name
	}
	var text strings.Builder
	for name != "" {
		char := escapedChar(name)
		text.WriteString(char)
		if name = name[3*len(char):]; char == "" {
			text.WriteByte(name[0])
			name = name[1:]
		}
	}
	return text.String()
}

// escapedChar returns the UTF-8 character whose percent escapes are at the beginning of
// s, or "".
func escapedChar(s string) string {
	n := 0
	for n+3 <= min(len(s), 3*utf8.UTFMax) && s[n] == '%' && isHex(s[n+1]) && isHex(s[n+2]) {
		n += 3
	}
	decoded, _ := url.PathUnescape(s[:n])
	r, size := utf8.DecodeRuneInString(decoded)
	if r == utf8.RuneError && size == 1 {
		return ""
	}
	return decoded[:size]
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
