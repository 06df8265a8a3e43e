package ui_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"imageserver/api/apitest"
)

// TestCopyLink copies links in every format, for a name with all characters that could
// break a link. The page remembers the chosen format. If the browser does not copy the
// link, the page does not say "Copied".
func TestCopyLink(t *testing.T) {
	t.Parallel()
	const name = "a [b](c) `d` \"e\" <f>&amp;.png"
	url := newServer(t, "")
	link := upload(t, url, name, picture(10, 20))
	p := newPage(t, strings.Replace(url, "127.0.0.1", untrusted, 1))
	p.useClipboard()
	if eval[bool](p, "isSecureContext || Boolean(navigator.clipboard)") {
		t.Fatal("the page has the clipboard API, so this test cannot fail")
	}
	clipboard := func() string {
		t.Helper()
		p.visit(url) // at this address the test can read the clipboard
		p.allowClipboard()
		return eval[string](p, `navigator.clipboard.readText()`)
	}
	p.await(`document.querySelector("#gallery li .copy")`)
	eval[*string](p, `document.querySelector("#gallery li .copy").focus()`)
	p.click("#gallery li", "", "Copy URL")
	p.see("#gallery li button", "Copied")
	p.see("#announcements", "Copied")
	p.focusIn("#gallery li .copy")
	p.see("#gallery li button", "Copy URL")
	if got, want := clipboard(), strings.Replace(link, "127.0.0.1", untrusted, 1); got != want {
		t.Errorf("without the clipboard API: copied %q, want %q", got, want)
	}

	for form, want := range map[string]string{
		"Markdown": "![a \\[b\\](c) \\`d\\` \"e\" \\<f>\\&amp;.png](" + strings.NewReplacer("(", "%28", ")", "%29").Replace(link) + ")",
		"HTML":     `<img src="` + strings.ReplaceAll(link, "&", "&amp;") + `" alt="a [b](c) ` + "`d`" + ` &quot;e&quot; &lt;f&gt;&amp;amp;.png" width="10" height="20">`,
		"BBCode":   "[img]" + link + "[/img]",
	} {
		eval[bool](p, fmt.Sprintf(`(() => { const s = document.querySelector("#link-format"); s.value = %q; return s.dispatchEvent(new Event("change")); })()`, strings.ToLower(form)))
		p.reload() // the choice stays
		p.click("#gallery li", "", "Copy "+form)
		p.see("#gallery li button", "Copied")
		if got := clipboard(); got != want {
			t.Errorf("copied as %s:\n got %s\nwant %s", form, got, want)
		}
	}

	eval[*string](p, `navigator.clipboard.writeText = () => Promise.reject(), document.execCommand = () => false, null`)
	p.click("#gallery li", "", "Copy")
	p.await(`document.activeElement.selectionEnd === document.activeElement.value?.length && document.activeElement.value.includes("/images/a%20")`)
	if eval[bool](p, `document.body.innerText.includes("Copied")`) {
		t.Error("the page says that it has copied")
	}
	p.click("dialog[open]", "", "Close")
	p.focusIn("#gallery li .copy")
	p.choose(file(t, "later.png", picture(5, 5))) // the page still works
	p.see("#announcements", "1 uploaded")
}

// TestCopyLinkHEIC: a link that shows a HEIC is that of a JPEG copy.
func TestCopyLinkHEIC(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	link := upload(t, url, "phone.heic", []byte(apitest.Sample(t, "gradient.heic")))
	p := newPage(t, url)
	p.useClipboard()
	p.allowClipboard()
	for form, want := range map[string]string{
		"URL":      link,
		"Markdown": "![phone.heic](" + link + "?format=jpeg)",
		"HTML":     `<img src="` + link + `?format=jpeg" alt="phone.heic" width="60" height="40">`,
	} {
		p.await(`document.querySelector("#gallery li .copy")`)
		eval[bool](p, fmt.Sprintf(`(() => { const s = document.querySelector("#link-format"); s.value = %q; return s.dispatchEvent(new Event("change")); })()`, strings.ToLower(form)))
		p.click("#gallery li", "", "Copy "+form)
		p.see("#gallery li button", "Copied")
		if got := eval[string](p, `navigator.clipboard.readText()`); got != want {
			t.Errorf("copied as %s: got %s, want %s", form, got, want)
		}
		p.reload()
	}
}

// TestOfferedTypes: the file input offers HEIC, except on an iPhone, which then converts photos.
func TestOfferedTypes(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	const accept = `document.querySelector("#file").accept`
	p.await(accept + `.includes(".heic")`)
	_, err := chromedp.Call(p.ctx, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
		UserAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	p.reload()
	p.await(accept + `.includes(".jpeg")`)
	if got := eval[string](p, accept); strings.Contains(got, "heic") {
		t.Errorf("an iPhone is offered %s", got)
	}
}
