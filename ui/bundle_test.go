package ui

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestBundled(t *testing.T) {
	modules := fstest.MapFS{
		"main.js":   {Data: []byte("// Top.\nimport { size } from \"./intl.js\";\nalert(size(\"seen\"));\n")},
		"intl.js":   {Data: []byte("export const size = (n) => `${n} bytes`;\nexport const unused = \"unused\";\n")},
		"gone.js":   {Data: []byte("import { a } from \"./nothing.js\";\na();\n")},
		"wrong.js":  {Data: []byte("import { missing } from \"./intl.js\";\nmissing();\n")},
		"style.css": {Data: []byte("/* Top. */\np { color: red }\n")},
	}
	for name, want := range map[string]string{"main.js": "alert(", "style.css": "p{color:red}"} {
		got, err := bundled(modules, name)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(got); !strings.Contains(s, want) || strings.Contains(s, "Top") || strings.Contains(s, "import") || strings.Contains(s, "unused") {
			t.Errorf("%s: got %q, want %q in it", name, s, want)
		}
	}
	// It must not become a page that does nothing.
	for _, name := range []string{"gone.js", "wrong.js"} {
		if got, err := bundled(modules, name); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}
