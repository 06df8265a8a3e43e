package format_test

import (
	"bytes"
	"image"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imageserver/api/imaging/format"
)

// TestReadHEIF reads the properties of the samples.
func TestReadHEIF(t *testing.T) {
	t.Parallel()
	whole := image.Rect(0, 0, 60, 40)
	for name, want := range map[string]format.HEIF{
		"gradient.heic": {Width: 60, Height: 40, Crop: whole, Orientation: 1, Depth: 8, Chroma: 2, Matrix: 2, Transfer: 2},
		"gradient.avif": {Width: 60, Height: 40, Crop: whole, Orientation: 1, Depth: 8, Chroma: 2, Matrix: 6, Transfer: 13},
		"rotated.avif":  {Width: 60, Height: 40, Crop: whole, Orientation: 8, Depth: 8, Chroma: 2, Matrix: 6, Transfer: 13},
		"cropped.avif":  {Width: 60, Height: 40, Crop: image.Rect(0, 0, 50, 30), Orientation: 1, Depth: 8, Chroma: 2, Matrix: 6, Transfer: 13},
		"grid.avif":     {Width: 128, Height: 64, Crop: image.Rect(0, 0, 128, 64), Orientation: 1, Depth: 8, Chroma: 2, Matrix: 6, Transfer: 13},
	} {
		content := readSample(t, name)
		got, err := format.ReadHEIF(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestHEIFAlpha: after the changes of Alpha, the transparency is the primary item.
func TestHEIFAlpha(t *testing.T) {
	t.Parallel()
	content := readSample(t, "alpha.heic")
	before, err := format.ReadHEIF(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(before.Alpha) == 0 || before.Chroma == 0 {
		t.Fatalf("got %+v, %v", before, err)
	}
	content = bytes.Clone(content)
	for _, e := range before.Alpha {
		copy(content[e.Off:], e.New)
	}
	after, err := format.ReadHEIF(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(after.Alpha) != 0 || after.Width != before.Width {
		t.Errorf("got %+v, %v", after, err)
	}
}

// TestHEIFTurn checks the turn and then the mirror, and their place among the properties.
func TestHEIFTurn(t *testing.T) {
	t.Parallel()
	imir := func(axis int64) string { return box("imir", be(axis, 1)) }
	for _, c := range []struct {
		properties  string
		orientation int
	}{
		{irot(0) + imir(0), 4}, {irot(0) + imir(1), 2},
		{irot(1) + imir(0), 5}, {imir(1) + irot(1), 7},
		{irot(2) + imir(0), 2}, {irot(2) + imir(1), 4},
		{irot(3) + imir(0), 7}, {irot(3) + imir(1), 5},
		{irot(1) + irot(1), 8}, {irot(2) + irot(2), 3}, {irot(3) + irot(3), 6},
	} {
		content := ftyp("avif") + heif(box("ipco", ispe(60, 40), c.properties), ipma(1, 1, 2, 3))
		got, err := format.ReadHEIF(strings.NewReader(content), int64(len(content)))
		if err != nil || got.Orientation != c.orientation {
			t.Errorf("%q: got %d, %v, want %d", c.properties, got.Orientation, err, c.orientation)
		}
	}
}

// FuzzReadHEIF: no file makes ReadHEIF fail in another way than with its errors, and all changes
// are inside the file.
func FuzzReadHEIF(f *testing.F) {
	seed(f, format.AVIF)
	seed(f, format.HEIC)
	f.Fuzz(func(t *testing.T, content []byte) {
		h, err := format.ReadHEIF(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		if !h.Crop.In(image.Rect(0, 0, h.Width, h.Height)) {
			t.Errorf("the crop %v is outside of %d × %d", h.Crop, h.Width, h.Height)
		}
		for _, e := range append(h.Alpha, h.Grey...) {
			if e.Off < 0 || e.Off+int64(len(e.New)) > int64(len(content)) {
				t.Errorf("a change at %d, of %d bytes", e.Off, len(content))
			}
		}
	})
}
