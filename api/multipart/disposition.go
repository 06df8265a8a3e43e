package multipart

import (
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"
)

// parameters parses the value of a header with parameters, such as
// Content-Disposition (RFC 6266) and Content-Type (RFC 9110 section 8.3). It never
// fails. Of parameters with the same name the first counts. Names are in lower
// case. A value without quotes goes up to the next semicolon, so it may have
// spaces and characters that should be quoted. Only a quote before a semicolon
// or at the end closes a quoted value: some clients do not escape quotes.
func parameters(header string) (value string, params map[string]string) {
	value, rest, _ := strings.Cut(header, ";")
	params = map[string]string{}
	for rest != "" {
		var key, text string
		key, rest = cutAny(rest, "=;")
		key = strings.ToLower(strings.TrimSpace(key))
		if after, ok := strings.CutPrefix(rest, "="); ok {
			text, rest = parameterValue(strings.TrimLeft(after, " \t"))
		}
		rest = strings.TrimPrefix(rest, ";")
		if _, twice := params[key]; !twice && key != "" {
			params[key] = text
		}
	}
	return strings.TrimSpace(value), params
}

// cutAny cuts s before the first of the bytes.
func cutAny(s, bytes string) (before, after string) {
	if i := strings.IndexAny(s, bytes); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// parameterValue takes a value off the head of s, and returns it without quotes
// and what follows it.
func parameterValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = cutAny(s, ";")
		return strings.TrimSpace(value), rest
	}
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++ // quoted-pair; any other backslash belongs to a path on Windows
		case s[i] == '"':
			if after := strings.TrimLeft(s[i+1:], " \t"); after == "" || after[0] == ';' {
				return text.String(), after
			}
		}
		text.WriteByte(s[i])
	}
	return text.String(), "" // the closing quote is missing
}

// fileName returns the name of a file from the parameters of Content-Disposition,
// or "". Clients write it in many ways: filename*= as of RFC 8187, which comes
// first as RFC 6266 section 4.3 asks; percent-encoded (RFC 7578 section 4.2; HTML
// does so with quotes and line ends alone); as encoded words (RFC 2047); or as
// bare UTF-8.
func fileName(params map[string]string) string {
	if name := extended(params["filename*"]); name != "" {
		return name
	}
	name := params["filename"]
	if strings.Contains(name, "=?") {
		if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
			return decoded
		}
	}
	return unescape(name)
}

// extended decodes the value of a parameter as of RFC 8187 section 3.2: charset,
// language and percent-encoded text. It returns "" if it cannot.
func extended(value string) string {
	charset, rest, _ := strings.Cut(value, "'")
	_, text, ok := strings.Cut(rest, "'")
	text, err := url.PathUnescape(text)
	switch {
	case !ok || err != nil:
		return ""
	case strings.EqualFold(charset, "iso-8859-1"):
		var utf strings.Builder
		for i := range len(text) {
			utf.WriteRune(rune(text[i])) // the first 256 characters of Unicode
		}
		return utf.String()
	}
	return text
}

// unescape decodes each run of percent escapes that is UTF-8, and leaves all other
// percent signs: they belong to the name.
func unescape(name string) string {
	var text strings.Builder
	for name != "" {
		n := 0
		for n+3 <= len(name) && name[n] == '%' && isHex(name[n+1]) && isHex(name[n+2]) {
			n += 3
		}
		decoded, _ := url.PathUnescape(name[:n])
		if n == 0 || !utf8.ValidString(decoded) {
			n = max(n, 1)
			decoded = name[:n]
		}
		text.WriteString(decoded)
		name = name[n:]
	}
	return text.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
