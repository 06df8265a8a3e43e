package ui_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"imageserver/api"
	"imageserver/api/access"
)

// TestToken: the page asks for the token once, even if several requests need the token. It
// stores the token for the tab. If the reader ticks the box, the page stores the token on
// the device, until the reader signs out.
func TestToken(t *testing.T) {
	t.Parallel()
	url := newServer(t, "s3cret")
	p := newPage(t, url)
	p.see("#token", "Enter the access token")
	p.see("#gallery > p", "Waiting for the access token")
	p.focusIn("#token")
	p.choose(file(t, "cat.png", picture(10, 10)), file(t, "dog.png", picture(10, 10)))
	p.await(`document.querySelectorAll("#uploads .locked").length === 2`)
	p.await(`document.querySelectorAll("#token form").length === 1`)
	enter := func(token string) {
		t.Helper()
		p.do(
			chromedp.SendKeys(chromedp.CSS("#token-input"), token),
			chromedp.Click(chromedp.CSS("#token button")),
		)
	}
	enter("with space")
	p.await(`document.querySelector("#token-input:invalid")`) // an HTTP header cannot have this character
	eval[*string](p, `document.querySelector("#token-input").value = ""`)
	enter("wrong")
	p.see("#token .error", "That token is wrong. Check it and try again.")
	p.see("#announcements", "That token is wrong")
	p.await(`document.querySelectorAll("#token form").length === 1 && document.querySelector("#token-input").ariaInvalid === "true"`)
	enter(" s3cret ") // pasted text often has spaces
	p.see("#uploads .stored", "cat.png")
	p.see("#uploads .stored", "dog.png")
	p.await(`document.querySelectorAll("#gallery li").length === 2`)
	p.reload()
	p.see("#gallery", "cat.png")
	p.await(`document.querySelector("#token").childElementCount === 0`)
	if eval[bool](p, `Object.values(localStorage).includes("s3cret")`) {
		t.Error("the token is stored on the device although nobody ticked the box")
	}

	p.remove("dog.png") // this request has the token
	p.click(".toast", "dog.png", "Dismiss")
	p.await(`document.querySelectorAll("#gallery li").length === 1 && !document.querySelector(".toast")`)
	p.menu("Help")
	p.see("#help", "Only people with the access token can upload")
	p.clickOn("#help summary")
	p.see("#help", "Authorization: Bearer YOUR-TOKEN")
	p.see("#help", "Replace YOUR-TOKEN with the access token")
	p.press(kb.Escape)
	p.await(`"delete-links" in localStorage`)
	p.menu("Sign out")
	p.see("#token", "Enter the access token")
	if eval[bool](p, `"delete-links" in localStorage`) {
		t.Error("the delete links are still stored, and work without the token")
	}
	eval[*string](p, `document.querySelector("#token [type=checkbox]").click()`)
	enter("s3cret")
	p.see("#gallery", "cat.png")
	eval[*string](p, `sessionStorage.clear()`) // as if another tab had done it
	p.reload()
	p.see("#gallery", "cat.png")
	eval[*string](p, `localStorage.setItem("token", "stale")`)
	p.reload()
	p.see("#token .error", "That token is wrong")
	if eval[bool](p, `Object.values(localStorage).includes("stale")`) {
		t.Error("a wrong token is still stored")
	}
}

// TestTokenChanged: if the server has a new token, the page asks for the token again at the
// next action of the reader. The page does not ask if another tab has stored the new token.
// Then the action continues.
func TestTokenChanged(t *testing.T) {
	t.Parallel()
	url, change := newChangingServer(t, api.Options{Access: access.Options{Token: "one"}})
	p := newPage(t, url)
	enter := func(token string) {
		t.Helper()
		p.do(
			chromedp.SendKeys(chromedp.CSS("#token-input"), token),
			chromedp.Click(chromedp.CSS("#token button")),
		)
	}
	enter("one")
	p.choose(file(t, "cat.png", picture(10, 10)), file(t, "dog.png", picture(10, 10)))
	p.see("#uploads .stored", "cat.png")
	p.see("#uploads .stored", "dog.png")

	change(api.Options{Access: access.Options{Token: "two"}})
	p.remove("dog.png")
	p.click(".toast", "dog.png", "Dismiss")
	p.see("#token .error", "That token is wrong")
	enter("two")
	p.await(`!document.querySelector("#uploads").innerText.includes("dog.png")`) // the image was deleted
	p.gallery("cat.png")

	change(api.Options{Access: access.Options{Token: "three"}})
	p.clickOn(card("cat.png") + " .picture")
	p.viewing("cat.png")
	p.press("i")
	p.click("#view", "", "Rename")
	p.do(chromedp.SendKeys(chromedp.CSS("#view .rename input"), "lion"))
	p.click("#view .rename", "", "Save")
	p.focusIn("#token") // the view is closed, because it would cover the form
	p.closed()
	enter("three")
	p.gallery("lion.png")

	change(api.Options{Access: access.Options{Token: "four"}})
	eval[*string](p, `localStorage.setItem("token", "four")`) // as another tab does
	p.choose(file(t, "emu.png", picture(10, 10)))
	p.see("#uploads .stored", "emu.png")
	if !eval[bool](p, `localStorage.getItem("token") === "four" && !document.querySelector("#token form")`) {
		t.Error("the page did not use the token that another tab has stored, or has deleted it")
	}
}
