package ui

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
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
	for _, language := range languages {
		page["words/"+language+".json"] = &fstest.MapFile{Data: []byte(`{"languageName": "x"}`)}
	}
	page["words/fr.json"] = &fstest.MapFile{Data: []byte(`{`)}
	for name, want := range map[string]string{
		"main.en.js": "nothing.js", "style.css": "style.css", "early.js": "early.js", "favicon.svg": "favicon.svg",
		"index.en.html": "nothing", "index.fr.html": "words/fr.json",
	} {
		if _, err := contents(page)[name](); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that contains %q", name, err, want)
		}
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
	script, err := bundle(files, "main.js")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		page, err := markup(files, "de")
		if err != nil {
			b.Fatal(err)
		}
		newAsset(page)
		translated, err := translate(files, "de", func() ([]byte, error) { return script, nil })
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
		got, err := bundle(modules, name)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(got); !strings.Contains(s, want) || strings.Contains(s, "Top") || strings.Contains(s, "import") || strings.Contains(s, "unused") {
			t.Errorf("%s: got %q, want %q in it", name, s, want)
		}
	}
	// After an error here the server must not start, because the page would not work.
	for _, name := range []string{"gone.js", "wrong.js"} {
		if got, err := bundle(modules, name); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}
