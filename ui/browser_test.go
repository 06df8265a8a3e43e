package ui_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// picture returns a PNG of random pixels, so that no two pictures are equal.
func picture(width, height int) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			n := rand.Uint32()
			m.SetNRGBA(x, y, color.NRGBA{uint8(n), uint8(n >> 8), uint8(n >> 16), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a picture in memory can be encoded
	}
	return b.Bytes()
}

// file writes content to a file of this name and returns the path of the file.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	return write(t, t.TempDir(), name, content)
}

// write does the same as file, in an existing folder.
func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// upload stores an image through the API and returns its URL.
func upload(t *testing.T, url, name string, content []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	w.Close()
	res, err := http.Post(url+"/upload", w.FormDataContentType(), &b)
	if err != nil {
		t.Fatal(err)
	}
	var response struct{ URL string }
	decode(t, res, http.StatusCreated, &response)
	return response.URL
}

// list returns the names of the stored images.
func list(t *testing.T, url string) []string {
	t.Helper()
	res, err := http.Get(url + "/images?limit=100")
	if err != nil {
		t.Fatal(err)
	}
	var response struct{ Images []struct{ Filename string } }
	decode(t, res, http.StatusOK, &response)
	names := []string{}
	for _, i := range response.Images {
		names = append(names, i.Filename)
	}
	return names
}

func decode(t *testing.T, res *http.Response, status int, v any) {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", res.StatusCode, status, b)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
}
