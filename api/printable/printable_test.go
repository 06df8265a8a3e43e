package printable

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"cat.png":                   "cat.png",
		"two words, ünïcode 写真.png": "two words, ünïcode 写真.png",
		"می\u200cخواهم 👩\u200d💻":    "می\u200cخواهم 👩\u200d💻",
		"a\x1b[2Jb":                 `a\u001b[2Jb`,
		"a\u009b2Jb\u0085":          `a\u009b2Jb\u0085`,
		"a\x9bb\xff":                `a\x9bb\xff`,
		"\u202egnp.exe":             `\u202egnp.exe`,
		"\u2066\u061c\u200e\ufeff":  `\u2066\u061c\u200e\ufeff`,
		"a\r\nb\tc\x00\x7f":         `a\u000d\u000ab\u0009c\u0000\u007f`,
		"\u2028\u2029\u00ad":        `\u2028\u2029\u00ad`,
		"\U000e0041 �":              `\udb40\udc41 �`,
	} {
		if got := Text(text); got != want {
			t.Errorf("Text(%+q) = %+q, want %+q", text, got, want)
		}
		name := want
		if want != text {
			name = `"` + want + `"`
		}
		if got := Name(text); got != name {
			t.Errorf("Name(%+q) = %+q, want %+q", text, got, name)
		}
	}
}

// TestWriterKeepsJSON checks that a JSON string has the same value after escaping.
func TestWriterKeepsJSON(t *testing.T) {
	for r := range rune(utf8.MaxRune) {
		if !utf8.ValidRune(r) {
			continue
		}
		var b bytes.Buffer
		line, _ := json.Marshal(string(r))
		n, err := Writer{&b}.Write(append(line, '\n'))
		if err != nil || n != len(line)+1 {
			t.Fatalf("%U: got %d, %v, want %d bytes written", r, n, err, len(line)+1)
		}
		var back string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back != string(r) {
			t.Fatalf("%U became %q: %v", r, b.String(), err)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	line := []byte(`{"time":"2026-11-23T12:00:00.000000000Z","level":"INFO","msg":"request","method":"GET","path":"/images/cat.png","status":200,"bytes":20480,"duration_ms":0.123,"client":"127.0.0.1"}` + "\n")
	w := Writer{new(bytes.Buffer)}
	b.ReportAllocs()
	for b.Loop() {
		w.W.(*bytes.Buffer).Reset()
		w.Write(line)
	}
}
