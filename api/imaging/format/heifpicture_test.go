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

// TestCrop compares the crop of an AVIF with the size that Chromium 156 shows (naturalWidth
// and naturalHeight) of the same box in a file of avifenc --crop, with 4:2:0 and 4:4:4. The
// crop of a HEIC is that of libheif.
func TestCrop(t *testing.T) {
	t.Parallel()
	whole := image.Rect(0, 0, 60, 40)
	for name, c := range map[string]struct {
		numbers    []int64 // of the width, the height, and the two distances from the centre
		avif, heic image.Rectangle
	}{
		"the corner":                  {[]int64{30, 1, 20, 1, -15, 1, -10, 1}, image.Rect(0, 0, 30, 20), image.Rect(0, 0, 30, 20)},
		"the corner in halves":        {[]int64{60, 2, 40, 2, -30, 2, -20, 2}, image.Rect(0, 0, 30, 20), image.Rect(0, 0, 30, 20)},
		"the corner in large numbers": {[]int64{3e8, 1e7, 20, 1, -15, 1, -10, 1}, image.Rect(0, 0, 30, 20), image.Rect(0, 0, 30, 20)},
		"an odd corner":               {[]int64{31, 1, 21, 1, -29, 2, -19, 2}, image.Rect(0, 0, 31, 21), image.Rect(0, 0, 31, 21)},
		"a pixel":                     {[]int64{1, 1, 1, 1, -59, 2, -39, 2}, image.Rect(0, 0, 1, 1), image.Rect(0, 0, 1, 1)},
		"everything":                  {[]int64{60, 1, 40, 1, 0, 1, 0, 1}, whole, whole},
		"the centre":                  {[]int64{30, 1, 20, 1, 0, 1, 0, 1}, whole, image.Rect(15, 10, 45, 30)},
		"an odd centre":               {[]int64{31, 1, 21, 1, 0, 1, 0, 1}, whole, image.Rect(14, 9, 45, 30)},
		"an offset":                   {[]int64{30, 1, 20, 1, -11, 1, -4, 1}, whole, image.Rect(4, 6, 34, 26)},
		"an offset below":             {[]int64{30, 1, 20, 1, -15, 1, 0, 1}, whole, image.Rect(0, 10, 30, 30)},
		"half a pixel":                {[]int64{61, 2, 41, 2, -59, 4, -39, 4}, whole, image.Rect(1, 1, 31, 21)},
		"half a pixel of offset":      {[]int64{30, 1, 20, 1, -29, 2, -19, 2}, whole, image.Rect(1, 1, 31, 21)},
		"outside":                     {[]int64{30, 1, 20, 1, 30, 1, 0, 1}, whole, image.Rect(30, 10, 60, 30)},
		"before the corner":           {[]int64{30, 1, 20, 1, -16, 1, -10, 1}, whole, image.Rect(0, 0, 30, 20)},
		"an offset divided by 0":      {[]int64{30, 1, 20, 1, -15, 0, -10, 1}, whole, image.Rect(15, 0, 45, 20)},
		"a size divided by 0":         {[]int64{30, 0, 20, 1, -15, 1, -10, 1}, whole, whole},
		"a negative size":             {[]int64{-30, 1, 20, 1, -45, 1, -10, 1}, whole, whole},
		"two negative numbers":        {[]int64{-30, -1, 20, 1, -15, 1, -10, 1}, whole, whole},
		"nothing":                     {[]int64{0, 1, 20, 1, -30, 1, -10, 1}, whole, whole},
		"too large":                   {[]int64{62, 1, 40, 1, 1, 1, 0, 1}, whole, whole},
	} {
		var numbers string
		for _, n := range c.numbers {
			numbers += be(n, 4)
		}
		properties := heif(box("ipco", ispe(60, 40), box("clap", numbers)), ipma(1, 1, 2))
		for brand, want := range map[string]image.Rectangle{"avif": c.avif, "heic": c.heic} {
			content := ftyp(brand) + properties
			got, err := format.ReadHEIF(strings.NewReader(content), int64(len(content)))
			if err != nil || got.Crop != want {
				t.Errorf("%s: %s: got %v, %v, want %v", brand, name, got.Crop, err, want)
			}
		}
	}
}
