package ui

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// TestBrokenPage: if a file of the page is broken, the server does not start. The error
// names the file and the fault.
func TestBrokenPage(t *testing.T) {
	page := fstest.MapFS{}
	for _, name := range served {
		page[name] = &fstest.MapFile{}
	}
	if _, err := loadFrom(page); err != nil {
		t.Fatalf("empty files: %v", err)
	}
	page["main.js"] = &fstest.MapFile{Data: []byte(`import { a } from "./nothing.js"; a();`)}
	if _, err := loadFrom(page); err == nil || !strings.Contains(err.Error(), "main.js") || !strings.Contains(err.Error(), "nothing.js") {
		t.Errorf("got %v, want an error that names main.js and nothing.js", err)
	}
}

// BenchmarkBundle measures the time that the bundle adds to the start of the server.
func BenchmarkBundle(b *testing.B) {
	files, err := fs.Sub(embedded, "page")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, name := range []string{"style.css", "early.js", "main.js"} {
			if _, err := bundle(files, name); err != nil {
				b.Fatal(err)
			}
		}
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
