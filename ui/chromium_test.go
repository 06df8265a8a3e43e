package ui_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const (
	patience  = time.Minute   // how long a test waits for the page
	untrusted = "images.test" // a name of 127.0.0.1; under this name the page has no clipboard API
)

// page is a tab of Chromium with a fresh profile. Its methods wait for the browser. If they wait
// longer than patience, they end the test.
type page struct {
	t   *testing.T
	ctx context.Context
}

// shared is the one Chromium of all tests. Each test gets a browser context in it, with
// its own cookies, storage, cache and connections.
var shared struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

// browserContext returns the chromedp context of the shared Chromium, and starts
// it for the first test that needs it.
func browserContext(path string) (context.Context, error) {
	shared.once.Do(func() {
		// Without UserDataDir chromedp creates a new profile and deletes it at the end.
		allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path),
			chromedp.NoSandbox, // a container has no user namespaces
			chromedp.DisableGPU,
			chromedp.WindowSize(1280, 900),
			chromedp.Env("LANGUAGE=en"),
			chromedp.Flag("disable-component-update", true),
			// Chromium trusts loopback addresses in the same way as https. It does not trust
			// this name.
			chromedp.Flag("host-resolver-rules", "MAP "+untrusted+" 127.0.0.1"),
		)...)
		ctx, _ := chromedp.NewContext(allocator)
		shared.ctx, shared.err = ctx, chromedp.Do(ctx)
		shared.stop = func() {
			chromedp.Cancel(ctx) // unlike the cancel function, it lets Chromium tidy up
			cancel()
		}
	})
	return shared.ctx, shared.err
}

// newPage opens a tab and visits url. The test fails if a script throws or the browser
// reports a problem, such as a breach of the content security policy. If Chromium is not
// installed, the test is skipped, or fails in CI.
func newPage(t *testing.T, url string) *page {
	t.Helper()
	return newPageWith(t, url, func(string) bool { return false })
}

// newPageWith does the same as newPage, for a test that expects some problems.
func newPageWith(t *testing.T, url string, expected func(objection string) bool) *page {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: without the browser")
	}
	path := chromium()
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no chromium found, and CI is set")
		}
		t.Skip("no chromium found: install one to run the browser tests")
	}
	browser, err := browserContext(path)
	if err != nil {
		t.Fatal("start chromium:", err)
	}
	ctx, _ := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("open a tab:", err)
	}

	var problems []string
	messages := chromedp.Console(ctx)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for m, err := range messages {
			if err != nil {
				return
			}
			// The browser also logs every failed request. Tests check what the
			// page does about those.
			if m.IsException() || m.Type == chromedp.ConsoleError && m.Source != "network" {
				if text := m.String(); !expected(text) {
					problems = append(problems, text)
				}
			}
		}
	}()
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Error("close the tab:", err)
		}
		<-read
		for _, problem := range problems {
			t.Error("the browser reports a problem:", problem)
		}
	})

	p := &page{t: t, ctx: ctx}
	// Several tests use tabs at the same time. Each tab must behave as if it were in front.
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	// Browsers report a loop of a ResizeObserver only to the window.
	loops := cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: `addEventListener("error", (e) => e.error ?? (e.message && console.error(e.message)))`}
	if _, err := chromedp.Call(ctx, cdppage.AddScriptToEvaluateOnNewDocument, loops); err != nil {
		t.Fatal(err)
	}
	p.visit(url)
	return p
}

// chromium returns the path of the browser. It prefers chromium-headless-shell, which has no
// windows and needs less than half of the processor time.
func chromium() string {
	for _, name := range []string{"chromium-headless-shell", "headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// in returns the same tab, for a subtest.
func (p *page) in(t *testing.T) *page { return &page{t: t, ctx: p.ctx} }

func (p *page) visit(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

func (p *page) reload() {
	p.t.Helper()
	p.do(chromedp.Reload())
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%v\nthe page shows: %s", err, p.text())
	}
}

// eval returns the value of a JavaScript expression. It awaits a promise.
func eval[T any](p *page, js string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// await returns when the JavaScript condition is true. If the condition is a promise,
// await waits for its value.
func (p *page) await(condition string) {
	p.t.Helper()
	awaitValue[bool](p, "Promise.resolve("+condition+").then(Boolean)")
}

// awaitValue evaluates a JavaScript expression until its value is not false, null or undefined.
// (chromedp.Poll is not used, because it makes a function from text inside the page,
// and the page's policy forbids that.)
func awaitValue[T any](p *page, js string) (value T) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	evaluate := chromedp.Evaluate[json.RawMessage]("Promise.resolve("+js+").then((value) => value ?? false)", chromedp.EvalAwaitPromise)
	// At first, check often. Later, check less often, to leave the processor to the page.
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 80*time.Millisecond) {
		got, err := chromedp.Run(ctx, evaluate)
		switch {
		case err == nil && string(got) != "false":
			if err := json.Unmarshal(got, &value); err != nil {
				p.t.Fatalf("%s: %v", js, err)
			}
			return value
		case ctx.Err() != nil:
			p.t.Fatalf("still not true: %s\nthe page shows: %s", js, p.text())
		case err != nil && !strings.Contains(err.Error(), "navigated"): // the page was just replaced
			p.t.Fatalf("%s: %v", js, err)
		}
		time.Sleep(pause)
	}
}

// step moves one step in the history, "back" or "forward", to an entry with another URL.
// Chromium ignores a script that moves in the history before the browser process has finished
// the step before, so the script repeats the call until the URL changes. Each call cancels the
// one before if it is not finished, so the calls are a second apart. The script runs in a timer,
// because DevTools reports an error if the page closes while the script runs.
func (p *page) step(direction string) {
	p.t.Helper()
	eval[*string](p, fmt.Sprintf(`void ((before) => {
		const timer = setInterval(() => location.href === before ? history.%s() : clearInterval(timer), 1000);
	})(location.href)`, direction))
}

// receive waits for a value from a channel, or until it is closed. Without a limit, a test that
// waits for a request in vain would use the time of all tests.
func receive[T any](p *page, channel <-chan T) T {
	p.t.Helper()
	select {
	case value := <-channel:
		return value
	case <-time.After(patience):
		p.t.Fatalf("nothing came in %v\nthe page shows: %s", patience, p.text())
		panic("unreachable")
	}
}

// settle returns when the page has handled everything that has happened so far.
// Observers report in the next frame, and timers of 0 ms run after that. Tests use it
// before they check that something has not happened.
func (p *page) settle() {
	p.t.Helper()
	eval[*string](p, `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => setTimeout(resolve)))))`)
}

// logLongestTask logs the duration of the longest task of the page while act runs. The page
// cannot respond during a task. Chromium reports only tasks of 50 ms or more, in wall-clock time.
func (p *page) logLongestTask(what string, act func()) {
	p.t.Helper()
	eval[bool](p, `(window.longest = 0, new PerformanceObserver((list) => {
		longest = Math.max(longest, ...list.getEntries().map((e) => e.duration));
	}).observe({ type: "longtask" }), true)`)
	act()
	p.settle() // after this, the observer has also reported the last task
	p.t.Logf("%s: the longest task takes %.0f ms", what, eval[float64](p, "longest"))
}

// plain is the text of the element e, without the characters that isolate names in a
// sentence.
const plain = `e.innerText.replace(/[\u2066\u2068\u2069]/g, "")`

// see returns when the text is in an element that matches the selector.
func (p *page) see(selector, text string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => %s.includes(%q))`, selector, plain, text))
}

func (p *page) text() string {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// click clicks the button whose label begins with text. The button is inside an element
// that matches the selector and contains the text beside.
func (p *page) click(selector, beside, text string) {
	p.t.Helper()
	button := fmt.Sprintf(
		`[...document.querySelectorAll(%q)].filter(e => %s.includes(%q)).flatMap(e => [...e.querySelectorAll("button")]).find(b => b.innerText.startsWith(%q))`,
		selector, plain, beside, text)
	p.clickElement(button)
}

// clickOn clicks the element that matches the selector.
func (p *page) clickOn(selector string) {
	p.t.Helper()
	p.clickElement(fmt.Sprintf("document.querySelector(%q)", selector))
}

// clickElement clicks the element that is the value of a JavaScript expression.
func (p *page) clickElement(element string) {
	p.t.Helper()
	at := awaitValue[[]float64](p, middle(element))
	p.do(chromedp.MouseClickXY(at[0], at[1]))
}

// middle returns a JavaScript expression for the middle of an element, as [x, y] in pixels of
// the window. The value is false while the element moves or something covers it: a click there
// would hit another element.
func middle(element string) string {
	return `(async (e) => {
		if (!e?.checkVisibility()) return false;
		e.scrollIntoView({ block: "nearest" });
		const centre = () => (({ x, y, width, height }) => [x + width / 2, y + height / 2])(e.getBoundingClientRect());
		const before = centre();
		await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
		return String(before) === String(centre()) && e.contains(document.elementFromPoint(...before)) && before;
	})(` + element + `)`
}

// menu opens the menu of the page and clicks a button in it.
func (p *page) menu(item string) {
	p.t.Helper()
	p.clickOn("#menu-button")
	p.click("#menu", "", item)
}

// choose chooses files in the page's file input.
func (p *page) choose(paths ...string) {
	p.t.Helper()
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), paths))
}

// drag drags files over the window, in these steps.
func (p *page) drag(files []string, steps ...input.DispatchDragEventType) {
	p.t.Helper()
	for i, step := range steps {
		_, err := chromedp.Call(p.ctx, input.DispatchDragEvent, input.DispatchDragEventParams{
			Type: step, X: 200 + 10*float64(i), Y: 700,
			Data: &input.DragData{Items: []*input.DragDataItem{}, Files: files, DragOperationsMask: 1},
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// paste presses Ctrl+V.
func (p *page) paste() {
	p.t.Helper()
	for _, typ := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		key := input.DispatchKeyEventParams{
			Type: typ, Modifiers: int64(chromedp.ModifierCtrl), Key: "v", Code: "KeyV", WindowsVirtualKeyCode: 'V',
		}
		if typ == input.DispatchKeyEventTypeKeyDown {
			key.Commands = []string{"paste"}
		}
		if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, key); err != nil {
			p.t.Fatal(err)
		}
	}
}

// clipboard is a lock for the clipboard, which all tabs share.
var clipboard sync.Mutex

// useClipboard reserves the clipboard until the test ends.
func (p *page) useClipboard() {
	clipboard.Lock()
	p.t.Cleanup(clipboard.Unlock)
}

// allowClipboard lets scripts read and write the clipboard.
func (p *page) allowClipboard() {
	p.t.Helper()
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		_, err := chromedp.CallBrowser(p.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission:       &browser.PermissionDescriptor{Name: name},
			Setting:          browser.PermissionSettingGranted,
			BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// connect sets the conditions of the network, such as whether there is a network.
func (p *page) connect(c network.Conditions) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{&c},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// shown returns the file names of the images that the browser has decoded inside the
// elements that match the selector, in their order.
func (p *page) shown(selector string) string {
	p.t.Helper()
	return strings.Join(eval[[]string](p, fmt.Sprintf(`(async () => {
		const images = [...document.querySelectorAll(%q)];
		for (const img of images) { img.scrollIntoView(); await img.decode(); }
		return images.filter(img => img.naturalWidth > 0).map(img => img.alt);
	})()`, selector+" img")), ", ")
}
