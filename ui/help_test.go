package ui_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"imageserver/api"
	"imageserver/api/imaging/format"
)

// TestHelp runs the commands in the help. They must work on this server.
func TestHelp(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	p.see("#gallery", "No images yet")
	p.press("?")
	p.focusIn("#help-title")
	p.see("#help section:nth-child(2)", "Share images")
	if eval[bool](p, `document.querySelector("#help").innerText.includes("curl")`) {
		t.Error("the help shows the lines for developers before the reader asks for them")
	}
	p.clickOn("#help summary")
	p.see("#help", "From a terminal")

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
		p.useClipboard()
		p.allowClipboard()
		p.click("#help .code", lines[0], "Copy")
		p.see("#help .code button", "Copied")
		if got := eval[string](p, `navigator.clipboard.readText()`); got != lines[0] {
			t.Errorf("the button copied %q, want %q", got, lines[0])
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
		p.clickOn("#help summary")
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
		p := p.in(t)
		p.see("#help pre", "imageserver help")
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

// TestHelpForEveryone: the help says what people can upload, how long they can restore an
// image, and who sees the images.
func TestHelpForEveryone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options api.Options
		want    []string
	}{
		{
			api.Options{MaxUpload: 2_000_000, Trash: 24 * time.Hour, Allow: []format.Type{format.PNG, format.JPEG}},
			[]string{"stays in the trash for 24 hours", "You can upload JPEG and PNG.", "MB", "exactly as you upload it", "Anyone who can open this page can also upload"},
		},
		{
			api.Options{Trash: 7 * 24 * time.Hour, Strip: true},
			[]string{"stays in the trash for 7 days", "removes location and camera data", "JPEG, PNG, HEIC, WebP, GIF", "JPEG XL"},
		},
		{api.Options{}, []string{"the image is deleted for good"}},
	} {
		p := newPage(t, newServerWith(t, c.options))
		p.see("#gallery", "No images yet")
		p.press("?")
		for _, want := range append(c.want, "Every image has its own link", "Anyone who has the link") {
			p.see("#help", want)
		}
	}
}

// TestKeyNames: the page writes the keys as the reader's keyboard does, and does not speak of
// keys where there is no keyboard.
func TestKeyNames(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "a.png", picture(20, 20))
	p := newPage(t, url)
	for _, c := range []struct{ platform, undo, spoken string }{
		{"Linux", "Ctrl Z", "Press Ctrl+Z to undo."},
		{"macOS", "⌘ Z", "Press ⌘Z to undo."},
	} {
		if _, err := chromedp.Call(p.ctx, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
			UserAgent:         "Mozilla/5.0",
			UserAgentMetadata: &emulation.UserAgentMetadata{Platform: c.platform},
		}); err != nil {
			t.Fatal(err)
		}
		p.reload()
		p.gallery("a.png")
		p.press("?")
		p.see("#help kbd", c.undo)
		p.press(kb.Escape)
		p.await(`!document.querySelector("#help")`)
		p.remove("a.png")
		p.see("#announcements", c.spoken)
		p.click(".toast", "a.png", "Undo")
		p.gallery("a.png")
	}
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
	p.reload()
	p.gallery("a.png")
	p.remove("a.png")
	p.see("#announcements", "a.png deleted.")
	if eval[bool](p, `document.querySelector("#announcements").innerText.includes("Press")`) {
		t.Error("a phone is told to press keys")
	}
	p.click(".toast", "a.png", "Undo")
}
