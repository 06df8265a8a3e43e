package ui_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAxe: axe-core finds nothing to object to in any state of the page, wide
// and narrow, light and dark; in CI in all four ways, else in one of them.
func TestAxe(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join(npmPack(t, "axe-core@4.14.1"), "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	looks := []struct {
		width   int64
		colours string
	}{{1280, "light"}, {320, "dark"}, {1280, "dark"}, {320, "light"}}
	if !thorough() {
		looks = looks[1:2]
	}
	states(t, func(p *page, state string) {
		// DevTools are above the page's policy, which lets no other script in.
		if !eval[bool](p, `"axe" in window`) {
			p.do(chromedp.Evaluate[chromedp.Void](string(axe) + ";undefined"))
		}
		for _, look := range looks {
			// So high that the bar of the selection lies over nothing. What it
			// covers else can be scrolled clear, see TestFocusIsSeen.
			p.size(look.width, 3000)
			p.prefer("prefers-color-scheme", look.colours)
			for _, found := range eval[[]string](p, `axe.run({
					runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"],
				}).then(({violations}) => violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html + "\n" + n.failureSummary)))`) {
				t.Errorf("%s, %d pixels wide, %s: %s", state, look.width, look.colours, found)
			}
		}
		p.size(1280, 900)
	})
}

// thorough is whether the slow tests are wanted as well.
func thorough() bool {
	return os.Getenv("CI") != "" || os.Getenv("IMAGESERVER_E2E") == "full"
}

// npmPack returns the folder of an npm package, fetched from the registry into
// a temporary one. Where that cannot be the test is skipped, except in CI.
func npmPack(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	pack := exec.Command("sh", "-c", fmt.Sprintf("npm pack --silent %s && tar xf *.tgz", name))
	pack.Dir = dir
	if out, err := pack.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("npm pack %s: %v, and CI is set\n%s", name, err, out)
		}
		t.Skipf("npm pack %s: %v\n%s", name, err, out)
	}
	return filepath.Join(dir, "package")
}
