package worker_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/imaging/worker"
)

// cache returns the folder for compiled code. All tests share it, because a compilation takes
// seconds.
func cache() string {
	dir := filepath.Join(os.TempDir(), "imageserver-test-codecs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	return dir
}

func newPool(t testing.TB, types ...format.Type) *worker.Pool {
	t.Helper()
	return newLogged(t, t.Output(), types...)
}

func newLogged(t testing.TB, log io.Writer, types ...format.Type) *worker.Pool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := worker.New(worker.Options{Types: types, Command: []string{self, "decode"}, Cache: cache, Log: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(p.Close)
	return p
}

func newSource(t testing.TB, data []byte) resize.Source {
	t.Helper()
	info, err := format.Detect(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return resize.Source{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Info: info}
}

func fullSize(s resize.Source) resize.Plan {
	return resize.Plan{Width: s.Width, Height: s.Height, Format: format.PNG}
}

// refused has the errors of files of the corpus that the decoders of this package cannot read.
var refused = map[string]error{
	"color_grid_alpha_grid_tile_shared_in_dimg.avif": resize.ErrDamaged,
	"colors-animated-8bpc-audio.avif":                resize.ErrDamaged,
	"sofa_grid1x5_420_dimg_repeat.avif":              resize.ErrDamaged,
	"poc_b_506387278.avif":                           resize.ErrDamaged,
}

// different are files of which the reference programs make another picture than this package.
var different = map[string]float64{
	// libheif 1.15.1 draws the tiles in another order than Chromium 156. The variant is like the
	// picture of Chromium (49.5 dB).
	"sofa_grid1x5_420_reversed_dimg_order.avif": 0,
	// libheif 1.15.1 ignores the transparency, and libavif 0.11.1 refuses the file.
	"alpha_noispe.avif": 0,
}

// TestReference decodes pictures, and compares each with the picture that heif-convert or
// avifdec decodes, both in half the size. The pictures are the samples, the corpus, files that
// heif-enc and avifenc make, and the files that match the environment variable SAMPLES.
func TestReference(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: decodes one picture after the other")
	}
	pool := newPool(t, format.HEIC, format.AVIF)
	files := encode(t)
	for _, pattern := range []string{"../../../testdata/*.heic", "../../../testdata/*.avif", corpus + "/heic/*", corpus + "/avif/*.avif", os.Getenv("SAMPLES")} {
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { compare(t, pool, file) })
	}
}

const corpus = "../../../../shared/corpus"

func compare(t *testing.T, pool *worker.Pool, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(t, data)
	h, err := format.ReadHEIF(s, s.Size)
	if err != nil {
		t.Fatal(err)
	}
	made, err := pool.Make(t.Context(), s, fullSize(s))
	want := refused[filepath.Base(file)]
	if h.HDR() {
		want = resize.ErrUnsupported
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	if err != nil {
		return
	}
	if made.Placeholder != "" {
		t.Errorf("got the placeholder %x, which was not wanted", made.Placeholder)
	}
	got := half(t, decodePNG(t, made.Data))
	var all []float64
	for _, m := range references(t, file, h) {
		all = append(all, psnr(got, half(t, m)))
	}
	if len(all) == 0 {
		t.Skip("neither heif-convert nor avifdec reads this file, or they are missing")
	}
	least, ok := different[filepath.Base(file)]
	if !ok {
		least = 40
	}
	if slices.Max(all) < least {
		t.Errorf("got %.1f dB against heif-convert and avifdec, want %v", all, least)
	}
}

// TestFocus: if another process decodes and crops a picture, the focus is a point of the upright
// picture.
func TestFocus(t *testing.T) {
	t.Parallel()
	pool := newPool(t, format.HEIC, format.AVIF)
	for _, name := range []string{"gradient.heic", "gradient.avif", "rotated.avif", "cropped.avif"} {
		data, err := os.ReadFile("../../../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		s := newSource(t, data)
		whole, err := pool.Make(t.Context(), s, fullSize(s))
		if err != nil {
			t.Fatal(err)
		}
		for _, box := range [][2]int{{16, 32}, {32, 16}} {
			p := resize.Request{Width: box[0], Height: box[1], Cover: true, Format: format.PNG, Focus: resize.Focus{X: -3, Y: 2}}.Plan(s.Upright())
			got, err := pool.Make(t.Context(), s, p)
			if err != nil {
				t.Fatal(err)
			}
			want, err := resize.Make(t.Context(), newSource(t, whole.Data), p)
			if err != nil {
				t.Fatal(err)
			}
			if psnr := psnr(decodePNG(t, got.Data), decodePNG(t, want.Data)); psnr < 40 {
				t.Errorf("%s: %v: got %.1f dB, want 40 and more", name, p, psnr)
			}
		}
	}
}

// encode makes files with different depths, samples, colours and turns. It makes none if
// heif-enc and avifenc are missing.
func encode(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	sample := func(name string) string {
		path, err := filepath.Abs("../../../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(name string, command ...string) {
		out := filepath.Join(dir, name)
		if output, err := exec.Command(command[0], append(command[1:], out)...).CombinedOutput(); err != nil {
			t.Logf("%s is not tested: %v: %.200s", name, err, output)
			return
		}
		files = append(files, out)
	}
	photo, soft, alpha, grey := smallPhoto(t, sample("photo-444.jpg")), sample("soft.png"), sample("alpha.png"), sample("grey16.png")
	for _, chroma := range []string{"420", "422", "444"} {
		run(chroma+"-even.heic", "heif-enc", "-q", "90", "-p", "preset=ultrafast", "-p", "chroma="+chroma, saturated(t), "-o")
		run(chroma+".heic", "heif-enc", "-q", "90", "-p", "preset=ultrafast", "-p", "chroma="+chroma, photo, "-o")
		run(chroma+"-12.heic", "heif-enc", "-q", "90", "-p", "preset=ultrafast", "-b", "12", "-p", "chroma="+chroma, grey, "-o")
		for _, depth := range []string{"8", "10", "12"} {
			run(chroma+"-"+depth+".avif", "avifenc", "-s", "10", "--min", "10", "--max", "20", "-d", depth, "-y", chroma, photo)
		}
	}
	for _, matrix := range []string{"1", "6", "9"} {
		for _, full := range []string{"0", "1"} {
			run("matrix"+matrix+"-"+full+".heic", "heif-enc", "-q", "90", "-p", "preset=ultrafast", "--matrix_coefficients", matrix, "--full_range_flag", full, photo, "-o")
		}
		run("matrix"+matrix+".avif", "avifenc", "-s", "10", "--min", "10", "--max", "20", "--cicp", "1/13/"+matrix, photo)
	}
	run("limited.avif", "avifenc", "-s", "10", "--min", "10", "--max", "20", "-r", "limited", photo)
	run("grey.heic", "heif-enc", "-q", "90", "-p", "preset=ultrafast", grey, "-o")
	run("grey.avif", "avifenc", "-s", "10", "--min", "10", "--max", "20", "-y", "400", grey)
	run("soft.heic", "heif-enc", "-q", "90", "-p", "preset=ultrafast", soft, "-o")
	run("alpha.heic", "heif-enc", "-q", "90", "-p", "preset=ultrafast", alpha, "-o")
	run("premultiplied.heic", "heif-enc", "-q", "90", "-p", "preset=ultrafast", "--premultiplied-alpha", alpha, "-o")
	run("alpha.avif", "avifenc", "-s", "10", "--min", "10", "--max", "20", alpha)
	for turn := range 4 {
		for mirror := range 2 {
			run(fmt.Sprintf("turn%d-%d.avif", turn, mirror), "avifenc", "-s", "10", "--min", "10", "--max", "20", "--irot", fmt.Sprint(turn), "--imir", fmt.Sprint(mirror), photo)
		}
	}
	run("crop.avif", "avifenc", "-s", "10", "--min", "10", "--max", "20", "--crop", "4,6,30,20", photo)
	run("crop-turn.avif", "avifenc", "-s", "10", "--min", "10", "--max", "20", "--crop", "0,0,30,20", "--irot", "1", photo)
	return files
}

// smallPhoto writes a copy of a photo, 161 pixels wide, and returns its path.
func smallPhoto(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	made, err := resize.Make(t.Context(), newSource(t, data), resize.Plan{Width: 161, Height: 107, Format: format.PNG})
	if err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(t.TempDir(), "photo.png")
	if err := os.WriteFile(small, made.Data, 0o600); err != nil {
		t.Fatal(err)
	}
	return small
}

// saturated writes a picture with strong colours up to its edges. Its width and height are even.
func saturated(t *testing.T) string {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for i := 0; i < len(m.Pix); i += 4 {
		u, v := float64(i/4%64)/63, float64(i/4/64)/63
		m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3] = uint8(255*u*v), uint8((150+80*v)*(1-u)), uint8((130+125*u)*(1-v)), 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "saturated.png")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// references returns the pictures that heif-convert and avifdec decode from a file. These are
// programs of 2022 and 2023, and neither is always right.
func references(t testing.TB, file string, h format.HEIF) (all []*image.NRGBA) {
	t.Helper()
	for _, tool := range []string{"heif-convert", "avifdec"} {
		out := filepath.Join(t.TempDir(), "out.png")
		if output, err := exec.Command(tool, file, out).CombinedOutput(); err != nil {
			t.Logf("%s: %v: %.100s", tool, err, output)
			continue
		}
		data, err := os.ReadFile(out)
		if err != nil {
			continue // the file has several pictures
		}
		m := decodePNG(t, data)
		if tool == "avifdec" { // avifdec neither crops nor turns pictures
			m = shown(m, h)
		}
		all = append(all, m)
	}
	return all
}

// half returns the picture in half the size. In full size, pictures with 4:2:0 differ, because
// programs enlarge the colours in different ways.
func half(t testing.TB, m *image.NRGBA) *image.NRGBA {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	s := newSource(t, b.Bytes())
	made, err := resize.Make(t.Context(), s, resize.Plan{Width: max(1, s.Width/2), Height: max(1, s.Height/2), Format: format.PNG})
	if err != nil {
		t.Fatal(err)
	}
	return decodePNG(t, made.Data)
}

// shown crops, turns and mirrors the stored pixels of an AVIF, as its properties say.
func shown(m *image.NRGBA, h format.HEIF) *image.NRGBA {
	m = m.SubImage(h.Crop).(*image.NRGBA)
	w, ht := m.Rect.Dx(), m.Rect.Dy()
	at := map[int]func(x, y int) (int, int){ // the stored pixel of a pixel that is shown
		1: func(x, y int) (int, int) { return x, y },
		2: func(x, y int) (int, int) { return w - 1 - x, y },
		3: func(x, y int) (int, int) { return w - 1 - x, ht - 1 - y },
		4: func(x, y int) (int, int) { return x, ht - 1 - y },
		5: func(x, y int) (int, int) { return y, x },
		6: func(x, y int) (int, int) { return y, ht - 1 - x },
		7: func(x, y int) (int, int) { return w - 1 - y, ht - 1 - x },
		8: func(x, y int) (int, int) { return w - 1 - y, x },
	}[h.Orientation]
	out := image.NewNRGBA(image.Rect(0, 0, w, ht))
	if h.Orientation > 4 {
		out = image.NewNRGBA(image.Rect(0, 0, ht, w))
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sx, sy := at(x, y)
			out.SetNRGBA(x, y, m.NRGBAAt(m.Rect.Min.X+sx, m.Rect.Min.Y+sy))
		}
	}
	return out
}

// psnr returns the peak signal-to-noise ratio of two pictures, in dB. It compares the colours
// after multiplication with alpha, and alpha itself.
func psnr(a, b *image.NRGBA) float64 {
	if a.Rect != b.Rect {
		return 0
	}
	sum := 0.0
	for y := range a.Rect.Dy() {
		for x := range a.Rect.Dx() {
			p, q := a.NRGBAAt(x, y), b.NRGBAAt(x, y)
			f, g := float64(p.A)/255, float64(q.A)/255
			for _, d := range []float64{float64(p.R)*f - float64(q.R)*g, float64(p.G)*f - float64(q.G)*g, float64(p.B)*f - float64(q.B)*g, float64(p.A) - float64(q.A)} {
				sum += d * d
			}
		}
	}
	if sum == 0 {
		return 99
	}
	return 10 * math.Log10(255*255/(sum/float64(4*a.Rect.Dx()*a.Rect.Dy())))
}

func decodePNG(t testing.TB, data []byte) *image.NRGBA {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out := image.NewNRGBA(image.Rectangle{Max: m.Bounds().Size()})
	draw.Draw(out, out.Rect, m, m.Bounds().Min, draw.Src)
	return out
}

// TestHostile decodes damaged files: files that are cut off, and files with changed bits in the
// header or anywhere. No file may end the process. The log would have the end of a process.
func TestHostile(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	pool := newLogged(t, &log, format.HEIC, format.AVIF)
	files, _ := filepath.Glob("../../../testdata/*.heic")
	for _, pattern := range []string{"../../../testdata/*.avif", corpus + "/heic/*", corpus + "/avif/*.avif"} {
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	count := 60
	if os.Getenv("IMAGESERVER_E2E") == "full" {
		count = 2000
	}
	r := rand.New(rand.NewPCG(14, 2))
	results := make(map[string]int)
	for i := range count {
		data, err := os.ReadFile(files[r.IntN(len(files))])
		if err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0:
			data = data[:r.IntN(len(data))]
		case 1:
			for range 1 + r.IntN(8) {
				data[r.IntN(len(data))] ^= 1 << r.IntN(8)
			}
		case 2:
			for range 1 + r.IntN(3) {
				data[r.IntN(min(len(data), 600))] ^= 1 << r.IntN(8)
			}
		}
		info, err := format.Detect(bytes.NewReader(data), int64(len(data)))
		if err != nil || !pool.Can(info.Type) || info.Width*info.Height > 4e6 {
			results["refused before"]++
			continue
		}
		s := resize.Source{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Info: info}
		_, err = pool.Make(t.Context(), s, resize.Plan{Width: 16, Height: 16, Quality: 80})
		switch {
		case err == nil:
			results["made"]++
		case errors.Is(err, resize.ErrDamaged):
			results["damaged"]++
		case errors.Is(err, resize.ErrUnsupported), errors.Is(err, worker.ErrMemory), errors.Is(err, worker.ErrTooSlow):
			results[err.Error()[:20]]++
		default:
			t.Errorf("file %d: %v", i, err)
		}
	}
	t.Logf("%d files: %v", count, results)
	if strings.Contains(log.String(), "process ended") {
		t.Errorf("a process ended: %.2000s", log.String())
	}
}
