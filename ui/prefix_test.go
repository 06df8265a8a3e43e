package ui_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"imageserver/api"
	"imageserver/api/access"
)

// listen returns a listener on a free port, and its port.
func listen(t *testing.T) (l *net.TCPListener, port string) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return l, port
}

// nginx runs an nginx on l until the test ends, with this location in its configuration.
// If nginx is missing, the test is skipped, or fails in CI.
func nginx(t *testing.T, l *net.TCPListener, location string) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path = "/usr/sbin/nginx"; os.Getenv("CI") == "" {
			if _, err := os.Stat(path); err != nil {
				t.Skip("no nginx found: install it to test the page behind it")
			}
		}
	}
	dir := t.TempDir()
	var temporary strings.Builder
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "%s_temp_path %s/%[1]s;\n", what, dir)
	}
	configuration := write(t, dir, "nginx.conf", fmt.Appendf(nil,
		"daemon off; user root root; pid %s/pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n%sserver { listen %s;\n%s}\n}\n",
		dir, &temporary, l.Addr(), location))
	socket, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	cmd := exec.CommandContext(t.Context(), path, "-p", dir, "-c", configuration, "-e", "stderr")
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Env = append(os.Environ(), "NGINX=3;") // nginx takes over the socket, as during an upgrade of nginx
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // nginx sends the signal to its worker
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Wait() }) // t.Context has ended by then
}

// readmeLocation returns the nginx location of the manual.
func readmeLocation(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../api/listen/README.md")
	if err != nil {
		t.Fatal(err)
	}
	location := regexp.MustCompile(`(?s)location /img/ \{.*?\n\}\n`).Find(readme)
	if location == nil {
		t.Fatal("the manual has no location /img/ for nginx")
	}
	return string(location)
}

// TestUnderPath: everything on the page works behind nginx at /img/, whether or not
// nginx removes /img/ from the path.
func TestUnderPath(t *testing.T) {
	t.Parallel()
	readme := readmeLocation(t)
	for name, location := range map[string]string{
		"kept":          readme,
		"removed":       strings.Replace(readme, ":5000;", ":5000/;", 1),
		"without slash": strings.Replace(readme, "/img/", "/img", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			front, port := listen(t)
			base := &url.URL{Scheme: "http", Host: untrusted + ":" + port, Path: "/img"}
			server := httptest.NewServer(newAPI(t, api.Options{Access: access.Options{BaseURL: base, Token: "s3cret"}}))
			t.Cleanup(server.Close)
			nginx(t, front, strings.Replace(location, "127.0.0.1:5000", server.Listener.Addr().String(), 1))
			testUnderPath(t, base.String())
		})
	}
}

func testUnderPath(t *testing.T, base string) {
	p := newPage(t, base) // the server redirects to base/
	within := func(what, got string) {
		t.Helper()
		if !strings.HasPrefix(got, base+"/") {
			t.Errorf("%s is %s, want it under %s/", what, got, base)
		}
	}
	p.see("#token", "Enter the access token")
	within("the page", eval[string](p, `location.href`))
	p.do(
		chromedp.Click(chromedp.CSS("#token [type=checkbox]")),
		chromedp.SendKeys(chromedp.CSS("#token-input"), "s3cret"),
		chromedp.Click(chromedp.CSS("#token button")),
	)
	p.see("#gallery", "No images yet")
	if got := eval[[]string](p, `Object.keys(localStorage)`); fmt.Sprint(got) != "[/img/token]" {
		t.Errorf("the browser stores %q, want only the token for /img/", got)
	}

	p.choose(file(t, "a b.png", picture(700, 30)), file(t, "c.png", picture(20, 20)), file(t, "d.png", picture(20, 20)))
	p.await(`document.querySelectorAll("#uploads .stored").length === 3`)
	p.await(`document.querySelectorAll("#gallery li").length === 3`)
	if got := p.shown("#gallery"); !strings.Contains(got, "a b.png") || !strings.Contains(got, "d.png") {
		t.Errorf("the gallery shows %s", got)
	}
	p.await(`document.documentElement.matches(".scripted") && getComputedStyle(document.querySelector("header img")).width === "28px"`)
	p.await(`document.querySelector("header img").naturalWidth > 0`)
	for _, link := range eval[[]string](p, `[...document.querySelectorAll("link, script, a, form, img")].map(e => e.action || e.currentSrc || e.href || e.src)`) {
		within("a link", link)
	}
	// Before the token was entered, requests failed with 401. Now none may fail.
	p.visit(base + "/")
	p.shown("#gallery")
	for _, got := range eval[[]string](p, `performance.getEntriesByType("resource").filter(e => e.responseStatus >= 400).map(e => e.responseStatus + " " + e.name)`) {
		t.Error("a request failed:", got)
	}

	// A link to one image, a reload of it, and the way back.
	p.visit(base + "?image=a+b.png")
	p.viewing("a b.png")
	p.reload()
	p.viewing("a b.png")
	within("the view", eval[string](p, `location.href`))
	p.click("#view", "", "Delete")
	p.click(".toast", "a b.png", "Dismiss")
	p.await(`!document.querySelector(".toast")`)
	p.await(`fetch("images/a%20b.png").then((response) => response.status === 404)`)
	p.visit(base + "/")
	p.await(`document.querySelectorAll("#gallery li").length === 2`)

	dir := p.downloads()
	eval[*string](p, `document.querySelectorAll("#gallery li [type=checkbox]").forEach(box => box.click())`)
	p.click("#selection", "", "Download")
	if zip := downloaded(t, dir+"/*.zip"); !strings.Contains(string(zip), "c.png") {
		t.Error("the ZIP file does not have c.png")
	}

	p.menu("Help")
	p.clickOn("#help summary")
	p.see("#help", "From a terminal")
	for _, text := range eval[[]string](p, `[...document.querySelectorAll("#help code")].map(e => e.innerText)`) {
		for _, address := range regexp.MustCompile(`http://[^ ']*`).FindAllString(text, -1) {
			within("an address in the help", address)
		}
	}
	within("the uploader", eval[string](p, `document.querySelector("#help a").href`))

	// URLs in the responses of the server.
	answer := eval[struct {
		Status                                         int
		Location, URL, Delete, Service, Uploader, Link string
	}](p, `(async () => {
		const body = new FormData();
		body.append("file", new Blob(['<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>']), "e.svg");
		const stored = await fetch("upload", {method: "POST", body, headers: {Authorization: "Bearer s3cret"}});
		const {url, delete_url} = await stored.json();
		return {
			Status: stored.status, Location: stored.headers.get("Location"), URL: url, Delete: delete_url,
			Service: (await (await fetch("openapi.json")).json()).servers[0].url + "/",
			Uploader: (await (await fetch("sharex.sxcu")).json()).RequestURL,
			Link: (await fetch("")).headers.get("Link").slice(1),
		};
	})()`)
	if answer.Status != http.StatusCreated {
		t.Errorf("the upload has status %d, want 201", answer.Status)
	}
	for what, got := range map[string]string{
		"Location": answer.Location, "url": answer.URL, "delete_url": answer.Delete, "the server of openapi.json": answer.Service,
		"the URL of ShareX": answer.Uploader, "Link": answer.Link,
	} {
		within(what, got)
	}
	p.visit(answer.Delete)
	p.await(`document.querySelector("main img").naturalWidth === 9 && document.styleSheets[0].cssRules.length > 0`)
	p.click("main", "", "Delete")
	p.see("main", "e.svg was deleted")
	p.visit(answer.Delete)
	p.see("main", "Nothing to delete")
	p.await(`document.styleSheets[0].cssRules.length > 0`)

	// Without JavaScript the form reaches the server, which responds that it requires
	// the token.
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		t.Fatal(err)
	}
	p.visit(base + "/")
	p.choose(file(t, "plain.png", picture(10, 10)))
	response, err := chromedp.RunResponse(p.ctx, chromedp.Click(chromedp.CSS("#zone button")))
	if err != nil || response.Status != http.StatusUnauthorized || response.URL != base+"/upload" {
		t.Errorf("the response to the form is %+v, %v; want the server's 401", response, err)
	}
}
