package ui

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// languages are the languages of the page, as BCP 47 tags, in the order of the page's list.
// The first one is the default. The file words/<language>.json has the texts.
var languages = []string{"en", "de", "fr", "es", "ja", "ar"}

// languageCookie has the language that the reader chose on the page (language.js).
const languageCookie = "lang"

// newLanguageChooser returns a function that chooses the language of a response: the
// language in the cookie, or the language that fits Accept-Language best (RFC 9110, section
// 12.5.4), or English.
func newLanguageChooser() func(*http.Request) string {
	var tags []language.Tag
	for _, name := range languages {
		tags = append(tags, language.MustParse(name))
	}
	matcher := language.NewMatcher(tags)
	return func(r *http.Request) string {
		if cookie, err := r.Cookie(languageCookie); err == nil && slices.Contains(languages, cookie.Value) {
			return cookie.Value
		}
		_, i, _ := matcher.Match(acceptedLanguages(strings.Join(r.Header.Values("Accept-Language"), ","))...)
		return languages[i]
	}
}

// maxAccepted is the number of languages in Accept-Language that the server reads. Browsers
// send far fewer.
const maxAccepted = 50

// acceptedLanguages returns the languages of an Accept-Language header, the best first. It
// leaves out the items that it cannot read. If it gave the whole header to
// [language.ParseAcceptLanguage], one such item would make all languages invalid.
func acceptedLanguages(header string) []language.Tag {
	type accepted struct {
		language.Tag
		quality float32 // 0 to 1
	}
	var all []accepted
	for i, item := range strings.SplitN(header, ",", maxAccepted+1) {
		tags, qualities, err := language.ParseAcceptLanguage(item)
		if err == nil && len(tags) == 1 && i < maxAccepted {
			all = append(all, accepted{tags[0], qualities[0]})
		}
	}
	slices.SortStableFunc(all, func(a, b accepted) int { return cmp.Compare(b.quality, a.quality) })
	var tags []language.Tag
	for _, a := range all {
		tags = append(tags, a.Tag)
	}
	return tags
}

// table has the texts of one language by key. A text is a string. An object with the member
// "other" has the plural forms of a text (Unicode CLDR). Any other object is a group of
// texts.
type table map[string]json.RawMessage

func readTable(files fs.FS, language string) (table, error) {
	name := "words/" + language + ".json"
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var words table
	if err := json.Unmarshal(content, &words); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return words, nil
}

// markup returns index.html in one language. If the table has no text for a key that the
// template uses, markup returns an error.
func markup(files fs.FS, language string) ([]byte, error) {
	words, err := readTable(files, language)
	if err != nil {
		return nil, err
	}
	texts := map[string]any{"tag": language}
	for key, raw := range words {
		var text any
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err // unreachable: the table was decoded
		}
		texts[key] = text
	}
	page, err := template.New("index.html").Option("missingkey=error").ParseFS(files, "index.html")
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if err := page.Execute(&content, texts); err != nil {
		return nil, fmt.Errorf("%s: %w", language, err)
	}
	return content.Bytes(), nil
}

// script returns main.js in one language. The modules use texts as TEXT.key. In place of each
// TEXT.key, the script has the text of this key. So the page needs no second request for its
// texts, and the script does not contain the keys. A table with the keys was 1.3 kB longer
// after compression.
func script(files fs.FS, language string) ([]byte, error) {
	words, err := readTable(files, language)
	if err != nil {
		return nil, err
	}
	if words["languages"], err = languageNames(files); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for key, text := range words {
		texts["TEXT."+key] = string(shortened(text))
	}
	return bundle(files, "main.js", texts)
}

// shortened leaves out each plural form of a text that is the same as the form "other". If a
// form is missing, words.js uses the form "other".
func shortened(text json.RawMessage) json.RawMessage {
	var forms map[string]string
	if json.Unmarshal(text, &forms) != nil || forms["other"] == "" {
		return text // it has no plural forms
	}
	other := forms["other"]
	maps.DeleteFunc(forms, func(form, text string) bool { return form != "other" && text == other })
	var content any = forms
	if len(forms) == 1 {
		content = other
	}
	short, _ := json.Marshal(content) // it does not fail for strings
	return short
}

// languageNames returns a JSON object with the name of each language in that language.
func languageNames(files fs.FS) (json.RawMessage, error) {
	var members [][]byte
	for _, language := range languages {
		words, err := readTable(files, language)
		if err != nil {
			return nil, err
		}
		members = append(members, fmt.Appendf(nil, "%q:%s", language, words["languageName"]))
	}
	return fmt.Appendf(nil, "{%s}", bytes.Join(members, []byte(","))), nil
}
