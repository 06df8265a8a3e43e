package webpage

import (
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imageserver/api/language"
)

// TestTexts: each language has all texts, with the placeholders of the English ones.
func TestTexts(t *testing.T) {
	placeholders := regexp.MustCompile(`\{\w*\}`)
	english := reflect.ValueOf(texts()["en"])
	for _, tag := range language.All {
		table := reflect.ValueOf(texts()[tag])
		for i := range table.NumField() {
			name, text := table.Type().Field(i).Name, table.Field(i).String()
			got, want := placeholders.FindAllString(text, -1), placeholders.FindAllString(english.Field(i).String(), -1)
			if text == "" || !slices.Equal(got, want) {
				t.Errorf("%s, %s: got %q, want a text with the placeholders %q", tag, name, text, want)
			}
		}
	}
	files, err := words.ReadDir("words")
	if err != nil || len(files) != len(language.All) {
		t.Errorf("got %d tables and %v, want %d", len(files), err, len(language.All))
	}
}

func TestHTML(t *testing.T) {
	r := &http.Request{Header: http.Header{"Accept-Language": {"ar"}}}
	arabic := TextsFor(r)
	p := Page{Texts: arabic, Title: Fill(arabic.Delete, "name", "<b>.png"), English: "a & b", Home: "/"}
	h := http.Header{}
	got := string(p.HTML(h))
	for _, want := range []string{
		`<html lang="ar" dir="rtl">`, "\u2068&lt;b&gt;.png\u2069", `<p lang="en" dir="ltr">a &amp; b</p>`,
		`<a href="/">` + arabic.AllImages + `</a>`, "<style>" + style,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
	}
	for _, none := range []string{"<form", "<img", "{name}", "<p></p>"} {
		if strings.Contains(got, none) {
			t.Errorf("got\n%s\nwant no %q", got, none)
		}
	}
	if h.Get("Cache-Control") != "no-store" {
		t.Errorf("got the header %v", h)
	}
}
