package language_test

import (
	"net/http"
	"strings"
	"testing"

	"imageserver/api/language"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct{ cookie, accept, want string }{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "de-AT,de;q=0.9,en;q=0.8", "de"},
		{"", "en-US,en;q=0.9,de;q=0.8", "en"},
		{"", "fr-CA", "fr"},
		{"", "es-419,es;q=0.9", "es"},
		{"", "ja-JP", "ja"},
		{"", "ar-EG,ar;q=0.9,en;q=0.5", "ar"},
		{"", "en;q=0.5, fr;q=0.9", "fr"},
		{"", "de;q=0, fr", "fr"},
		{"", "ko, *;q=0.1", "en"},
		{"", "*", "en"},
		{"", "not a language!", "en"},
		{"", "unknownlanguage, de-DE;q=0.9, en;q=0.7", "de"},
		{"", "zz-nonsense-tag!, fr;q=0.5", "fr"},
		{"", "en;q=0.3, qqq-unknown, fr;q=high, ja;q=0.9", "ja"},
		{"", strings.Repeat("zz,", 50) + "de", "en"}, // the server reads 50 languages
		{"", strings.Repeat("a-", 5000), "en"},
		{"ja", "de", "ja"},
		{"xx", "de", "de"},
		{"../de", "fr", "fr"},
		{"de", "", "de"},
	} {
		r := &http.Request{Header: http.Header{"Accept-Language": {tt.accept}}}
		if tt.cookie != "" {
			r.Header.Set("Cookie", "lang="+tt.cookie)
		}
		if got := language.Of(r); got != tt.want {
			t.Errorf("cookie %q, Accept-Language %q: got %s, want %s", tt.cookie, tt.accept, got, tt.want)
		}
	}
}
