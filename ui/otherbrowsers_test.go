package ui_test

import (
	"fmt"
	"testing"
)

// TestOtherBrowsers tests the main flows of the page in Firefox and in WebKitGTK. The other
// tests use Chromium, and check the details.
func TestOtherBrowsers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: without the browsers")
	}
	for name, start := range map[string]func(*testing.T) engine{"Firefox": startFirefox, "WebKit": startWebKit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			browser := start(t)
			for _, flow := range []struct {
				name string
				run  func(*otherPage)
			}{
				{"empty", emptyFlow},
				{"upload", uploadFlow},
				{"search", searchFlow},
				{"view", viewFlow},
				{"links", linksFlow},
				{"share", shareFlow},
				{"delete", deleteFlow},
				{"settings", settingsFlow},
			} {
				t.Run(flow.name, func(t *testing.T) { flow.run(newOtherPage(t, browser)) })
			}
		})
	}
}

// fill stores three images, and opens the page, which shows them.
func (p *otherPage) fill() {
	p.t.Helper()
	upload(p.t, p.url, "bird.png", picture(30, 30))
	upload(p.t, p.url, "dog.png", picture(40, 30))
	upload(p.t, p.url, "cat.jpg", gradient(1, 1600, 1200))
	p.visit(p.url)
	p.gallery("cat.jpg", "dog.png", "bird.png")
}

func emptyFlow(p *otherPage) {
	p.visit(p.url)
	p.see("#zone", "Drop images here")
	p.await(`document.documentElement.matches(".empty") && !document.querySelector("#gallery li")`)
	p.check()
	// The recorder must notice the problems of the page: see problems.
	ask[any](p, `void Promise.reject(new Error("left alone"))`)
	p.await(`problems.length === 1 && problems[0].includes("left alone")`)
	ask[any](p, `void setTimeout(() => { throw new Error("thrown"); })`)
	p.await(`problems.length === 2 && problems[1].includes("thrown")`)
	p.reload()
	p.await(`problems.length === 2`)
	ask[any](p, `void problems.splice(0)`)
}

func uploadFlow(p *otherPage) {
	p.visit(p.url)
	p.see("#zone", "Drop images here")
	p.choose("../testdata/gradient.jpg", "../testdata/gradient.png", "../testdata/lossy.webp", "../testdata/gradient.avif")
	p.see("#uploads .summary", "4 uploaded")
	p.await(`document.querySelectorAll("#gallery img").length === 4`)
	p.await(`[...document.querySelectorAll("#gallery img, #uploads img")].every((img) => img.naturalWidth > 0)`)
	p.choose(file(p.t, "notes.txt", []byte("not an image\n")), file(p.t, "list.txt", []byte("not an image either\n")))
	p.see("#uploads .group", "2 files aren’t images")
	p.see("#uploads .summary", "4 uploaded, 2 failed")
	p.click("#uploads button", "Close")
	p.await(`!document.querySelector("#uploads").checkVisibility()`)
}

func searchFlow(p *otherPage) {
	p.fill()
	p.press("/dog")
	p.gallery("dog.png")
	p.await(`location.search === "?q=dog"`)
	p.reload()
	p.gallery("dog.png")
	ask[any](p, `document.querySelector("#search").select()`)
	p.press(deleteKey)
	p.gallery("cat.jpg", "dog.png", "bird.png")
}

func viewFlow(p *otherPage) {
	p.fill()
	const width = `document.querySelector("#view .stage img").getBoundingClientRect().width`
	p.focus(card("cat.jpg") + " .picture")
	p.press(enterKey)
	p.viewing("cat.jpg")
	fitted := ask[float64](p, width)
	p.press("1")
	p.await(fmt.Sprintf(`document.querySelector("#view .stage img").naturalWidth === 1600 && Math.abs(%s - 1600) < 1`, width))
	p.press("0")
	p.await(fmt.Sprintf("Math.abs(%s - %g) < 1", width, fitted))
	p.press(rightKey)
	p.viewing("dog.png")
	p.press("i")
	p.see("#view .drawer", "40 × 30")

	// Escape closes only the topmost panel or dialog.
	p.click("#view button", "Rename")
	p.await(`document.activeElement.matches(".rename input")`)
	p.press(escapeKey)
	p.await(`!document.querySelector(".rename") && document.activeElement.closest("#view .name-row")`)
	p.press("?")
	p.see("#help", "Share images")
	p.press(escapeKey)
	p.await(`!document.querySelector("#help")`)
	p.viewing("dog.png")
	p.see("#view .drawer", "40 × 30")
	p.press(escapeKey)
	p.await(`!document.querySelector("dialog[open]") && location.search === ""`)
	p.await(fmt.Sprintf("document.activeElement.closest(%q)", card("dog.png")))
}

// linksFlow copies a link on a page without the clipboard API, as on http.
func linksFlow(p *otherPage) {
	p.fill()
	ask[any](p, `void Object.defineProperty(navigator, "clipboard", { value: undefined })`)
	p.focus(card("dog.png") + " .copy")
	p.press(enterKey)
	p.see("#gallery li button", "Copied")
	p.focus("#search")
	p.press(controlKey + "v")
	p.await(`document.querySelector("#search").value === location.origin + "/images/dog.png"`)

	// If the browser does not copy the link, the page shows it.
	p.see("#gallery", "No images match") // the search changes the URL, so it must end before the browser leaves the page
	p.visit(p.url)
	p.gallery("cat.jpg", "dog.png", "bird.png")
	ask[any](p, `void (Object.defineProperty(navigator, "clipboard", { value: undefined }), document.execCommand = () => false)`)
	p.focus(card("dog.png") + " .copy")
	p.press(enterKey)
	p.await(`document.querySelector("dialog[open] textarea")?.value === location.origin + "/images/dog.png"`)
	p.press(escapeKey)
	p.await(`!document.querySelector("dialog[open]")`)
}

func shareFlow(p *otherPage) {
	p.fill()
	p.click(card("cat.jpg")+" .picture", "")
	p.viewing("cat.jpg")
	p.click("#view .actions button", "Share")
	p.await(`document.querySelector(".share:popover-open .qr")?.getBoundingClientRect().width > 50`)
	p.await(`[...document.querySelectorAll(".share textarea")].some((e) => e.value === "![cat.jpg](" + location.origin + "/images/cat.jpg)")`)
	p.await(`(({ left, top, right, bottom }) => left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight)(document.querySelector(".share").getBoundingClientRect())`)
	p.press(escapeKey)
	p.await(`!document.querySelector(".share")`)
	p.viewing("cat.jpg")
	p.press(escapeKey)
	p.await(`!document.querySelector("dialog[open]")`)
}

func deleteFlow(p *otherPage) {
	p.fill()
	p.focus(card("dog.png") + " .picture")
	p.press(deleteKey)
	p.see(".toast", "dog.png deleted.")
	p.gallery("cat.jpg", "bird.png")
	p.press(controlKey + "z")
	p.gallery("cat.jpg", "dog.png", "bird.png")
	p.focus(card("dog.png") + " .picture")
	p.press(deleteKey)
	p.click(".toast button", "Dismiss")
	p.gallery("cat.jpg", "bird.png")
	p.await(`fetch("/images/dog.png").then((response) => response.status === 404)`)

	p.menu("Trash")
	p.see("#trash li", "dog.png")
	p.click("#trash li button", "Restore")
	p.see("#trash", "The trash is empty.")
	p.gallery("cat.jpg", "dog.png", "bird.png")
	p.press(escapeKey)
	p.await(`!document.querySelector("dialog[open]")`)
	p.await(`fetch("/images/dog.png").then((response) => response.ok)`)
}

func settingsFlow(p *otherPage) {
	p.fill()
	const background = `getComputedStyle(document.body).backgroundColor`
	p.click("#menu-button", "")
	p.set("#colours", "light")
	light := ask[string](p, background)
	p.set("#colours", "dark")
	p.await(background + " !== " + fmt.Sprintf("%q", light))
	p.click("#menu .segments label", "List")
	p.await(`document.querySelector("#gallery[data-layout=list] .size")?.checkVisibility()`)
	p.set(`#menu select[title="Language"]`, "ar")
	arabic := func() {
		p.t.Helper()
		p.await(`document.documentElement.dir === "rtl" && document.documentElement.lang === "ar"`)
		p.await(`document.querySelector("#gallery[data-layout=list] .size")?.checkVisibility()`)
		p.await(`document.querySelector("h1").getBoundingClientRect().left > innerWidth / 2`)
		if got := ask[string](p, background); got == light {
			p.t.Errorf("the background is %s, want the dark background", got)
		}
	}
	arabic()
	p.reload()
	arabic()
	p.focus(card("cat.jpg") + " .picture")
	p.press(enterKey)
	p.viewing("cat.jpg")
}
