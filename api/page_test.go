package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/apitest"
)

// TestPagesInGerman: the pages for people are in the language of the browser.
func TestPagesInGerman(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Trash: time.Hour})
	path := s.Path(t, s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 0)).DeleteURL)
	const german = "Accept: text/html\nSec-Fetch-Mode: navigate\nAccept-Language: de-AT,en;q=0.5"
	for _, c := range []struct {
		method, path string
		status       int
		want         []string
	}{
		{"GET", "/images/missing.png", 404, []string{"Dieses Bild gibt es nicht", "Alle Bilder"}},
		{"GET", "/nothing", 404, []string{"Diese Seite gibt es nicht"}},
		{"GET", "/images/cat.png?w=x", 400, []string{"Das hat nicht funktioniert", `<p lang="en" dir="ltr">`}},
		{"GET", path, 200, []string{"\u2068cat.png\u2069 löschen?", "<button>Löschen</button>"}},
		{"POST", path, 200, []string{"\u2068cat.png\u2069 wurde gelöscht", "kann das Bild bis \u2068" + time.Now().UTC().Add(time.Hour).Format("2006-")}},
		{"GET", path, 404, []string{"Nichts zu löschen"}},
	} {
		a := s.Do(t, c.method, c.path, german, "").Want(t, c.status)
		for _, want := range append(c.want, `<html lang="de" dir="ltr">`) {
			if !strings.Contains(a.Body, want) {
				t.Errorf("%s %s: got %s, want %q in it", c.method, c.path, a, want)
			}
		}
	}
}

// TestErrorPage checks that a person who opens a wrong link in a browser gets a page, and
// that everyone else gets JSON.
func TestErrorPage(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	const accept = "Accept: text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8"
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/images/missing.png", 404, "This image does not exist"},
		{"/images/missing.png?w=320", 404, "This image does not exist"},
		{"/nothing", 404, "This page does not exist"},
		{"/images/a.png?w=x", 400, "w=x"},
		{"/images/%3Cscript%3E?w=%3Cscript%3E", 400, "&lt;script&gt;"},
	} {
		a := s.Do(t, "GET", c.path, accept+"\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document", "")
		if a.Status != c.status || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(a.Body, c.want) {
			t.Errorf("%s: got %s, want a page with %q and status %d", c.path, a, c.want, c.status)
		}
		if !strings.Contains(a.Body, `<html lang="en" dir="ltr">`) {
			t.Errorf("%s: got %s, want the language and the direction of the text", c.path, a)
		}
		if strings.Contains(a.Body, "<script") || !strings.Contains(a.Body, `<a href="`+s.URL+`/">`) {
			t.Errorf("%s: got %s, want a link to the list and no script", c.path, a)
		}
		a.WantHeader(t, "Cache-Control", "no-store")
		head := s.Do(t, "HEAD", c.path, accept+"\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document", "").Want(t, c.status)
		a.Header.Del("Date")
		head.Header.Del("Date")
		if diff := cmp.Diff(a.Header, head.Header); diff != "" {
			t.Errorf("HEAD %s (-GET +HEAD):\n%s", c.path, diff)
		}
		for _, header := range []string{
			accept, // a program with the header of a browser
			accept + "\nSec-Fetch-Mode: cors\nSec-Fetch-Dest: empty",
			"Accept: image/avif,*/*\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image",
			"",
		} {
			if a := s.Do(t, "GET", c.path, header, ""); a.Status != c.status || a.Reply(t).Message == "" {
				t.Errorf("%s with %q: got %s, want JSON", c.path, header, a)
			}
		}
	}
}
