package ui_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestStates brings the page into each of its states once. In each state, axe-core finds no
// problem, and the page fits into windows of each width.
func TestStates(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	states(t, func(p *page, state string) {
		if axe != "" {
			checkAxe(p, state, axe)
		}
		checkReflow(p, state)
		p.size(1280, 900)
	})
}

// checkAxe runs axe-core on the current page. In CI it does so for a narrow and a wide
// window, and for light and dark colours. Otherwise it uses one window and one choice
// of colours. Light and dark pages have the same elements, so for the second choice of
// colours only the rule about contrast is necessary.
func checkAxe(p *page, state, axe string) {
	p.t.Helper()
	// The page's policy forbids other scripts, but does not apply to DevTools.
	if !eval[bool](p, `"axe" in window`) {
		p.do(chromedp.Evaluate[chromedp.Void](axe + ";undefined"))
	}
	const all = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	const contrast = `{type: "rule", values: ["color-contrast"]}`
	looks := []struct {
		width          int64
		colours, rules string
	}{{320, "dark", all}, {320, "light", contrast}, {1280, "light", all}, {1280, "dark", contrast}}
	if !thorough() {
		looks = looks[:1]
	}
	for _, look := range looks {
		// The window is so high that the selection bar covers nothing. In a lower window,
		// people can scroll to what the bar covers: see TestFocusIsSeen.
		p.size(look.width, 3000)
		p.prefer("prefers-color-scheme", look.colours)
		// An element that fades in has too little contrast. Some animations never end.
		p.await(`document.getAnimations().every((a) => a.effect.getTiming().iterations === Infinity)`)
		for _, found := range eval[[]string](p, fmt.Sprintf(`axe.run({runOnly: %s, resultTypes: ["violations"], preload: false})
				.then(({violations}) => violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html + "\n" + n.failureSummary)))`, look.rules)) {
			p.t.Errorf("%s, %d pixels wide, %s: %s", state, look.width, look.colours, found)
		}
	}
}

// checkReflow finds elements that are wider than the window (WCAG 2.2, 1.4.10). It
// also finds controls that are less than 24 pixels wide or high (2.5.8). Links within
// a sentence may be smaller.
func checkReflow(p *page, state string) {
	p.t.Helper()
	for _, width := range []int64{320, 390, 768, 1440, 2560} {
		p.size(width, 900)
		p.settle() // the page lays out its rows in the next frame
		for _, problem := range eval[[]string](p, `(() => {
			const problems = [];
			const say = (what, e) => {
				const {left, right, width, height} = e.getBoundingClientRect();
				problems.push(what + ": " + e.outerHTML.slice(0, 120) + " from " + left + " to " + right + ", " + width + " × " + height);
			};
			const root = document.scrollingElement;
			if (root.scrollWidth > root.clientWidth) say("the page scrolls sideways", root);
			const within = document.querySelector("dialog[open]") ?? document.body;
			for (const e of within.querySelectorAll("*")) {
				if (!e.checkVisibility() || e.closest(".visually-hidden, #announcements, .stage, .filmstrip, pre, svg")) continue;
				const {left, right, width, height} = e.getBoundingClientRect();
				if (width <= 1) continue; // hidden like .visually-hidden; people see the label beside the element
				if (left < -0.5 || right > innerWidth + 0.5) say("sticks out", e);
				if (e.matches("button, select, input, label[for]:not(.panel label), a:not(p a)")) {
					const target = (e.closest("label") ?? e).getBoundingClientRect();
					if (target.width < 24 || target.height < 24) say("small target", e);
				}
			}
			return problems;
		})()`) {
			p.t.Errorf("%s, %d pixels wide: %s", state, width, problem)
		}
	}
}

// fetchAxe downloads axe-core, once for all tests, and returns it as one script.
var fetchAxe = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "axe")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	pack := exec.Command("sh", "-c", "npm pack --silent --prefer-offline axe-core@4.14.1 && tar xf *.tgz")
	pack.Dir = dir
	if out, err := pack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack axe-core: %w\n%s", err, out)
	}
	source, err := os.ReadFile(filepath.Join(dir, "package/axe.min.js"))
	return string(source), err
})

// axeSource returns axe-core. If fetchAxe fails, axeSource returns an empty text. In CI, it
// fails the test instead.
func axeSource(t *testing.T) string {
	t.Helper()
	source, err := fetchAxe()
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%v, and CI is set", err)
	} else if err != nil {
		t.Log("without axe-core:", err)
	}
	return source
}

// thorough reports whether the slow tests must also run.
func thorough() bool {
	return os.Getenv("CI") != "" || os.Getenv("IMAGESERVER_E2E") == "full"
}
