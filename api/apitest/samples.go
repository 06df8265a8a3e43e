package apitest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// ETag returns the entity tag of an image with this content.
func ETag(content string) string {
	sum := sha256.Sum256([]byte(content))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// Sample returns a file of testdata.
func Sample(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(), "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Picture returns a PNG of size bytes, but never fewer than a PNG needs. Each seed gives
// another PNG: the bytes after its end differ, and decoders ignore those.
func Picture(t testing.TB, seed uint64, size int) string {
	t.Helper()
	png := Sample(t, "gradient.png")
	noise := make([]byte, max(8, size-len(png)))
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	rand.NewChaCha8(key).Read(noise)
	return png + string(noise)
}

// Photo returns a JPEG of w × h pixels. Each seed gives another one.
func Photo(t testing.TB, seed, w, h int) string {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, Pattern(seed, w, h), &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Pattern returns an image of w × h pixels. Each seed gives another one.
func Pattern(seed, w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8(x*y/8 + seed), 255})
		}
	}
	return m
}

// Drawing returns a PNG of w × h pixels. Its left half is transparent.
func Drawing(t testing.TB, w, h int) string {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := w / 2; x < w; x++ {
			m.SetNRGBA(x, y, color.NRGBA{200, 100, 50, 255})
		}
	}
	return PNG(t, m)
}

// PNG encodes an image.
func PNG(t testing.TB, m image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// root returns the folder of the module. A test runs in the folder of its package.
func root() string {
	for dir := "."; len(dir) < 100; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	panic("apitest: no folder above has a go.mod")
}
