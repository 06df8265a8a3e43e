package ui_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/apitest"
)

// TestPhotoDetails: the details show what a photo says about itself, for each format that
// has such metadata.
func TestPhotoDetails(t *testing.T) {
	t.Parallel()
	url := newServer(t, "")
	canon := []string{"Canon EOS R6", "RF50mm F1.8 STM", "1/250 s", "ƒ/1.8", "50 mm", "ISO 400", "May 1, 2024, 12:34", "-33.85680, 151.21530", "shows where it was taken"}
	planted := []string{"Planted One", "Feb 29, 2024, 12:34", "48.24160, 11.57550", "shows where it was taken"}
	p := newPage(t, "about:blank")
	for name, facts := range map[string][]string{
		"canon.heic": canon, "canon.avif": canon, "tagged.jpg": planted, "tagged.png": planted, "tagged.webp": planted,
	} {
		upload(t, url, name, []byte(apitest.Sample(t, name)))
		p.visit(url + "/?image=" + name)
		p.see("#view[open] h2", name)
		p.press("i")
		for _, fact := range facts {
			p.see(".drawer", fact)
		}
	}

	// In WebP the metadata is at the end, so a large file needs a second request.
	large := apitest.Sample(t, "tagged.webp")
	at := strings.Index(large, "EXIF")
	padding := make([]byte, 400_000)
	large = large[:at] + "JUNK" + string([]byte{0x80, 0x1A, 0x06, 0}) + string(padding) + large[at:]
	size := len(large) - 8
	large = large[:4] + string([]byte{byte(size), byte(size >> 8), byte(size >> 16), byte(size >> 24)}) + large[8:]
	upload(t, url, "large.webp", []byte(large))
	// Damaged metadata is no error.
	broken := []byte(apitest.Sample(t, "tagged.jpg"))
	copy(broken[bytes.Index(broken, []byte("Exif\x00\x00"))+10:], "\xff\xff\xff\xff") // the place of the first directory
	upload(t, url, "broken.jpg", broken)
	// Without seconds, the photo still shows where it was taken.
	vague := []byte(apitest.Sample(t, "tagged.jpg"))
	copy(vague[bytes.Index(vague, []byte("\x00\x00\x02\xe8\x00\x00\x00\x19")):], "\x00\x00\x00\x00\x00\x00\x00\x00") // 744/25
	upload(t, url, "vague.jpg", vague)
	p.visit(url + "/?image=vague.jpg")
	p.viewing("vague.jpg")
	p.press("i")
	p.see(".drawer", "48.23333, 11.57550")
	p.visit(url + "/?image=large.webp")
	p.viewing("large.webp")
	p.press("i")
	p.see(".drawer", "Planted One")
	p.visit(url + "/?image=broken.jpg")
	p.viewing("broken.jpg")
	p.press("i")
	p.see(".drawer", "SHA-256")
	p.settle()
	if got := eval[string](p, `document.querySelector(".photo-facts").innerText`); got != "" {
		t.Errorf("the details of a damaged photo are %q, want none", got)
	}
}

// TestHostileDetails: a list of billions of pieces in a HEIC does not stop the page. In an
// AVIF, such a list also stops the decoder of Chromium.
func TestHostileDetails(t *testing.T) {
	t.Parallel()
	heic := []byte(apitest.Sample(t, "canon.heic"))
	at := bytes.Index(heic, []byte("iloc")) - 4
	old := int(binary.BigEndian.Uint32(heic[at:]))
	const items = 600_000
	iloc := make([]byte, 18, 18+10*items) // numbers of no bytes
	copy(iloc[4:], "iloc\x02")
	binary.BigEndian.PutUint32(iloc[14:], items)
	for range items {
		iloc = append(iloc, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF) // an item in 65535 pieces
	}
	binary.BigEndian.PutUint32(iloc, uint32(len(iloc)))
	meta := bytes.Index(heic, []byte("meta")) - 4
	binary.BigEndian.PutUint32(heic[meta:], binary.BigEndian.Uint32(heic[meta:])+uint32(len(iloc)-old))
	heic = slices.Concat(heic[:at], iloc, heic[at+old:])
	url := newServer(t, "")
	upload(t, url, "hostile.heic", heic)
	p := newPage(t, url+"/?image=hostile.heic")
	p.see("#view[open] h2", "hostile.heic")
	p.press("i")
	p.see(".drawer", "SHA-256")
	p.await(`performance.getEntriesByType("resource").some((request) => request.name.includes("hostile.heic?v=") && !request.name.includes("&"))`)
	p.settle()
	p.press("i")
	p.await(`!document.querySelector(".drawer").checkVisibility()`)
}

// TestRemoveLocation: the image without its location has the same name, upload time and
// expiry, and the page shows it. If the server cannot remove the location, the page says so.
func TestRemoveLocation(t *testing.T) {
	t.Parallel()
	url := newServerWith(t, api.Options{Trash: 24 * time.Hour})
	photo := apitest.Sample(t, "tagged.jpg")
	send := func(name, content string) {
		t.Helper()
		req, err := http.NewRequest("PUT", url+"/images/"+name, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Uploaded-At", "2024-05-01T12:00:00Z")
		req.Header.Set("Expires-In", "7d")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		decode(t, res, http.StatusCreated, new(struct{}))
	}
	type stored struct {
		Filename, SHA256 string
		UploadedAt       time.Time `json:"uploaded_at"`
		ExpiresAt        time.Time `json:"expires_at"`
	}
	read := func() stored {
		t.Helper()
		res, err := http.Get(url + "/images?name=photo.jpg")
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Images []stored }
		decode(t, res, http.StatusOK, &list)
		if len(list.Images) != 1 {
			t.Fatalf("the server has %d images called photo.jpg, want 1", len(list.Images))
		}
		return list.Images[0]
	}
	send("photo.jpg", photo)
	send("phone.heic", apitest.Sample(t, "canon.heic"))
	before := read()
	p := newPage(t, url+"/?image=photo.jpg")
	p.viewing("photo.jpg")
	p.press("i")
	p.click(".drawer", "", "Remove location")
	p.see(".toast", "Location removed. The earlier version is in the trash for 24 hours and still shows the location.")
	p.await(`!document.querySelector(".drawer .location")`)
	p.viewing("photo.jpg")
	after := read()
	p.see(".drawer", after.SHA256)
	if after.SHA256 == before.SHA256 {
		t.Error("the stored image is the same as before")
	}
	if !after.UploadedAt.Equal(before.UploadedAt) {
		t.Errorf("the upload time is %v, want %v", after.UploadedAt, before.UploadedAt)
	}
	if d := after.ExpiresAt.Sub(before.ExpiresAt); d < -5*time.Second || d > 5*time.Second {
		t.Errorf("the image expires at %v, want about %v", after.ExpiresAt, before.ExpiresAt)
	}
	p.await(fmt.Sprintf(`document.querySelector("#gallery [alt='photo.jpg']").src.includes(%q)`, after.SHA256))

	p.visit(url + "/?image=phone.heic")
	p.see("#view[open] h2", "phone.heic")
	p.press("i")
	p.click(".drawer", "", "Remove location")
	p.see(".drawer .location", "The location can’t be removed from HEIC images.")
}
