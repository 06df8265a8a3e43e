package ui_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// client is the page of another service that uses the server. The page has its own
// code and its own origin.
const client = `<!doctype html>
<title>client</title>
<input type="file">
<img>
<script>
const base = %q;
const fileInput = document.querySelector("input");
const img = document.querySelector("img");

async function upload() {
	const fd = new FormData(); fd.append('file', fileInput.files[0]);
	const r = await fetch(base + '/upload', {method:'POST', body: fd}); const d = await r.json();
	return {ok: r.ok, message: d.message, filename: d.filename};
}

function show(d) {
	return new Promise((resolve, reject) => {
		img.onload = () => resolve(img.naturalWidth);
		img.onerror = () => reject(new Error('the image did not load'));
		img.src = base + '/images/' + d.filename
	});
}

// choose puts a file with any name into the file input.
function choose(name, base64) {
	const transfer = new DataTransfer();
	transfer.items.add(new File([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], name));
	fileInput.files = transfer.files;
}
</script>`

// newClient serves the client's page for the server at base.
func newClient(t *testing.T, base string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, client, base)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestContract checks the steps of a service on any origin. The service uploads a file,
// reads message and filename from the response, and shows the image by its name.
func TestContract(t *testing.T) {
	t.Parallel()
	onLocalhost := func(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }
	base := newServer(t, "")
	port := newClient(t, base)
	for name, url := range map[string]string{
		"another port":                    port,
		"another host":                    onLocalhost(port),
		"another port, both on localhost": onLocalhost(newClient(t, onLocalhost(base))),
	} {
		t.Run(name, func(t *testing.T) { testContract(t, newPage(t, url)) })
	}
}

func testContract(t *testing.T, p *page) {
	for i, name := range []string{
		"cat.png", "two words.png", "photo (1).png", "a#b?c%d.png", "100%.png", "a+b&c=d.png", "naïve 写真 🌄.png", "صورة.png",
		`quo"te's.png`, "..png", "no extension",
	} {
		t.Run(name, func(t *testing.T) {
			p := p.in(t)
			content := picture(30+i, 20)
			answer := p.send(name, content)
			if !answer.OK || answer.Message == "" || answer.Filename == "" {
				t.Fatalf("the response is %+v", answer)
			}
			if got, want := eval[int](p, fmt.Sprintf(`show({filename: %q})`, answer.Filename)), 30+i; got != want {
				t.Errorf("%q is shown %d pixels wide, want %d", answer.Filename, got, want)
			}
			res, err := http.Get(eval[string](p, "img.currentSrc"))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, content) {
				t.Errorf("got %d bytes back (%v), want the %d that were sent", len(got), err, len(content))
			}
		})
	}
	t.Run("not an image", func(t *testing.T) {
		answer := p.in(t).send("notes.txt", []byte("not an image\n"))
		if answer.OK || answer.Message == "" {
			t.Errorf("the response is %+v, want one with a reason", answer)
		}
	})
}

// answer is the part of the response that the client reads.
type answer struct {
	OK                bool
	Message, Filename string
}

func (p *page) send(name string, content []byte) answer {
	p.t.Helper()
	eval[*string](p, fmt.Sprintf(`choose(%q, %q)`, name, base64.StdEncoding.EncodeToString(content)))
	return eval[answer](p, `upload()`)
}
