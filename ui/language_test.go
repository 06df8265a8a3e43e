package ui_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// pluralForms are the plural forms of each language (Unicode CLDR). In French and Spanish,
// millions have the form "many", which is written as "other" after digits.
var pluralForms = map[string][]string{
	"en": {"one", "other"}, "de": {"one", "other"}, "fr": {"one", "other"}, "es": {"one", "other"},
	"ja": {"other"}, "ar": {"zero", "one", "two", "few", "many", "other"},
}

// tables returns the texts of each language.
func tables(t *testing.T) map[string]map[string]any {
	t.Helper()
	names, err := filepath.Glob("page/words/*.json")
	if err != nil || len(names) != len(pluralForms) {
		t.Fatalf("the tables are %q: %v", names, err)
	}
	all := map[string]map[string]any{}
	for _, name := range names {
		var table map[string]any
		if err := json.Unmarshal([]byte(read(t, "words/"+filepath.Base(name))), &table); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".json")] = table
	}
	return all
}

// TestTables: each language has the texts of the English table with the same placeholders, and
// all its plural forms.
func TestTables(t *testing.T) {
	all := tables(t)
	for language, table := range all {
		compareTexts(t, language, "", all["en"], table)
	}
}

// compareTexts compares the texts of a language with the English ones.
func compareTexts(t *testing.T, language, at string, english, texts map[string]any) {
	t.Helper()
	for key := range texts {
		if _, ok := english[key]; !ok {
			t.Errorf("%s: %s%s is not in the English table", language, at, key)
		}
	}
	for key, want := range english {
		switch got := texts[key].(type) {
		case string:
			compareText(t, language, at+key, want, got)
		case map[string]any:
			group, _ := want.(map[string]any)
			if _, plural := group["other"]; !plural {
				compareTexts(t, language, at+key+".", group, got)
				continue
			}
			if forms, need := slices.Sorted(maps.Keys(got)), slices.Sorted(slices.Values(pluralForms[language])); !slices.Equal(forms, need) {
				t.Errorf("%s: %s%s has the forms %q, want %q", language, at, key, forms, need)
			}
			for form, text := range got {
				text, _ := text.(string)
				compareText(t, language, at+key+"."+form, group["other"], text)
			}
		default:
			t.Errorf("%s: %s%s is missing", language, at, key)
		}
	}
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// compareText compares one text with the English one. A plural form for only one number, such
// as "two", may write the number as a word.
func compareText(t *testing.T, language, key string, english any, text string) {
	t.Helper()
	want, _ := english.(string)
	if strings.TrimSpace(text) == "" || want == "" {
		t.Errorf("%s: %s is %q, and in English %q", language, key, text, want)
	}
	placeholders := func(text string) []string {
		found := slices.DeleteFunc(placeholder.FindAllString(text, -1), func(name string) bool { return name == "{n}" })
		slices.Sort(found)
		return found
	}
	if got, want := placeholders(text), placeholders(want); !slices.Equal(got, want) {
		t.Errorf("%s: %s has the placeholders %q, want %q", language, key, got, want)
	}
	if strings.Contains(text, "{n}") && !strings.Contains(want, "{n}") {
		t.Errorf("%s: %s has no value for {n}", language, key)
	}
	if form := key[strings.LastIndex(key, ".")+1:]; slices.Contains([]string{"few", "many", "other"}, form) && strings.Contains(want, "{n}") && !strings.Contains(text, "{n}") {
		t.Errorf("%s: %s does not say the number", language, key)
	}
}

// TestEveryTextIsUsed: the scripts and index.html use every text, and no text that does not
// exist. words.js has a value for every placeholder.
func TestEveryTextIsUsed(t *testing.T) {
	english := tables(t)["en"]
	markup, script := read(t, "index.html"), ""
	for _, name := range files(t, "*.js") {
		script += read(t, name)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`fill\(TEXT\.(\w+), \{([^}"]*)\}|TEXT\.(\w+)|\{\{\.(\w+)`).FindAllStringSubmatch(script+markup, -1) {
		key := m[1] + m[3] + m[4]
		used[key] = true
		if _, ok := english[key]; !ok && key != "tag" && key != "languages" { // language.go adds these
			t.Errorf("no table has %s", key)
		}
		_, plain := english[key].(string)
		if text, err := json.Marshal(english[key]); (m[1] != "" || plain) && err == nil {
			for _, name := range placeholder.FindAllString(string(text), -1) {
				if name := strings.Trim(name, "{}"); !regexp.MustCompile(`(?:^|,) ` + name + `\b`).MatchString(m[2]) {
					t.Errorf("words.js has no value for {%s} in %s", name, key)
				}
			}
		}
	}
	for key := range english {
		if !used[key] && key != "languageName" {
			t.Errorf("nothing uses the text %s", key)
		}
	}
	for key := range english["html"].(map[string]any) {
		if !strings.Contains(markup, "{{.html."+key+"}}") {
			t.Errorf("index.html does not use the text html.%s", key)
		}
	}
}

// TestErrorCodes: the tables have texts only for error codes of the server.
func TestErrorCodes(t *testing.T) {
	text, err := os.ReadFile("../api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Components struct {
			Schemas struct {
				ErrorCode struct{ AnyOf []struct{ Const string } }
			}
		}
	}
	if err := json.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for _, code := range description.Components.Schemas.ErrorCode.AnyOf {
		codes[code.Const] = true
	}
	texts, _ := tables(t)["en"]["errors"].(map[string]any) // the other tables have the same keys: TestTables
	for code := range texts {
		if !codes[code] {
			t.Errorf("the server has no error code %s", code)
		}
	}
	if len(texts) == 0 {
		t.Error("the English table has no texts for error codes")
	}
	for language, table := range tables(t) {
		if got := table["errors"].(map[string]any)["empty"]; got != table["emptyFile"] {
			t.Errorf("%s: the error empty is %q, want %q, which the page says when it refuses the file itself", language, got, table["emptyFile"])
		}
	}
	// The server's message says which character of the name is wrong.
	if _, ok := texts["bad_name"]; ok {
		t.Error("a text replaces the details in the message of bad_name")
	}
}

// TestLanguage: the page is in the language that the reader has chosen. If the reader has chosen
// none, it is in the language that the browser prefers, or otherwise in English.
func TestLanguage(t *testing.T) {
	seen := map[string]string{}
	for _, tt := range []struct{ cookie, accept, want string }{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "fr-CA", "fr"},
		{"", "es-419,es;q=0.9", "es"},
		{"", "ar-EG,ar;q=0.9,en;q=0.5", "ar"},
		{"ja", "de", "ja"},
	} {
		header := http.Header{"Accept-Language": {tt.accept}}
		if tt.cookie != "" {
			header.Set("Cookie", "lang="+tt.cookie)
		}
		res := get(t, "GET", "/", header)
		page := body(t, res)
		if got := res.Header.Get("Content-Language"); got != tt.want {
			t.Errorf("cookie %q, Accept-Language %q: the page is in %s, want %s", tt.cookie, tt.accept, got, tt.want)
			continue
		}
		direction := "ltr"
		if tt.want == "ar" {
			direction = "rtl"
		}
		for _, want := range []string{`<html lang="` + tt.want + `" dir="` + direction + `">`, `src="ui/main.` + tt.want + `.js"`} {
			if !strings.Contains(page, want) {
				t.Errorf("the page in %s lacks %s", tt.want, want)
			}
		}
		if got := strings.Join(res.Header.Values("Vary"), ", "); got != "Accept-Language, Cookie, Accept-Encoding" {
			t.Errorf("Vary %q", got)
		}
		etag := res.Header.Get("ETag")
		if other, ok := seen[etag]; ok && other != tt.want {
			t.Errorf("the pages in %s and %s have the same ETag", tt.want, other)
		}
		seen[etag] = tt.want
	}
	if len(seen) != len(pluralForms) {
		t.Errorf("the test saw %d pages, want one of each language", len(seen))
	}
}

// TestLanguages: the page works in German and in Arabic, which is written from right to
// left.
func TestLanguages(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	url := newServer(t, "")
	upload(t, url, "photo 1.png", picture(700, 300))
	upload(t, url, "صورة العطلة على الشاطئ.png", picture(300, 700))
	p := newPage(t, url)
	p.gallery("صورة العطلة على الشاطئ.png", "photo 1.png")
	if got := eval[string](p, `document.querySelector("#gallery .name span").textContent`); got != "صورة العطلة على الشاطئ" {
		t.Errorf("the name is divided after %q, want no joined letters apart", got)
	}
	for _, language := range []struct{ tag, direction, title, search, help, notAnImage string }{
		{"de", "ltr", "Bildserver", "Suchen", "Hilfe", "Das sieht nicht wie ein Bild aus."},
		{"ar", "rtl", "خادم الصور", "بحث", "المساعدة", "لا يبدو هذا الملف صورة"},
	} {
		eval[*string](p, `(() => {
			const select = [...document.querySelectorAll("select")].find(s => [...s.options].some(o => o.value === "ja" && o.text === "日本語"));
			select.value = "`+language.tag+`";
			select.dispatchEvent(new Event("change"));
		})()`)
		p.await(`document.readyState === "complete" && document.documentElement.lang === "` + language.tag + `" && document.dir === "` + language.direction + `"`)
		p.gallery("صورة العطلة على الشاطئ.png", "photo 1.png")
		p.await(`document.title === "` + language.title + `" && document.querySelector("#search").ariaLabel === "` + language.search + `"`)
		check := func(state string) {
			if axe != "" {
				checkAxe(p, language.tag+", "+state, axe)
			}
			checkReflow(p, language.tag+", "+state)
			p.size(1280, 900)
		}
		check("gallery")
		p.press("?")
		p.see("#help", language.help)
		check("help")
		p.press(kb.Escape)
		p.await(`!document.querySelector("#help")`)
		p.choose(file(t, language.tag+".png", picture(20, 20)), file(t, "broken.png", []byte("text")))
		p.await(`document.querySelectorAll("#uploads .stored, #uploads .refused").length === 2`)
		p.see("#uploads .refused", language.notAnImage)
		check("uploads")
		eval[*string](p, `document.querySelector("#gallery li [type=checkbox]").click()`)
		p.await(`!document.querySelector("#selection").hidden`)
		check("selection")
		p.click("#selection", "", eval[string](p, `document.querySelector("#selection .danger").innerText`))
		p.await(`document.querySelector(".toast")`)
		if eval[bool](p, `(() => {
			const [a, b] = [".toast", "#uploads"].map((e) => document.querySelector(e).getBoundingClientRect());
			return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
		})()`) {
			t.Errorf("%s: a message covers the uploads panel", language.tag)
		}
		p.gallery("صورة العطلة على الشاطئ.png", "photo 1.png")
		p.visit(url + "/?image=photo+1.png")
		p.viewing("photo 1.png")
		check("viewer")
		toPrevious, toNext := kb.ArrowLeft, kb.ArrowRight
		if language.direction == "rtl" {
			toPrevious, toNext = toNext, toPrevious
		}
		p.await(`!document.querySelector("#view .previous").hidden`)
		p.press(toPrevious)
		p.viewing("صورة العطلة على الشاطئ.png")
		p.press(toNext)
		p.viewing("photo 1.png")
		eval[*string](p, `document.querySelector("#view [aria-haspopup=dialog]").click()`)
		p.await(`document.querySelector(".share:popover-open")`)
		if !eval[bool](p, `[...document.querySelectorAll(".share textarea")].every((e) => getComputedStyle(e).direction === "ltr")`) {
			t.Errorf("%s: a link runs from right to left", language.tag)
		}
		p.press(kb.Escape)
		p.await(`!document.querySelector(".share")`)
		p.press("i") // the details
		p.await(`document.querySelector("#view dl")?.textContent.includes("\u2066700 × 300\u2069")`)
		p.visit(url)
	}
}
