package format_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
)

// corpusFolders are the folders of the corpus and the type of the images in each.
var corpusFolders = map[string]format.Type{
	"jpeg": format.JPEG, "orientation": format.JPEG, "png": format.PNG, "gif": format.GIF, "webp": format.WebP,
	"avif": format.AVIF, "heic": format.HEIC, "bmp": format.BMP, "ico": format.ICO, "tiff": format.TIFF,
}

// corpusRefused are the images of the corpus that are refused, and the text that the
// error must contain.
var corpusRefused = map[string]struct {
	kind error
	why  string
}{
	"png/xs1n0g01.png": {format.ErrUnknown, ""}, // wrong bits in the signature
	"png/xs2n0g01.png": {format.ErrUnknown, ""},
	"png/xs4n0g01.png": {format.ErrUnknown, ""},
	"png/xs7n0g01.png": {format.ErrUnknown, ""},
	"png/xcrn0g04.png": {format.ErrUnknown, ""}, // the line ends of the signature have no \n
	"png/xlfn0g04.png": {format.ErrUnknown, ""}, // the line ends of the signature have a second \r
	"png/xc1n0g08.png": {format.ErrMalformed, "colours of type 1"},
	"png/xc9n2c08.png": {format.ErrMalformed, "colours of type 9"},
	"png/xd0n2c08.png": {format.ErrMalformed, "in 0 bits"},
	"png/xd3n2c08.png": {format.ErrMalformed, "in 3 bits"},
	"png/xd9n2c08.png": {format.ErrMalformed, "in 99 bits"},
	"png/xhdn0g08.png": {format.ErrMalformed, "checksum"},
	"png/xdtn0g01.png": {format.ErrMalformed, "no picture"},
}

// TestCorpus reads images of other projects: PngSuite, and the test images of
// libwebp, libavif, libheif and Pillow. They belong to others, so they are stored
// outside of the project.
func TestCorpus(t *testing.T) {
	const corpus = "../../../../shared/corpus"
	if _, err := os.Stat(corpus); err != nil {
		t.Skip(err)
	}
	sizes := readSizes(t, "testdata/corpus.txt")
	for folder, typ := range corpusFolders {
		files, err := filepath.Glob(filepath.Join(corpus, folder, "*"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, file := range files {
			name := folder + "/" + filepath.Base(file)
			content := readFile(t, file)
			got, err := detect(content)
			if refusal, ok := corpusRefused[name]; ok {
				if !errors.Is(err, refusal.kind) || !strings.Contains(fmt.Sprint(err), refusal.why) {
					t.Errorf("%s: got %v, %v, want %v that says %q", name, got, err, refusal.kind, refusal.why)
				}
				continue
			}
			want := format.Info{Type: typ, Orientation: 1}
			if folder == "orientation" {
				want.Orientation = landscape(t, name)
			}
			if size, ok := sizes[name]; ok {
				want.Width, want.Height = size.X, size.Y
			} else if config, _, err := image.DecodeConfig(bytes.NewReader(content)); err == nil {
				want.Width, want.Height = config.Width, config.Height
			} else {
				t.Errorf("%s: its size is neither in corpus.txt nor known to the standard library: %v", name, err)
			}
			if got != want || err != nil {
				t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
			}
			for _, percent := range []int{1, 10, 50, 99} {
				checkCutOff(t, name, content[:len(content)*percent/100], typ)
			}
		}
	}
}

// landscape returns the orientation of an image from the number in its name. 0 means
// that it has none.
func landscape(t *testing.T, name string) (orientation int) {
	t.Helper()
	if _, err := fmt.Sscanf(name, "orientation/Landscape_%d.jpg", &orientation); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return max(orientation, 1)
}

// readSizes reads lines of a name, a width and a height.
func readSizes(t *testing.T, name string) map[string]image.Point {
	t.Helper()
	sizes := make(map[string]image.Point)
	for lines := bufio.NewScanner(bytes.NewReader(readFile(t, name))); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var name string
		var size image.Point
		if _, err := fmt.Sscan(lines.Text(), &name, &size.X, &size.Y); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		sizes[name] = size
	}
	return sizes
}
