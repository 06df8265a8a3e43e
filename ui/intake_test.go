package ui_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

const (
	enter = input.DispatchDragEventTypeDragEnter
	over  = input.DispatchDragEventTypeDragOver
	drop  = input.DispatchDragEventTypeDrop
)

func TestDrop(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	upload(t, url, "there.png", picture(30, 30))
	p := newPage(t, url)
	p.see("#gallery", "there.png")
	files := []string{file(t, "dropped.png", picture(16, 16)), file(t, "another.png", picture(16, 16))}
	p.await(`document.querySelector("#overlay") === null`)

	// The overlay appears once and disappears once, even if the pointer moves several times.
	p.drag(files, enter, over)
	overlay := `document.querySelector("#overlay")?.checkVisibility()`
	p.await(overlay)
	p.see("#overlay", "Drop 2 files")
	eval[bool](p, `window.changes = 0, new MutationObserver(() => changes++).observe(document.querySelector("#overlay"), { attributes: true }), true`)
	p.drag(files, over, over, over, over, over, over, over, over)
	if got := eval[int](p, "changes"); got != 0 {
		t.Errorf("the overlay changed %d times while files were dragged", got)
	}
	// DevTools cannot drag files out of the window.
	eval[bool](p, `document.querySelector("#overlay").dispatchEvent(new DragEvent("dragleave"))`)
	p.await("!" + overlay)

	// The page ignores dragged text, and dragged pictures of the page itself.
	eval[bool](p, `(() => {
		const data = new DataTransfer();
		data.setData("text/plain", "words");
		return document.body.dispatchEvent(new DragEvent("dragenter", { bubbles: true, dataTransfer: data }));
	})()`)
	p.await("!" + overlay)
	eval[bool](p, `(() => {
		const data = new DataTransfer();
		data.items.add(new File(["x"], "own.png"));
		const drag = (type) => document.querySelector("#gallery img").dispatchEvent(new DragEvent(type, { bubbles: true, dataTransfer: data }));
		["dragstart", "dragenter", "dragover", "drop", "dragend"].forEach(drag);
		return true;
	})()`)
	p.await("!" + overlay)

	p.drag(files, enter, over, drop)
	p.see("#uploads .summary", "2 uploaded")
	p.await("!" + overlay)
	if got, want := eval[[]string](p, rows), []string{"dropped.png", "another.png"}; !slices.Equal(got, want) {
		t.Errorf("the rows are %q, want %q", got, want)
	}

	// People can also drop files on a dialog. The page closes the dialog, because it
	// covers the uploads.
	p.menu("Help")
	p.await(`document.querySelector("#help[open]")`)
	late := []string{file(t, "late.png", picture(16, 16))}
	p.drag(late, enter, over)
	p.await(`document.querySelector("#help[open] #overlay")?.checkVisibility()`)
	p.drag(late, drop)
	p.await(`document.querySelectorAll("#uploads .stored").length === 3 && !document.querySelector('dialog[open]')`)
	p.await("!" + overlay + ` && document.querySelector("body > #announcements")`)
}

// TestFolders drops and chooses folders with a folder inside. The browser lists at most 100
// entries of a dropped folder at a time.
func TestFolders(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	small := picture(2, 2) // all files have the same picture, because the test compares names
	// folder returns a folder that has n pictures, and three more in a folder inside.
	folder := func(n int) string {
		top := t.TempDir()
		inner := filepath.Join(top, "inner")
		if err := os.Mkdir(inner, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{".DS_Store", "Thumbs.db"} {
			write(t, top, name, []byte("of the system"))
		}
		write(t, inner, "desktop.ini", []byte("of the system"))
		for i := range n + 3 {
			dir := top
			if i >= n {
				dir = inner
			}
			write(t, dir, fmt.Sprintf("%d.png", i+1), small)
		}
		return top
	}
	want := []string{"1.png", "2.png", "3.png", "4.png", "5.png", "6.png", "7.png"}
	p.drag([]string{folder(107), t.TempDir()}, enter, over, drop)
	p.see("#uploads .refused .status", "This folder has no files.")
	for _, n := range []int{40, 80, 110} { // wait in several steps, because a busy machine needs longer than patience
		p.await(fmt.Sprintf("%s >= %d", stored, n))
	}
	p.see("#uploads .summary", "110 uploaded, 1 failed")
	p.see("#uploads", "3 system files skipped")
	if got := eval[[]string](p, rows); !slices.Equal(got[1:8], want) {
		t.Errorf("the rows are %q, want the files in the order of their paths", got)
	}
	p.click("#uploads", "", "Close")
	p.await(`!document.querySelector("#uploads").checkVisibility()`)
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#folder"), []string{folder(4)}))
	p.see("#uploads .summary", "7 uploaded")
	p.see("#uploads", "3 system files skipped")
	if got := eval[[]string](p, rows); !slices.Equal(got, want) {
		t.Errorf("the rows are %q, want the files in the order of their paths", got)
	}
}

func TestPaste(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	p.useClipboard()
	p.allowClipboard()
	eval[*string](p, `(async () => {
		const canvas = new OffscreenCanvas(24, 18);
		canvas.getContext("2d").fillRect(2, 2, 10, 10);
		await navigator.clipboard.write([new ClipboardItem({ "image/png": canvas.convertToBlob() })]);
	})()`)
	p.paste()
	p.see("#uploads .stored", "24 × 18")
	if got, want := p.shown("#uploads"), regexp.MustCompile(`^pasted-\d{4}(-\d\d){5}\.png$`); !want.MatchString(got) {
		t.Errorf("the uploads show %q, want %v", got, want)
	}

	// A file that was copied in a file manager keeps its name. Text goes into the field that has
	// the focus.
	eval[bool](p, `(() => {
		const data = new DataTransfer();
		data.items.add(new File(["x"], "holiday.txt"));
		document.body.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: data }));
		return true;
	})()`)
	p.see("#uploads .refused", "holiday.txt")
	eval[*string](p, `navigator.clipboard.writeText("words")`)
	p.do(chromedp.Focus(chromedp.CSS("#search")))
	p.paste()
	p.await(`document.querySelector("#search").value === "words" && ` + rows + `.length === 2`)
	if got := eval[int](p, `document.querySelectorAll(".toast").length`); got != 0 {
		t.Errorf("%d messages after text was pasted into a field, want none", got)
	}

	// An image is uploaded even if the search field has the focus. If the clipboard also has
	// the text of the image, the text goes into the field.
	paste := func(target, text string) {
		eval[bool](p, fmt.Sprintf(`(async () => {
			const data = new DataTransfer();
			const canvas = new OffscreenCanvas(31, 17);
			canvas.getContext("2d").fillRect(2, 2, 10, 10);
			data.items.add(new File([await canvas.convertToBlob()], "image.png", { type: "image/png" }));
			const text = %q;
			if (text) data.setData("text/plain", text);
			return document.querySelector(%q).dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: data }));
		})()`, text, target))
	}
	paste("#search", "cells of a table")
	paste("#search", "")
	p.await(rows + `.length === 3`) // its row says 31 × 17, or that the name of this second was taken
	p.see("#uploads .summary", "2 uploaded, 1 failed")

	// Outside of fields, the page says that it does not upload text.
	eval[*string](p, `document.activeElement.blur(), navigator.clipboard.writeText("words")`)
	p.paste()
	p.see("#toasts", "Only images can be pasted here.")
	eval[*string](p, `navigator.clipboard.writeText("https://example.com/cat.png")`)
	p.paste()
	p.see("#toasts", "To upload from a link, save the picture first.")
}

// TestPasteButton: the button uploads the image on the clipboard. The page has the button
// only if scripts may read the clipboard.
func TestPasteButton(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, url)
	p.useClipboard()
	p.allowClipboard()
	eval[*string](p, `navigator.clipboard.writeText("words")`)
	p.click("#zone", "", "Paste")
	p.see("#toasts", "There is no image on the clipboard.")
	eval[*string](p, `(async () => {
		const canvas = new OffscreenCanvas(24, 18);
		canvas.getContext("2d").fillRect(2, 2, 10, 10);
		await navigator.clipboard.write([new ClipboardItem({ "image/png": canvas.convertToBlob() })]);
	})()`)
	p.click("#zone", "", "Paste")
	p.see("#uploads .stored", "24 × 18")

	elsewhere := newPage(t, strings.Replace(newServer(t, ""), "127.0.0.1", untrusted, 1))
	elsewhere.see("#zone", "Choose files")
	if eval[bool](elsewhere, `document.querySelector("#zone .paste") !== null`) {
		t.Error("the page has the button Paste, but it cannot read the clipboard")
	}
}

// TestCamera: only phones have the button for the camera.
func TestCamera(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServer(t, ""))
	seen := func(selector string) string {
		return fmt.Sprintf(`document.querySelector(%q).checkVisibility()`, selector)
	}
	p.await("!" + seen("label.camera") + " && !" + seen("#camera") + " && " + seen("label.folder"))
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
	p.await(seen("label.camera") + " && " + seen("#camera") + " && !" + seen("label.folder"))
	p.await(`document.querySelector("#camera").getAttribute("capture") === "environment"`) // Chromium has no such property on a desktop
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#camera"), []string{file(t, "image.png", picture(30, 40))}))
	p.see("#uploads .stored", "30 × 40")
}

func TestWithoutJavaScript(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	p := newPage(t, "about:blank")
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		t.Fatal(err)
	}
	p.visit(url)
	p.choose(file(t, "plain.png", picture(10, 10)), file(t, "simple.png", picture(10, 10)))
	if _, err := chromedp.RunResponse(p.ctx, chromedp.Click(chromedp.CSS("#zone button"))); err != nil {
		t.Fatal(err)
	}
	p.see("body", "plain.png")
	if got, want := sorted(list(t, url)), []string{"plain.png", "simple.png"}; !slices.Equal(got, want) {
		t.Errorf("the server has %q, want %q", got, want)
	}
}
