package licenses

import (
	"os/exec"
	"strings"
	"testing"
)

// TestComplete: the text names each module that the executable contains, on each system.
func TestComplete(t *testing.T) {
	t.Parallel()
	list, _, ok := strings.Cut(text, "\n\n====")
	if !ok {
		t.Fatal("the list of the parts does not end")
	}
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "imageserver")
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		modules, err := cmd.Output()
		if err != nil {
			t.Skip(err)
		}
		for _, module := range strings.Fields(string(modules)) {
			if module != "imageserver" && module != "github.com/ebitengine/purego" && !strings.Contains(list, module) {
				t.Errorf("%s: the licence of %s is missing", system, module)
			}
		}
	}
}

// TestReplaceable: the text has what the LGPL requires for libheif and libde265.
func TestReplaceable(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"libheif", "libde265", "GNU LESSER GENERAL PUBLIC LICENSE", "GNU GENERAL PUBLIC LICENSE", "To use another version", "libavif", "aom", "libwebp"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q", want)
		}
	}
}
