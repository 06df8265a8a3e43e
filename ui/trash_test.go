package ui_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"imageserver/api"
)

// remove deletes an image through the API.
func remove(t *testing.T, url, name string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodDelete, url+"/images/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("DELETE %s: status %d", name, res.StatusCode)
	}
}

// TestTrashView: the reader restores a deleted image, which appears in the gallery at its
// place at once, and empties the trash after a question.
func TestTrashView(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{Trash: time.Hour})
	for _, name := range []string{"d.png", "c.png", "b.png", "a.png"} {
		upload(t, url, name, picture(20, 20))
	}
	for _, name := range []string{"c.png", "b.png", "d.png"} {
		remove(t, url, name)
	}
	p := newPage(t, url)
	p.gallery("a.png")
	p.clickOn("#menu-button")
	p.see("#menu", "3 in the trash")
	p.click("#menu", "", "Trash")
	p.see("#trash li:nth-child(1)", "d.png")
	p.see("#trash li:nth-child(3)", "c.png")

	p.click("#trash li", "b.png", "Restore")
	p.await(`document.querySelectorAll("#trash li").length === 2`)
	p.see("#announcements", "b.png restored.")
	p.gallery("a.png", "b.png")
	p.focusIn("#trash li:nth-child(2)") // the next row

	p.click("#trash .head", "", "Empty trash")
	p.see("#trash", "This can’t be undone.")
	p.click("#trash .trash-question", "", "Keep")
	p.await(`document.querySelectorAll("#trash li").length === 2`)
	p.click("#trash .head", "", "Empty trash")
	p.click("#trash .trash-question", "", "Empty trash")
	p.see("#trash", "The trash is empty.")
	p.await(`document.querySelectorAll("#trash li").length === 0`)
	if got := list(t, url); len(got) != 2 {
		t.Errorf("the server has %q, want two images", got)
	}
}

// TestTrashVersions: if the trash has several images with the same name, the reader can restore
// any of them. Only the rows of these images have a line that shows the differences.
func TestTrashVersions(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{Trash: time.Hour})
	upload(t, url, "dog.png", picture(20, 20))
	remove(t, url, "dog.png")
	for width := 21; width <= 23; width++ {
		upload(t, url, "cat.png", picture(width, 20))
		remove(t, url, "cat.png")
	}
	p := newPage(t, url)
	p.menu("Trash")
	p.await(`document.querySelectorAll("#trash li").length === 4`)
	p.await(`/23 × 20.*Deleted: .*:\d\d:\d\d/.test(document.querySelector("#trash li .version").innerText)`)
	p.await(`[...document.querySelectorAll("#trash li .version")].map((v) => v.hidden).join() === "false,false,false,true"`)
	p.await(`document.querySelectorAll("#trash li button:not([hidden])").length === 4`)

	p.click("#trash li:nth-child(2)", "22 × 20", "Restore")
	p.see("#announcements", "cat.png restored.")
	p.gallery("cat.png")
	p.await(`document.querySelector("#gallery img").naturalWidth === 22`)
	p.click("#trash li:nth-child(2)", "21 × 20", "Restore") // the name is taken now
	p.see("#announcements", "cat-2.png restored.")
	p.gallery("cat.png", "cat-2.png")
	p.await(`[...document.querySelectorAll("#trash li")].map((li) => li.dataset.name + li.querySelector(".version").hidden).join() === "cat.pngtrue,dog.pngtrue"`)

	// Another client restores an image and deletes it again. The row still has the time of the
	// first deletion.
	res, err := http.Post(url+"/images/dog.png/restore", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	remove(t, url, "dog.png")
	p.click("#trash li", "dog.png", "Restore")
	p.see("#trash .error", "dog.png is no longer in the trash.")
	p.await(`document.querySelectorAll("#trash li").length === 1`)
	p.focusIn("#trash li")
	if got := list(t, url); len(got) != 2 {
		t.Errorf("the server has %q, want only the images that were restored", got)
	}
}

// TestTrashMerged: an image that is restored to an image with the same name and bytes is
// counted once.
func TestTrashMerged(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{Trash: time.Hour})
	cat := picture(20, 20)
	upload(t, url, "cat.png", cat)
	remove(t, url, "cat.png")
	upload(t, url, "cat.png", cat)
	p := newPage(t, url)
	p.await(`document.querySelector("#search").placeholder === "Search 1 image"`)
	p.menu("Trash")
	p.click("#trash li", "cat.png", "Restore")
	p.see("#announcements", "cat.png restored.")
	p.settle()
	p.gallery("cat.png")
	p.await(`document.querySelector("#search").placeholder === "Search 1 image"`)
}

// TestTrashNames: on a phone, the name of a usual screenshot is whole. Two of them often differ
// only at the end.
func TestTrashNames(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{Trash: time.Hour})
	upload(t, url, "Screenshot_20261130-044512.png", picture(20, 20))
	remove(t, url, "Screenshot_20261130-044512.png")
	p := newPage(t, url)
	p.size(320, 640)
	p.menu("Trash")
	p.see("#trash li", "044512.png")
	if eval[bool](p, `(({ scrollWidth, clientWidth, scrollHeight, clientHeight }) => scrollWidth > clientWidth || scrollHeight > clientHeight)(document.querySelector("#trash .name"))`) {
		t.Error("the name is cut off")
	}
}

// TestTrashFirstPage: if the reader restores all images of the first page, the trash is not
// empty yet.
func TestTrashFirstPage(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{Trash: time.Hour})
	for i := range 61 {
		name := fmt.Sprintf("%02d.png", i)
		upload(t, url, name, picture(2, 2))
		remove(t, url, name)
	}
	p := newPage(t, url)
	p.menu("Trash")
	p.await(`document.querySelectorAll("#trash li").length === 60`)
	eval[*string](p, `document.querySelectorAll("#trash li button").forEach((b) => b.click()), null`)
	p.await(`document.querySelectorAll("#trash li").length === 0`)
	p.see("#trash", "You can restore an image until its time is up.")
	p.click("#trash", "", "Load more")
	p.see("#trash li", "00.png")
}
