package ui

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"

	"imageserver/api/language"
)

// TestEveryFile: the program can make every file that browsers request.
func TestEveryFile(t *testing.T) {
	for name, content := range contents(os.DirFS("page")) {
		if got, err := content(); err != nil || len(got) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// TestBrokenPage: an error of the page names the file and the fault.
func TestBrokenPage(t *testing.T) {
	page := fstest.MapFS{
		"main.js":    {Data: []byte(`import { a } from "./nothing.js"; a();`)},
		"index.html": {Data: []byte(`<p>{{.nothing}}`)},
	}
	for _, tag := range language.All {
		page["words/"+tag+".json"] = &fstest.MapFile{Data: []byte(`{"languageName": "x"}`)}
	}
	for name, want := range map[string]string{
		"main.en.js": "nothing.js", "style.css": "style.css", "early.js": "early.js", "favicon.svg": "favicon.svg",
		"index.en.html": "nothing",
	} {
		if _, err := contents(page)[name](); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that contains %q", name, err, want)
		}
	}
	page["words/fr.json"] = &fstest.MapFile{Data: []byte(`{`)}
	if _, err := contents(page)["index.fr.html"](); err == nil || !strings.Contains(err.Error(), "words/fr.json") {
		t.Errorf("got %v, want an error that names words/fr.json", err)
	}
}

// BenchmarkBundle measures the work for the first reader, which the server does after its
// start.
func BenchmarkBundle(b *testing.B) {
	for b.Loop() {
		made := contents(os.DirFS("page"))
		for _, name := range []string{"index.en.html", "style.css", "early.js", "main.en.js"} {
			content, err := made[name]()
			if err != nil {
				b.Fatal(err)
			}
			newAsset(content)
		}
	}
}

// BenchmarkTranslate measures the work for the first reader of another language.
func BenchmarkTranslate(b *testing.B) {
	files := os.DirFS("page")
	for b.Loop() {
		page, err := markup(files, "de")
		if err != nil {
			b.Fatal(err)
		}
		newAsset(page)
		translated, err := script(files, "de")
		if err != nil {
			b.Fatal(err)
		}
		newAsset(translated)
	}
}

func TestBundle(t *testing.T) {
	modules := fstest.MapFS{
		"main.js":   {Data: []byte("// Top.\nimport { size } from \"./intl.js\";\nalert(size(\"seen\"));\n")},
		"intl.js":   {Data: []byte("export const size = (n) => `${n} bytes`;\nexport const unused = \"unused\";\n")},
		"gone.js":   {Data: []byte("import { a } from \"./nothing.js\";\na();\n")},
		"wrong.js":  {Data: []byte("import { missing } from \"./intl.js\";\nmissing();\n")},
		"style.css": {Data: []byte("/* Top. */\n@import \"./styles/text.css\";\n")},

		"styles/text.css": {Data: []byte("@import \"./red.css\";\n")},
		"styles/red.css":  {Data: []byte("p { color: red }\n")},
	}
	for name, want := range map[string]string{"main.js": "alert(", "style.css": "p{color:red}"} {
		got, err := bundle(modules, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(got); !strings.Contains(s, want) || strings.Contains(s, "Top") || strings.Contains(s, "import") || strings.Contains(s, "unused") {
			t.Errorf("%s: got %q, want %q in it", name, s, want)
		}
	}
	// After an error here the server must not start, because the page would not work.
	for _, name := range []string{"gone.js", "wrong.js"} {
		if got, err := bundle(modules, name, nil); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

// TestBudget: in each language, the compressed files of the page have at most 45 kB together.
// The browser paints the page before it has the script, from at most 15 kB.
func TestBudget(t *testing.T) {
	made := contents(os.DirFS("page"))
	size := func(name string) int {
		content, err := made[name]()
		if err != nil {
			t.Fatal(err)
		}
		a := newAsset(content)
		a.compressMore()
		return len(*a.brotli.Load())
	}
	shared := size("style.css") + size("early.js") + size("favicon.svg")
	for _, tag := range language.All {
		first := shared + size("index."+tag+".html")
		script := size("main." + tag + ".js")
		t.Logf("%s: %d bytes, %d of them before the script", tag, first+script, first)
		if first > 15_000 || first+script > 45_000 {
			t.Errorf("%s: got %d bytes and %d before the script, want at most 45000 and 15000", tag, first+script, first)
		}
	}
}

// TestBrotli: a client that accepts brotli gets it as soon as it is made, with an ETag of its
// own.
func TestBrotli(t *testing.T) {
	a := newAsset([]byte(strings.Repeat("body { color: red }", 100)))
	request := func(accept string) *http.Response {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/ui/style.css", nil)
		r.Header.Set("Accept-Encoding", accept)
		serve("style.css", func() *asset { return a }).ServeHTTP(w, r)
		return w.Result()
	}
	a.once.Do(a.compressMore)
	tags := map[string]bool{}
	for accept, want := range map[string]string{"gzip, deflate, br, zstd": "br", "br": "br", "gzip": "gzip", "br;q=0": "", "": ""} {
		res := request(accept)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding: %s: got Content-Encoding %q, want %q", accept, got, want)
		}
		tags[res.Header.Get("ETag")] = true
	}
	if len(tags) != 3 {
		t.Errorf("got the ETags %v, want one for each coding", tags)
	}
	got, err := io.ReadAll(brotli.NewReader(request("br").Body))
	if err != nil || !bytes.Equal(got, a.plain) {
		t.Errorf("the brotli content differs from the plain file, %v", err)
	}
}
