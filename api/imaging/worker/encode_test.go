package worker_test

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/image/webp"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/imaging/worker"
)

// makeWebP makes a WebP from a picture of a type that package resize decodes.
func makeWebP(t *testing.T, pool *worker.Pool, s resize.Source, w, h, quality int) []byte {
	t.Helper()
	s.Placeholder = true
	planes, err := resize.Make(t.Context(), s, resize.Plan{Width: w, Height: h, Format: format.WebP, Quality: quality})
	if err != nil {
		t.Fatal(err)
	}
	made, err := pool.Encode(t.Context(), planes, quality)
	if err != nil {
		t.Fatal(err)
	}
	if made.Type != format.WebP || made.Width != w || made.Height != h {
		t.Errorf("got a %s of %d × %d pixels", made.Type, made.Width, made.Height)
	}
	if made.Placeholder == "" || made.Placeholder != planes.Placeholder {
		t.Errorf("got the placeholder %q, want %q", made.Placeholder, planes.Placeholder)
	}
	return made.Data
}

// pixels decodes a picture to a variant in full size.
func pixels(t *testing.T, data []byte) *image.NRGBA {
	t.Helper()
	s := newSource(t, data)
	made, err := resize.Make(t.Context(), s, fullSize(s))
	if err != nil {
		t.Fatal(err)
	}
	return decodePNG(t, made.Data)
}

// dwebp decodes a WebP with the program dwebp of libwebp. It returns nil if the program is not
// installed.
func dwebp(t *testing.T, data []byte) *image.NRGBA {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in.webp"), filepath.Join(t.TempDir(), "out.png")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("dwebp"); err != nil {
		t.Logf("not compared with dwebp: %v", err)
		return nil
	}
	if output, err := exec.Command("dwebp", in, "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("dwebp: %v: %s", err, output)
	}
	decoded, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return decodePNG(t, decoded)
}

// TestWebP compares variants in WebP with variants in JPEG of the same quality: both must be
// about as similar to a lossless variant. x/image/webp and dwebp decode the WebP.
func TestWebP(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	for file, worse := range map[string]float64{ // how much lower the PSNR may be, in dB
		"../../../testdata/photo-444.jpg": 2, // smooth: the WebP has half the bytes, and cwebp makes the same
		"../../../testdata/photo-422.jpg": 2,

		corpus + "/orientation/Landscape_6.jpg": 1.5,
		corpus + "/jpeg/flower.jpg":             1.5,
		corpus + "/jpeg/exif-72dpi-int.jpg":     1.5,
	} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Skip(err)
			}
			s := newSource(t, data)
			p := resize.Request{Width: 320}.Plan(s.Upright())
			p.Format = format.PNG
			exact, err := resize.Make(t.Context(), s, p)
			if err != nil {
				t.Fatal(err)
			}
			want := decodePNG(t, exact.Data)
			p.Format, p.Quality = format.JPEG, 80
			jpeg, err := resize.Make(t.Context(), s, p)
			if err != nil {
				t.Fatal(err)
			}
			var sizes []int
			for _, q := range []int{40, 60, 80, 90, 100} {
				data := makeWebP(t, pool, s, p.Width, p.Height, q)
				sizes = append(sizes, len(data))
				if _, err := webp.Decode(bytes.NewReader(data)); err != nil {
					t.Errorf("quality %d: %v", q, err)
				}
				if q != 80 {
					continue
				}
				a, b := psnr(pixels(t, jpeg.Data), want), psnr(pixels(t, data), want)
				t.Logf("JPEG: %d bytes, %.1f dB. WebP: %d bytes, %.1f dB", len(jpeg.Data), a, len(data), b)
				if b < a-worse {
					t.Errorf("got %.1f dB, want at most %.1f dB less than the %.1f of the JPEG", b, worse, a)
				}
				if len(data) >= len(jpeg.Data) {
					t.Errorf("got %d bytes, want less than the %d of the JPEG", len(data), len(jpeg.Data))
				}
				if other := dwebp(t, data); other != nil {
					if got := psnr(pixels(t, data), other); got < 38 {
						t.Errorf("%.1f dB against dwebp, want 38 and more", got)
					}
				}
			}
			if !slices.IsSorted(sizes) || sizes[0] == sizes[4] {
				t.Errorf("a higher quality must give more bytes, got %v", sizes)
			}
		})
	}
}

// TestWebPAlpha: alpha is exact.
func TestWebPAlpha(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	for _, name := range []string{"alpha.png", "soft.png", "alpha-webp.png"} {
		data, err := os.ReadFile("../../../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		s := newSource(t, data)
		w, h := s.Upright()
		want := pixels(t, data)
		made := makeWebP(t, pool, s, w, h, 80)
		m, err := webp.Decode(bytes.NewReader(made))
		if err != nil {
			t.Fatal(err)
		}
		layered, ok := m.(*image.NYCbCrA)
		if !ok {
			t.Fatalf("%s: got a %T, want alpha", name, m)
		}
		for y := range h {
			for x := range w {
				if got, want := layered.A[layered.AOffset(x, y)], want.NRGBAAt(x, y).A; got != want {
					t.Fatalf("%s: at %d, %d: alpha is %d, want %d", name, x, y, got, want)
				}
			}
		}
		if other := dwebp(t, made); other != nil {
			if got := psnr(other, want); got < 30 {
				t.Errorf("%s: %.1f dB, want 30 and more", name, got)
			}
		}
	}
}

// TestWebPMetadata: a WebP has the ICC profile of the picture, and no other metadata. If it has
// neither a profile nor alpha, it is in the simple file format, without the chunk VP8X.
func TestWebPMetadata(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	for name, want := range map[string]string{
		"tagged.jpg": "VP8X ICCP VP8 ", "tagged.png": "VP8X ICCP ALPH VP8 ", "tagged.webp": "VP8X ICCP ALPH VP8 ",
		"gradient.png": "VP8 ", "alpha.png": "VP8X ALPH VP8 ",
	} {
		data, err := os.ReadFile("../../../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		s := newSource(t, data)
		w, h := s.Upright()
		made := makeWebP(t, pool, s, w, h, 80)
		if got := chunks(t, made); got != want {
			t.Errorf("%s: got the chunks %q, want %q", name, got, want)
		}
		profile, err := format.ICCProfile(s, s.Size, s.Type, false)
		if err != nil {
			t.Fatal(err)
		}
		got, err := format.ICCProfile(bytes.NewReader(made), int64(len(made)), format.WebP, false)
		if err != nil || !bytes.Equal(got, profile) {
			t.Errorf("%s: got a profile of %d bytes, %v, want %d", name, len(got), err, len(profile))
		}
		if info, err := format.Detect(bytes.NewReader(made), int64(len(made))); err != nil || info.Width != w || info.Height != h || info.Orientation != 1 {
			t.Errorf("%s: got %+v, %v", name, info, err)
		}
		if m := dwebp(t, made); m != nil && m.Rect != image.Rect(0, 0, w, h) {
			t.Errorf("%s: got %v", name, m.Rect)
		}
	}
}

// chunks returns the names of the chunks of a WebP. It checks the lengths.
func chunks(t *testing.T, data []byte) (names string) {
	t.Helper()
	length := func(at int) int { return int(data[at]) | int(data[at+1])<<8 | int(data[at+2])<<16 }
	if length(4) != len(data)-8 {
		t.Errorf("the RIFF has %d bytes, want %d", length(4), len(data)-8)
	}
	at := 12
	for at < len(data) {
		n := length(at + 4)
		if names != "" {
			names += " "
		}
		names += string(data[at : at+4])
		at += 8 + (n+1)&^1
	}
	if at != len(data) {
		t.Errorf("the chunks end at %d, want %d", at, len(data))
	}
	return names
}

// TestWebPSizes: the smallest and the longest WebP can be made.
func TestWebPSizes(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	for _, size := range []image.Point{{1, 1}, {2, 1}, {1, 3}, {17, 15}, {16383, 1}, {1, 16383}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var b bytes.Buffer
			m := image.NewGray(image.Rectangle{Max: size})
			draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
			if err := png.Encode(&b, m); err != nil {
				t.Fatal(err)
			}
			made := makeWebP(t, pool, newSource(t, b.Bytes()), size.X, size.Y, 80)
			got := pixels(t, made)
			if got.Rect.Size() != size {
				t.Fatalf("got %v", got.Rect)
			}
			for _, v := range got.Pix {
				if math.Abs(float64(v)-255) > 3 {
					t.Fatalf("got the value %d, want white", v)
				}
			}
		})
	}
}
