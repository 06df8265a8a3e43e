package ui_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imageserver/api"
)

// engine is a browser other than Chromium.
type engine interface {
	// open opens a tab with a fresh profile. Only one tab is open at a time, because a tab
	// in the background draws nothing.
	open() (driver, error)
}

// driver controls a tab.
type driver interface {
	navigate(url string) error
	// evaluate returns the text to which the promise of a JavaScript expression resolves.
	evaluate(js string) (string, error)
	// perform performs the actions of a device, such as a keyboard
	// (https://www.w3.org/TR/webdriver2/#actions).
	perform(device object) error
	// setFiles chooses files, by their absolute paths, in the input that matches the selector.
	setFiles(selector string, paths []string) error
	close() error
}

const commandPatience = 4 * patience // how long a test waits for a command, such as the start of a browser, while other tests run

// object is a JSON object.
type object map[string]any

// need returns the path of the first of these commands that is installed.
func need(t *testing.T, commands ...string) string {
	t.Helper()
	for _, name := range commands {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, commands[0])
	return ""
}

// missing skips the test, because the program is not installed. In CI the test fails.
func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("no %s found, and CI is set", program)
	}
	t.Skipf("no %s found: install it to test the page in this browser", program)
}

// newHome returns a new folder for the files of a browser. It is not t.TempDir, because a
// process of the browser can still write there when the test deletes the folder.
func newHome(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// run starts a program, which is stopped when the test ends.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer kill.Stop()
		cmd.Wait()
	})
}

// otherPage is the page in a tab of a browser other than Chromium. Its methods wait for the
// browser. If they wait too long, they end the test.
type otherPage struct {
	t   *testing.T
	tab driver
	url string
}

// recorder is a script that runs before the scripts of the page. It remembers the problems
// of the page until the tab is closed, also if the page is loaded again.
const recorder = `
globalThis.problems = JSON.parse(sessionStorage.getItem("test-problems") ?? "[]");
{
	const record = (text) => {
		problems.push(String(text));
		sessionStorage.setItem("test-problems", JSON.stringify(problems));
	};
	// An image that cannot be loaded sends an event without a message.
	addEventListener("error", (e) => (e.message || e.target.src?.endsWith(".js")) && record(e.message + " " + e.error?.stack), true);
	addEventListener("unhandledrejection", (e) => record("not handled: " + e.reason + " " + e.reason?.stack));
	addEventListener("securitypolicyviolation", (e) => record(e.violatedDirective + " forbids " + e.blockedURI));
	console.error = (...values) => record(values.join(" "));
}
`

// newOtherPage opens a tab, and starts a server for the page, with an empty store. The test
// fails if the page has a problem.
func newOtherPage(t *testing.T, browser engine) *otherPage {
	t.Helper()
	server := newServerWith(t, api.Options{Trash: time.Hour})
	url := newFront(t, server, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/ui/early.js" {
			return false
		}
		res, err := http.Get(server + r.URL.Path)
		if err != nil {
			t.Error(err)
			return false
		}
		defer res.Body.Close()
		w.Header().Set("Content-Type", "text/javascript")
		io.WriteString(w, recorder)
		io.Copy(w, res.Body)
		return true
	})
	tab, err := browser.open()
	if err != nil {
		t.Fatal("open a tab:", err)
	}
	p := &otherPage{t, tab, url}
	t.Cleanup(func() {
		p.check()
		if err := tab.close(); err != nil {
			t.Error("close the tab:", err)
		}
	})
	return p
}

// check fails the test if the page has had a problem.
func (p *otherPage) check() {
	p.t.Helper()
	for _, problem := range ask[[]string](p, `problems`) {
		p.t.Error("the page has a problem:", problem)
	}
}

func (p *otherPage) visit(url string) {
	p.t.Helper()
	p.do(p.tab.navigate(url))
}

func (p *otherPage) reload() {
	p.t.Helper()
	p.visit(ask[string](p, `location.href`))
}

func (p *otherPage) do(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// try returns the value of a JavaScript expression. It awaits a promise.
func try[T any](p *otherPage, js string) (value T, err error) {
	text, err := p.tab.evaluate(`(async () => JSON.stringify((await (` + js + `)) ?? null))()`)
	if err == nil {
		err = json.Unmarshal([]byte(text), &value)
	}
	return value, err
}

// ask does the same as try. If the page throws, ask ends the test.
func ask[T any](p *otherPage, js string) T {
	p.t.Helper()
	value, err := try[T](p, js)
	if err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
	return value
}

// until waits until the value of a JavaScript expression is neither null nor false, and returns
// the value. If the expression throws, until tries again: it throws while the browser replaces
// the page.
func until[T any](p *otherPage, js string) T {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		value, err := try[*json.RawMessage](p, js)
		if err == nil && value != nil && string(*value) != "false" {
			var v T
			p.do(json.Unmarshal(*value, &v))
			return v
		}
		if time.Now().After(end) {
			text, _ := try[string](p, `"the focus: " + document.hasFocus() + ", " + document.activeElement.outerHTML.slice(0, 200) + "\n" + document.body.innerText`)
			p.t.Fatalf("still not true: %s (%v)\nthe page shows: %s", js, err, text)
		}
	}
}

// await returns when the JavaScript condition is true.
func (p *otherPage) await(condition string) {
	p.t.Helper()
	until[bool](p, "Promise.resolve("+condition+").then(Boolean)")
}

// see returns when the text is in an element that matches the selector.
func (p *otherPage) see(selector, text string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.checkVisibility() && %s.includes(%q))`, selector, plain, text))
}

// gallery returns when the gallery shows these images, in this order.
func (p *otherPage) gallery(names ...string) {
	p.t.Helper()
	p.await(fmt.Sprintf("%s === %q", galleryNames, strings.Join(names, ", ")))
}

// viewing returns when the view shows the image of this name.
func (p *otherPage) viewing(name string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`document.querySelector("#view[open] h2")?.innerText === %q && document.querySelector("#view .stage img")?.naturalWidth > 0 &&
		new URLSearchParams(location.search).get("image") === %[1]q`, name))
}

// focus moves the focus to the element that matches the selector.
func (p *otherPage) focus(selector string) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.querySelector(%q) && (document.querySelector(%[1]q).focus(), document.activeElement.matches(%[1]q))", selector))
}

// click clicks the element that matches the selector. If text is not empty, the label of
// the element begins with the text.
func (p *otherPage) click(selector, text string) {
	p.t.Helper()
	at := until[[]float64](p, middle(fmt.Sprintf(`[...document.querySelectorAll(%q)].find((e) => e.checkVisibility() && e.innerText.trim().startsWith(%q))`, selector, text)))
	p.do(p.tab.perform(object{"type": "pointer", "id": "mouse", "actions": []object{
		{"type": "pointerMove", "x": math.Round(at[0]), "y": math.Round(at[1])}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}}}))
}

// menu opens the menu of the page and clicks a button in it.
func (p *otherPage) menu(item string) {
	p.t.Helper()
	p.click("#menu-button", "")
	p.click("#menu button", item)
}

// set chooses a value in a select element.
func (p *otherPage) set(selector, value string) {
	p.t.Helper()
	ask[any](p, fmt.Sprintf(`((s) => { s.value = %q; s.dispatchEvent(new Event("change")); })(document.querySelector(%q))`, value, selector))
}

// The keys that have no character (https://www.w3.org/TR/webdriver2/#keyboard-actions).
const (
	controlKey = "\uE009"
	enterKey   = "\uE007"
	escapeKey  = "\uE00C"
	rightKey   = "\uE014"
	deleteKey  = "\uE017"
)

// press presses keys one after the other. A key after controlKey is pressed while Control is
// held.
func (p *otherPage) press(keys string) {
	p.t.Helper()
	var down, up []object
	for _, key := range keys {
		down = append(down, object{"type": "keyDown", "value": string(key)})
		up = append(up, object{"type": "keyUp", "value": string(key)})
		if string(key) != controlKey {
			p.do(p.tab.perform(object{"type": "key", "id": "keyboard", "actions": append(down, up...)}))
			down, up = nil, nil
		}
	}
}

// choose chooses files in the page's file input.
func (p *otherPage) choose(paths ...string) {
	p.t.Helper()
	absolute := make([]string, len(paths))
	for i, path := range paths {
		var err error
		absolute[i], err = filepath.Abs(path)
		p.do(err)
	}
	p.do(p.tab.setFiles("#file", absolute))
}
