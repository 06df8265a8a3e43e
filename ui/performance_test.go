package ui_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// report is the part of Lighthouse's report that the test reads.
type report struct {
	Categories map[string]struct {
		Score     float64
		AuditRefs []struct{ ID string }
	}
	Audits map[string]struct {
		Score        *float64
		NumericValue float64
		DisplayValue string
		Details      struct{ Items json.RawMessage }
	}
}

// request is a request of the page.
type request struct {
	URL          string
	TransferSize int
}

// requests returns the requests that an audit lists.
func (r report) requests(t *testing.T, audit string) (list []request) {
	t.Helper()
	if err := json.Unmarshal(r.Audits[audit].Details.Items, &list); err != nil {
		t.Fatalf("the audit %s: %v", audit, err)
	}
	return list
}

// TestLighthouse: Lighthouse gives a gallery of 200 images 100 points for accessibility and for
// best practices. Of its results about performance, the test checks those that are the same in
// each run: which elements move, which files block the first paint, and which files are loaded.
// The others depend on the load of the machine.
func TestLighthouse(t *testing.T) {
	if !thorough() || testing.Short() {
		t.Skip("slow: set IMAGESERVER_E2E=full or CI")
	}
	t.Parallel()
	url := newGalleryOf(t, 200, gradient(1, 1600, 1200))
	for _, query := range []string{"w=320&h=320", "w=640&h=640"} { // the server makes the copies before the page requests them
		res, err := http.Get(url + "/images/one.png?" + query)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("the copy with %s: status %d", query, res.StatusCode)
		}
	}
	found := lighthouse(t, url)

	for _, category := range []string{"accessibility", "best-practices"} {
		if found.Categories[category].Score == 1 {
			continue
		}
		t.Errorf("%s: %.0f, want 100", category, 100*found.Categories[category].Score)
		for _, ref := range found.Categories[category].AuditRefs {
			if audit := found.Audits[ref.ID]; audit.Score != nil && *audit.Score < 1 {
				t.Errorf("%s: %s", ref.ID, audit.DisplayValue)
			}
		}
	}
	if shift, ok := found.Audits["cumulative-layout-shift"]; !ok || shift.NumericValue != 0 {
		t.Errorf("the layout shifts by %g, want 0", shift.NumericValue)
	}
	for _, blocking := range found.requests(t, "render-blocking-resources") {
		if file := strings.TrimPrefix(blocking.URL, url); !slices.Contains([]string{"/ui/style.css", "/ui/early.js"}, file) {
			t.Errorf("%s blocks the first paint", file)
		}
	}
	checkRequests(t, url, found.requests(t, "network-requests"))
}

// thumbnailSize matches the sizes of thumbnails that the page requests.
var thumbnailSize = regexp.MustCompile(`&w=(160|256|320|400|640|1280)&`)

// checkRequests limits the requests and bytes of the first view of the page.
func checkRequests(t *testing.T, url string, all []request) {
	t.Helper()
	var page, pictures []string
	bytes := 0
	for _, r := range all {
		path := strings.TrimPrefix(r.URL, url)
		if !strings.HasPrefix(path, "/images/") {
			page = append(page, fmt.Sprintf("%s: %d", path, r.TransferSize))
			bytes += r.TransferSize
			continue
		}
		pictures = append(pictures, path)
		if !thumbnailSize.MatchString(path) {
			t.Errorf("the page loads %s, want a resized copy", path)
		}
	}
	t.Logf("%d requests of %d bytes for the page: %q", len(page), bytes, page)
	t.Logf("%d requests for pictures", len(pictures))
	// The icon and the manifest are in this number, too, because Lighthouse requests them.
	if len(page) > 12 {
		t.Errorf("the page makes %d requests, want at most 12: %q", len(page), page)
	}
	// The files of the page have 50 kB with gzip. The rest is small responses and the list of 84
	// images. The digests and placeholders in the list cannot be compressed.
	if bytes > 85_000 {
		t.Errorf("the page loads %d bytes besides pictures, want at most 85,000", bytes)
	}
	if len(pictures) == 0 || len(pictures) > 60 {
		t.Errorf("the page loads %d pictures at first, want 1 to 60", len(pictures))
	}
}

// lighthousePackage is the package.json that installs Lighthouse without two packages that this
// test does not use: one reports errors to the authors, and one controls Firefox. They have more
// than half of all files. npm needs other packages in their place.
const lighthousePackage = `{
	"dependencies": {"lighthouse": "12.8.2"},
	"overrides": {"@sentry/node": "npm:ms@2.1.3", "chromium-bidi": "npm:ms@2.1.3"}
}`

// lighthouse runs Lighthouse once, which simulates an average phone in a slow network.
func lighthouse(t *testing.T, url string) (found report) {
	t.Helper()
	path := chromium()
	if path == "" {
		t.Fatal("no chromium found")
	}
	dir := t.TempDir()
	write(t, dir, "package.json", []byte(lighthousePackage))
	install := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install lighthouse: %v\n%s", err, out)
	}
	file := filepath.Join(dir, "report.json")
	run := exec.Command("node", filepath.Join(dir, "node_modules/lighthouse/cli/index.js"), url, "--quiet",
		"--output=json", "--output-path="+file, "--only-categories=accessibility,best-practices",
		"--only-audits=cumulative-layout-shift,render-blocking-resources,network-requests", // of the performance
		"--disable-full-page-screenshot",
		"--chrome-flags=--headless=new --no-sandbox --disable-gpu")
	run.Env = append(os.Environ(), "CHROME_PATH="+path)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("lighthouse: %v\n%s", err, out)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &found); err != nil {
		t.Fatal(err)
	}
	return found
}
