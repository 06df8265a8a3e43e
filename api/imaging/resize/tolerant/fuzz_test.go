package tolerant_test

import (
	"bytes"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize/tolerant"
)

// FuzzDecode decodes any bytes. A picture must have the size in its header, and each
// error must be ErrUnsupported, because the reader does not fail.
func FuzzDecode(f *testing.F) {
	for _, kind := range []string{"png", "gif", "webp"} {
		names, err := filepath.Glob("../../../../testdata/*." + kind)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(b) < 4<<10 {
				f.Add(b)
				f.Add(b[:len(b)*2/3])
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := format.Detect(bytes.NewReader(b), int64(len(b)))
		if err != nil || info.Width*info.Height > 1<<18 {
			return
		}
		switch info.Type {
		case format.PNG:
			if m, err := png.Decode(tolerant.PNG(bytes.NewReader(b))); err == nil && m.Bounds().Empty() {
				t.Error("got an empty picture")
			}
		case format.GIF:
			checkGIF(t, b, info)
		case format.WebP:
			if r, err := tolerant.WebP(bytes.NewReader(b), int64(len(b))); err == nil {
				if _, err := io.Copy(io.Discard, r); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func checkGIF(t *testing.T, b []byte, info format.Info) {
	m, err := tolerant.GIF(bytes.NewReader(b))
	if err != nil && !errors.Is(err, tolerant.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
	if err == nil && (m.Rect.Max.X > info.Width || m.Rect.Max.Y > info.Height || m.Rect.Empty()) {
		t.Errorf("got %v on a screen of %d × %d", m.Rect, info.Width, info.Height)
	}
}
