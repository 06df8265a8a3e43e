package ui_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"imageserver/api"
)

// option changes one of the upload options of the header. n is its place.
func (p *page) option(n int, value string) {
	p.t.Helper()
	eval[*string](p, fmt.Sprintf(`{
		const control = document.querySelectorAll("#upload-options :is(select, input)")[%d];
		if (control.type === "checkbox") control.click();
		else { control.value = %q; control.dispatchEvent(new Event("change")); }
		null;
	}`, n, value))
}

// TestUploadOptions: the options apply to all later uploads of the session. The header names
// the options that are not the default.
func TestUploadOptions(t *testing.T) {
	t.Parallel()
	const keep, name, strip = 0, 1, 2
	url := newServer(t, "")
	p := newPage(t, url)
	p.see("#zone .options", "Options")
	p.await(`document.querySelector("#upload-options .hint").textContent.startsWith("Works for JPEG, PNG")`)
	p.option(keep, "7d")
	p.option(strip, "")
	p.see("#options-button", "For a week · Without location")
	p.see("#zone .options", "For a week · Without location")
	p.await(`[...document.querySelectorAll("#zone select")][0].value === "7d" && document.querySelector("#zone .check input").checked`)

	p.reload()
	p.see("#options-button", "For a week · Without location")
	p.await(`document.querySelector("#zone .check .hint").textContent !== ""`) // now the page knows the limits
	gif := []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")
	p.choose(file(t, "a.png", picture(10, 10)), file(t, "b.gif", gif))
	p.see("#uploads .refused", "Location and camera data can’t be removed from GIF.")
	p.see("#uploads .stored", "a.png")
	var stored struct {
		Images []struct {
			Filename  string
			ExpiresAt string `json:"expires_at"`
		}
	}
	res, err := http.Get(url + "/images")
	if err != nil {
		t.Fatal(err)
	}
	decode(t, res, http.StatusOK, &stored)
	if len(stored.Images) != 1 || stored.Images[0].ExpiresAt == "" {
		t.Errorf("the server has %v, want one image that expires", stored.Images)
	}
	sent := eval[[]string](p, `performance.getEntriesByType("resource").map(e => e.name).filter(name => name.includes("/upload")).map(name => new URL(name).search)`)
	if want := []string{"?expires_in=7d&strip=1"}; !slices.Equal(sent, want) {
		t.Errorf("the uploads had the parameters %q, want %q", sent, want)
	}

	// The reader decides about a name that is taken.
	p.option(keep, "forever")
	p.option(strip, "")
	p.option(name, "error")
	p.see("#options-button", "Ask me")
	p.click("#uploads", "", "Close")
	p.choose(file(t, "a.png", picture(11, 10)))
	p.see("#uploads .refused", "Another image has this name.")
	p.click("#uploads .refused", "", "Keep both")
	p.see("#uploads .stored", "Saved as a-2.png because a.png was taken")
	p.choose(file(t, "a.png", picture(12, 10)), file(t, "a-2.png", picture(13, 10)))
	p.see("#uploads .group", "2 files couldn’t be uploaded")
	p.see("#uploads .group", "Another image has this name.")
	p.click("#uploads .group", "", "Replace")
	p.see("#uploads .summary", "3 uploaded")
	p.see("#uploads .stored", "13 × 10")
	if got := sorted(list(t, url)); !slices.Equal(got, []string{"a-2.png", "a.png"}) {
		t.Errorf("the server has %q, want a-2.png and a.png", got)
	}
}

// TestAlwaysStripped: the page says so if the server removes the metadata of every upload.
func TestAlwaysStripped(t *testing.T) {
	t.Parallel()
	p := newPage(t, newServerWith(t, api.Options{Strip: true}))
	p.await(`document.querySelector("#zone .check input").disabled && document.querySelector("#zone .check input").checked`)
	p.await(`document.querySelector("#zone .check .hint").textContent === "This server always removes them."`)
}
