package ui_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestShareTarget: an app shares images with the installed page. The page uploads them.
func TestShareTarget(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	p.await(`navigator.serviceWorker.ready.then(() => true)`)
	// The share sheet sends a form, as this page does here.
	eval[*string](p, `(() => {
		const form = document.createElement("form");
		form.method = "post";
		form.enctype = "multipart/form-data";
		form.action = "share";
		const input = document.createElement("input");
		input.type = "file";
		input.name = "file";
		input.id = "shared";
		input.multiple = true;
		form.append(input);
		document.body.append(form);
	})()`)
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#shared"), []string{file(t, "beach été.png", picture(10, 10)), file(t, "b.png", picture(10, 10))}))
	eval[*string](p, `document.querySelector("#shared").form.submit()`)
	p.see("#gallery", "b.png")
	p.see("#gallery", "beach été.png")
	p.reload() // the page takes each file once
	p.await(`document.querySelectorAll("#gallery li").length === 2`)
	if got := list(t, url); len(got) != 2 {
		t.Errorf("the server has %q, want two images", got)
	}
}
