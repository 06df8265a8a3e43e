package ui_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// TestHelp runs the commands in the help. They must work on this server.
func TestHelp(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	p.see("#gallery", "No images yet")
	p.press("?")
	p.see("#help", "From a terminal")
	p.focusIn("#help-title")

	t.Run("curl", func(t *testing.T) {
		if _, err := exec.LookPath("curl"); err != nil {
			t.Skip(err)
		}
		dir, cat := t.TempDir(), picture(600, 400)
		path := write(t, dir, "cat.png", cat)
		lines := eval[[]string](p, `[...document.querySelectorAll("#help code")].map(e => e.innerText).filter(text => text.startsWith("curl"))`)
		if len(lines) != 5 {
			t.Errorf("the help has %d curl commands, want 5: %q", len(lines), lines)
		}
		var output []string
		for _, line := range lines {
			cmd := exec.Command("sh", "-c", strings.Replace(line, "curl ", "curl -sSf ", 1))
			cmd.Dir = dir
			if strings.Contains(line, "-O") {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v: %s", line, err, out)
			}
			output = append(output, string(out))
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(cat) {
			t.Errorf("curl downloaded other bytes than it uploaded: %v", err)
		}
		if small, err := os.Stat(filepath.Join(dir, "small.png")); err != nil || small.Size() == 0 || small.Size() >= int64(len(cat)) {
			t.Errorf("the resized copy: %v, %v", small, err)
		}
		var answer struct{ Images []struct{ Filename string } }
		if err := json.Unmarshal([]byte(output[len(output)-1]), &answer); err != nil || len(answer.Images) != 1 || answer.Images[0].Filename != "cat.png" {
			t.Errorf("the list is %q: %v", output[len(output)-1], err)
		}
	})
	t.Run("fetch", func(t *testing.T) {
		p := p.in(t)
		snippet := eval[string](p, `[...document.querySelectorAll("#help code")].map(e => e.innerText).find(text => text.includes("fetch("))`)
		p.visit(newClient(t, url)) // a page of another origin, which may run strings
		got := eval[string](p, fmt.Sprintf(`(async () => {
			const transfer = new DataTransfer();
			const bytes = await (await fetch(%q)).blob();
			transfer.items.add(new File([bytes], "a snippet.png"));
			fileInput.files = transfer.files;
			const input = fileInput;
			await new (async () => {}).constructor("input", "img", %q)(input, img);
			await img.decode();
			return img.src + " " + img.naturalWidth;
		})()`, url+"/images/cat.png", snippet))
		if want := url + "/images/a%20snippet.png 600"; got != want {
			t.Errorf("the snippet shows %s, want %s", got, want)
		}
		p.visit(url)
		p.gallery("a snippet.png", "cat.png")
	})
	t.Run("ShareX", func(t *testing.T) {
		p := p.in(t)
		p.menu("Help")
		res, err := http.Get(eval[string](p, `[...document.querySelectorAll("#help a")].find(a => a.innerText.includes("Download")).href`))
		if err != nil {
			t.Fatal(err)
		}
		var uploader struct{ RequestURL string }
		decode(t, res, http.StatusOK, &uploader)
		if !strings.HasPrefix(uploader.RequestURL, url) {
			t.Errorf("the ShareX uploader sends to %s, want %s", uploader.RequestURL, url)
		}
	})
	t.Run("manual", func(t *testing.T) {
		main, err := os.ReadFile("../main.go")
		if err != nil {
			t.Fatal(err)
		}
		p := p.in(t)
		for _, topic := range regexp.MustCompile(`(?m)^	\{"(\w+)", \[\]string\{"`).FindAllStringSubmatch(string(main), -1) {
			if topic[1] != "start" { // "imageserver help" prints this page without a topic
				p.see("#help pre", "imageserver help "+topic[1])
			}
		}
		res, err := http.Get(eval[string](p, `[...document.querySelectorAll("#help a")].find(a => a.innerText.includes("OpenAPI")).href`))
		if err != nil {
			t.Fatal(err)
		}
		var description struct{ OpenAPI string }
		decode(t, res, http.StatusOK, &description)
		if description.OpenAPI == "" {
			t.Error("the link does not lead to an OpenAPI document")
		}
	})
	t.Run("keys", func(t *testing.T) {
		p := p.in(t)
		for _, key := range []string{"?", "/", "← →", "Ctrl Z", "Del", "Esc"} {
			p.see("#help kbd", key)
		}
		eval[*string](p, `document.querySelector("#help input[type=checkbox]").click()`)
		p.press(kb.Escape)
		p.await(`!document.querySelector("#help")`)
		p.reload() // the shortcuts stay off
		p.gallery("a snippet.png", "cat.png")
		p.press("?")
		p.press("/")
		p.settle()
		p.await(`!document.querySelector("#help") && document.activeElement === document.body`)
		p.menu("Help")
		eval[*string](p, `document.querySelector("#help input[type=checkbox]").click()`)
		p.press(kb.Escape)
		p.await(`!document.querySelector("#help")`)
		p.press("/")
		p.focusIn("#search")
		p.press("?") // in a field, the key writes a character
		p.await(`document.querySelector("#search").value === "?" && !document.querySelector("#help")`)
	})
}
