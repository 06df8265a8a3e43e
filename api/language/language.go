// Package language chooses the language of a web page.
package language

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// All are the languages of the pages, as BCP 47 tags, in the order in which the page lists them.
// The first one is the default.
var All = []string{"en", "de", "fr", "es", "ja", "ar"}

// cookie has the language that the reader chose on the page (ui/page/language.js).
const cookie = "lang"

// matcher is made for the first request, because most commands of the program need no language.
var matcher = sync.OnceValue(func() language.Matcher {
	var tags []language.Tag
	for _, name := range All {
		tags = append(tags, language.MustParse(name))
	}
	return language.NewMatcher(tags)
})

// Of returns the language of the response to r, one of All: the language in the cookie, or the
// language that fits Accept-Language best (RFC 9110, section 12.5.4), or English. It is safe for
// concurrent use.
func Of(r *http.Request) string {
	if cookie, err := r.Cookie(cookie); err == nil && slices.Contains(All, cookie.Value) {
		return cookie.Value
	}
	_, i, _ := matcher().Match(accepted(strings.Join(r.Header.Values("Accept-Language"), ","))...)
	return All[i]
}

// maxAccepted is the number of languages in Accept-Language that the server reads. Browsers
// send far fewer.
const maxAccepted = 50

// accepted returns the languages of an Accept-Language header, the best first. It leaves out the
// items that it cannot read. If it gave the whole header to [language.ParseAcceptLanguage], one
// such item would make all languages invalid.
func accepted(header string) []language.Tag {
	type item struct {
		language.Tag
		quality float32 // 0 to 1
	}
	var all []item
	for i, text := range strings.SplitN(header, ",", maxAccepted+1) {
		tags, qualities, err := language.ParseAcceptLanguage(text)
		if err == nil && len(tags) == 1 && i < maxAccepted {
			all = append(all, item{tags[0], qualities[0]})
		}
	}
	slices.SortStableFunc(all, func(a, b item) int { return cmp.Compare(b.quality, a.quality) })
	var tags []language.Tag
	for _, a := range all {
		tags = append(tags, a.Tag)
	}
	return tags
}
