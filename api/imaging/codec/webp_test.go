package codec

import (
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func newEncoder(t *testing.T) *Encoder {
	t.Helper()
	e, err := OpenEncoder(t.Context(), filepath.Join(os.TempDir(), "imageserver-test-codecs"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// planes returns the planes of a picture of w × h pixels. It calls sample for each sample of luma
// and chroma, and alpha for the alpha of each pixel.
func planes(w, h int, sample, alpha func() byte) []byte {
	n := w * h
	all := make([]byte, 2*(n+(w+1)/2*((h+1)/2)))
	for i := range all {
		if i < len(all)-n {
			all[i] = sample()
		} else {
			all[i] = alpha()
		}
	}
	return all
}

func opaque() byte { return 255 }

// noise returns a function that returns random samples. Pictures of noise have the longest
// encoding.
func noise() func() byte {
	random := rand.New(rand.NewPCG(1, 2))
	return func() byte { return byte(random.Uint32()) }
}

// TestEncodeMemory compares EncodeMemory with the memory of the encoder, for pictures that
// are hard to compress.
func TestEncodeMemory(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	for _, size := range []image.Point{{1, 1}, {16, 16}, {320, 213}, {600, 600}, {16383, 16}, {16, 16383}} {
		for what, alpha := range map[string]func() byte{"opaque": opaque, "transparent": noise()} {
			t.Run(fmt.Sprint(what, size), func(t *testing.T) {
				i, err := e.start(t.Context(), 1<<30)
				if err != nil {
					t.Fatal(err)
				}
				defer i.close()
				data, err := encodeWebP(i, planes(size.X, size.Y, noise(), alpha), size.X, size.Y, 100)
				if err != nil {
					t.Fatal(err)
				}
				used, limit := int64(i.module.Memory().Size()), EncodeMemory(size.X, size.Y, what == "transparent")
				pixels := float64(size.X * size.Y)
				t.Logf("%.1f bytes for each pixel, %.0f %% of the limit; the file has %.1f", float64(used)/pixels, 100*float64(used)/float64(limit), float64(len(data))/pixels)
				if used > limit {
					t.Errorf("got %d bytes, more than the limit of %d", used, limit)
				}
			})
		}
	}
}

// TestEncodeQuality: a higher quality gives more bytes.
func TestEncodeQuality(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	picture := planes(320, 213, noise(), opaque)
	last := 0
	for _, q := range []int{40, 60, 80, 90, 100} {
		data, err := e.Encode(t.Context(), picture, 320, 213, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) <= last {
			t.Errorf("quality %d: got %d bytes, want more than %d", q, len(data), last)
		}
		last = len(data)
	}
}

// TestEncodeErrors: Encode returns an error if the planes have another size, or if the picture is
// too long for a WebP. After that, the encoder still works.
func TestEncodeErrors(t *testing.T) {
	t.Parallel()
	e := newEncoder(t)
	for _, c := range []struct{ have, want image.Point }{{image.Pt(16, 16), image.Pt(16, 17)}, {image.Pt(16384, 1), image.Pt(16384, 1)}} {
		if data, err := e.Encode(t.Context(), planes(c.have.X, c.have.Y, opaque, opaque), c.want.X, c.want.Y, 80); err == nil {
			t.Errorf("%v: got %d bytes, want an error", c, len(data))
		}
	}
	if _, err := e.Encode(t.Context(), planes(16, 16, opaque, opaque), 16, 16, 80); err != nil {
		t.Error(err)
	}
}
