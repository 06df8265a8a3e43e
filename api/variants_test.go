package api_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/imaging/resize"
	"imageserver/db"
)

// photo is a JPEG of w × h pixels, another one for each seed.
func photo(t testing.TB, seed, w, h int) string {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, pattern(seed, w, h), &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func pattern(seed, w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8(x*y/8 + seed), 255})
		}
	}
	return m
}

// drawing is a PNG of w × h pixels, of which the left half is transparent.
func drawing(t testing.TB, w, h int) string {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := w / 2; x < w; x++ {
			m.SetNRGBA(x, y, color.NRGBA{200, 100, 50, 255})
		}
	}
	return pngOf(t, m)
}

func pngOf(t testing.TB, m image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wantVariant checks that the answer is a picture of this kind and size that can be
// decoded, and says so.
func wantVariant(t testing.TB, a answer, kind string, w, h int) {
	t.Helper()
	a.want(t, http.StatusOK)
	m, got, err := image.Decode(strings.NewReader(a.body))
	if err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	if got != kind || m.Bounds().Dx() != w || m.Bounds().Dy() != h {
		t.Errorf("got a %s of %v, want a %s of %d × %d", got, m.Bounds().Size(), kind, w, h)
	}
	a.wantHeader(t, "Content-Type", "image/"+kind)
	a.wantHeader(t, "X-Result-Width", fmt.Sprint(w))
	a.wantHeader(t, "X-Result-Height", fmt.Sprint(h))
	a.wantHeader(t, "ETag", etag(a.body))
	a.wantHeaders(t, imageHeader)
}

func TestCopies(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	s.put(t, "/images/photo.jpg", photo(t, 1, 900, 600))
	s.put(t, "/images/drawing.png", drawing(t, 900, 600))
	s.put(t, "/images/turned.jpg", sample(t, "rotated.jpg"))
	s.put(t, "/images/turned.webp", sample(t, "rotated.webp"))
	s.put(t, "/images/scan.tif", sample(t, "little.tif"))
	for _, c := range []struct {
		path string
		kind string
		w, h int
	}{
		{"photo.jpg?w=320", "jpeg", 320, 213},
		{"photo.jpg?h=200", "jpeg", 300, 200},
		{"photo.jpg?w=300", "jpeg", 320, 213}, // to the next step
		{"photo.jpg?w=1", "jpeg", 16, 11},
		{"photo.jpg?w=320&h=100", "jpeg", 192, 128}, // h goes to 128
		{"photo.jpg?w=320&h=320&fit=contain", "jpeg", 320, 213},
		{"photo.jpg?w=320&h=320&fit=cover", "jpeg", 320, 320},
		{"photo.jpg?w=4096&h=4096&fit=cover", "jpeg", 600, 600}, // no larger than the photo
		{"photo.jpg?w=320&format=png", "png", 320, 213},
		{"photo.jpg?format=png", "png", 900, 600},
		{"photo.jpg?w=4096&format=png", "png", 900, 600},
		{"drawing.png?w=320", "png", 320, 213},
		{"drawing.png?w=320&format=jpg", "jpeg", 320, 213},
		{"drawing.png?w=320&format=JPEG&q=40", "jpeg", 320, 213},
		{"turned.jpg?w=16", "jpeg", 16, 24},
		{"turned.jpg?w=4096", "jpeg", 40, 60}, // turned, although no smaller
		{"turned.webp?w=16", "jpeg", 16, 24},
		{"scan.tif?w=4096", "jpeg", 60, 40}, // browsers show no TIFF
	} {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			cold := s.do(t, "GET", "/images/"+c.path, "", "")
			wantVariant(t, cold, c.kind, c.w, c.h)
			warm := s.do(t, "GET", "/images/"+c.path, "", "")
			wantVariant(t, warm, c.kind, c.w, c.h)
			if warm.body != cold.body {
				t.Error("the copy that was kept is another one than that made")
			}
			head := s.do(t, "HEAD", "/images/"+c.path, "", "")
			head.want(t, http.StatusOK)
			head.wantHeader(t, "Content-Length", fmt.Sprint(len(cold.body)))
		})
	}
}

// TestQuality: fewer bytes for less of it.
func TestQuality(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	s.put(t, "/images/photo.jpg", photo(t, 1, 900, 600))
	last := 0
	for _, q := range []string{"1", "60", "80", "90", "100"} {
		a := s.do(t, "GET", "/images/photo.jpg?w=320&q="+q, "", "")
		wantVariant(t, a, "jpeg", 320, 213)
		if len(a.body) <= last {
			t.Errorf("q=%s: got %d bytes, want more than %d", q, len(a.body), last)
		}
		last = len(a.body)
	}
	plain := s.do(t, "GET", "/images/photo.jpg?w=320", "", "")
	if want := s.do(t, "GET", "/images/photo.jpg?w=320&q=61", "", ""); plain.body != want.body {
		t.Error("without q: got another copy than with q=80, to which q=61 goes up")
	}
}

// TestCopyIsOriginal: what is answered as it is.
func TestCopyIsOriginal(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	for _, c := range []struct{ name, query string }{
		{"gradient.jpg", "w=4096"},
		{"gradient.jpg", "w=64"},
		{"gradient.jpg", "w=64&h=48&format=jpeg"},
		{"gradient.jpg", "q=40"},
		{"gradient.jpg", "fit=contain"},
		{"alpha.png", "h=4096"},
		{"gradient.gif", "w=64"},
		{"gradient.bmp", "w=64"},
		{"animated.gif", "w=16"},
		{"animated.png", "w=16"},
		{"animated.webp", "w=16&format=jpeg"},
		{"gradient.avif", "w=16"},
		{"rotated.jxl", "w=16"},
		{"rotated.avif", "w=16&h=16&fit=cover"},
		{"gradient.heic", "w=16&format=png"},
		{"icon.ico", "w=16"},
		{"gradient.svg", "w=16"},
		{"rle.bmp", "w=16"}, // no decoder reads it
		{"bigtiff.tif", "w=16"},
	} {
		t.Run(c.name+"?"+c.query, func(t *testing.T) {
			t.Parallel()
			content := sample(t, c.name)
			name := strings.ReplaceAll(c.query, "&", " ") + " " + c.name
			stored := s.do(t, "POST", "/upload", formType, form(file("file", name, content))).reply(t)
			path := s.path(t, stored.URL)
			original := s.do(t, "GET", path, "", "")
			a := s.do(t, "GET", path+"?"+c.query, "", "")
			a.wantImage(t, content)
			a.wantHeader(t, "ETag", etag(content))
			a.wantHeader(t, "Content-Type", original.header.Get("Content-Type"))
			a.wantHeader(t, "X-Result-Width", "")
		})
	}
}

func TestBadCopyParameters(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	s.put(t, "/images/photo.jpg", photo(t, 1, 90, 60))
	s.put(t, "/images/drawing.svg", sample(t, "gradient.svg"))
	for _, c := range []struct{ query, code, says string }{
		{"w=0", "bad_width", "w=0 is not a valid width"},
		{"w=%2B320", "bad_width", "w=+320"},
		{"w=" + strings.Repeat("9", 1000), "bad_width", "w=" + strings.Repeat("9", 40) + " is not a valid width"},
		{"w=320;h=200", "bad_query", "Separate parameters by &"},
		{"w=%zz", "bad_query", "escape"},
		{"w=-5", "bad_width", "w=-5"},
		{"w=", "bad_width", "from 1 to 4096"},
		{"w=320px", "bad_width", "w=320px"},
		{"w=1e3", "bad_width", "w=1e3"},
		{"w=4097", "bad_width", "w=4097"},
		{"h=99999999999999999999", "bad_height", "h=99999999999999999999 is not a valid height"},
		{"w=320&h=x", "bad_height", "h=x"},
		{"w=320&fit=fill", "bad_fit", "fit=fill is not valid. Use contain or cover"},
		{"w=320&fit=", "bad_fit", "contain or cover"},
		{"w=320&fit=cover", "bad_fit", "both w and h"},
		{"fit=cover", "bad_fit", "both w and h"},
		{"w=320&format=webp", "bad_format", "format=webp is not valid. Use jpeg or png"},
		{"format=gif", "bad_format", "format=gif"},
		{"format=", "bad_format", "jpeg or png"},
		{"w=320&q=0", "bad_quality", "q=0 is not a valid quality"},
		{"w=320&q=101", "bad_quality", "from 1 to 100"},
		{"q=high", "bad_quality", "q=high"},
	} {
		t.Run(c.query, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{"photo.jpg", "drawing.svg", "missing.jpg"} {
				a := s.do(t, "GET", "/images/"+name+"?"+c.query, "", "")
				if got := a.refusal(t, http.StatusBadRequest, c.code); !strings.Contains(got.Message, c.says) {
					t.Errorf("the message is %q, want it to say %q", got.Message, c.says)
				}
			}
		})
	}
	s.do(t, "GET", "/images/missing.jpg?w=320", "", "").refusal(t, http.StatusNotFound, "not_found")
}

// TestCopyConditions: a copy is an image to caches, with a tag of its own.
func TestCopyConditions(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	original := photo(t, 1, 900, 600)
	stored := s.put(t, "/images/photo.jpg", original)
	const path = "/images/photo.jpg?w=320"
	a := s.do(t, "GET", path, "", "")
	tag := a.header.Get("ETag")
	a.wantHeader(t, "Cache-Control", "no-cache")
	a.wantHeader(t, "Last-Modified", stored.UploadedAt.Format(http.TimeFormat))

	s.do(t, "GET", path, "If-None-Match: "+tag, "").want(t, http.StatusNotModified)
	wantVariant(t, s.do(t, "GET", path, "If-None-Match: "+etag(original), ""), "jpeg", 320, 213)
	s.do(t, "GET", path, "If-Match: "+etag(original), "").refusal(t, http.StatusPreconditionFailed, "precondition_failed")
	part := s.do(t, "GET", path, "Range: bytes=10-19", "")
	if part.want(t, http.StatusPartialContent); part.body != a.body[10:20] {
		t.Errorf("got %q, want the ten bytes %q", part.body, a.body[10:20])
	}

	version := s.do(t, "GET", path+"&v="+stored.SHA256, "", "")
	version.want(t, http.StatusOK)
	version.wantHeader(t, "Cache-Control", "public, max-age=31536000, immutable")
	s.do(t, "GET", path+"&v="+strings.Trim(tag, `"`), "", "").refusal(t, http.StatusNotFound, "not_found")

	s.do(t, "GET", path+"&download", "", "").wantHeader(t, "Content-Disposition", `attachment; filename="photo.jpg"`)
	s.do(t, "GET", path+"&download&format=png", "", "").wantHeader(t, "Content-Disposition", `attachment; filename="photo.png"`)
	s.do(t, "GET", path, "Origin: https://app.example.com", "").wantHeader(t, "Access-Control-Allow-Origin", "*")
}

// TestCopiesFollow: a copy is never that of other bytes, and goes with its own.
func TestCopiesFollow(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	const path = "/images/photo.jpg?w=320"
	s.put(t, "/images/photo.jpg", photo(t, 1, 900, 600))
	first := s.do(t, "GET", path, "", "")
	wantVariant(t, first, "jpeg", 320, 213)
	wantVariants(t, s, 1)

	s.do(t, "PUT", "/images/photo.jpg", "", photo(t, 2, 600, 900)).success(t, http.StatusOK)
	wantVariants(t, s, 0)
	second := s.do(t, "GET", path, "", "")
	wantVariant(t, second, "jpeg", 320, 480)

	s.put(t, "/images/again.jpg", photo(t, 2, 600, 900))
	s.do(t, "DELETE", "/images/photo.jpg", "", "").want(t, http.StatusNoContent)
	s.do(t, "GET", path, "", "").refusal(t, http.StatusNotFound, "not_found")
	wantVariants(t, s, 1) // the bytes have another name
	if a := s.do(t, "GET", "/images/again.jpg?w=320", "", ""); a.body != second.body {
		t.Error("the same bytes under another name have another copy")
	}
	wantVariants(t, s, 1)
	s.do(t, "DELETE", "/images/again.jpg", "", "").want(t, http.StatusNoContent)
	wantVariants(t, s, 0)
}

func wantVariants(t testing.TB, s *server, want int64) {
	t.Helper()
	u, err := s.store.Usage(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if u.Variants != want {
		t.Errorf("the store keeps %d copies, want %d", u.Variants, want)
	}
}

// TestCopyBudget: what is kept stays inside the budget, and what is not kept is
// shown all the same.
func TestCopyBudget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		budget int64
		kept   bool
	}{{-1, false}, {10, false}, {30 << 10, true}} {
		t.Run(fmt.Sprint(c.budget), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, api.Options{VariantBudget: c.budget})
			s.put(t, "/images/photo.jpg", photo(t, 1, 900, 600))
			for i, w := range resize.Steps()[:15] {
				s.do(t, "GET", fmt.Sprintf("/images/photo.jpg?w=%d&format=png", w), "", "").want(t, http.StatusOK)
				u, err := s.store.Usage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if u.VariantBytes > max(c.budget, 0) || u.Variants == 0 == c.kept && i == 0 {
					t.Fatalf("w=%d: got %d copies of %d bytes", w, u.Variants, u.VariantBytes)
				}
			}
		})
	}
}

// counted counts the copies that are stored, and can refuse them.
type counted struct {
	db.Store
	puts atomic.Int64
	err  error
}

func (s *counted) PutVariant(ctx context.Context, source db.Digest, key string, body io.Reader, o db.VariantOptions) (db.Image, error) {
	s.puts.Add(1)
	if s.err != nil {
		return db.Image{}, s.err
	}
	return s.Store.PutVariant(ctx, source, key, body, o)
}

// TestCopyOnce: however many ask for a copy at a time, it is made once.
func TestCopyOnce(t *testing.T) {
	t.Parallel()
	store := &counted{Store: newStore(t)}
	s := serve(t, store, api.Options{})
	s.put(t, "/images/photo.jpg", photo(t, 1, 2000, 1500))
	var clients sync.WaitGroup
	for i := range 40 {
		clients.Go(func() {
			path := "/images/photo.jpg?w=320&h=1280"
			if i%2 == 0 {
				path = "/images/photo.jpg?w=300" // which comes to the same
			}
			a, err := s.try(t, "GET", path, "", nil)
			if err != nil {
				t.Error(err)
				return
			}
			wantVariant(t, a, "jpeg", 320, 240)
		})
	}
	clients.Wait()
	if got := store.puts.Load(); got != 1 {
		t.Errorf("the copy was made %d times, want once", got)
	}
}

// TestCopyNotKept: a copy that the store has no room for is shown.
func TestCopyNotKept(t *testing.T) {
	t.Parallel()
	store := &counted{Store: newStore(t), err: fmt.Errorf("%w: no disk", db.ErrFull)}
	s := serve(t, store, api.Options{})
	s.put(t, "/images/photo.jpg", photo(t, 1, 900, 600))
	for range 2 {
		wantVariant(t, s.do(t, "GET", "/images/photo.jpg?w=320", "", ""), "jpeg", 320, 213)
	}
	if got := store.puts.Load(); got != 2 {
		t.Errorf("the copy was made %d times, want each time", got)
	}
	s.log.wait(t, "WARN", "photo.jpg", "no disk")
}

// spoilt is a store whose copies break off after some bytes, the first times.
type spoilt struct {
	db.Store
	after int64
	times atomic.Int64
}

func (s *spoilt) GetVariant(ctx context.Context, source db.Digest, key string) (db.Image, db.Body, error) {
	img, body, err := s.Store.GetVariant(ctx, source, key)
	if err == nil && s.times.Add(-1) >= 0 {
		body = &spoiltBody{body, s.after}
	}
	return img, body, err
}

type spoiltBody struct {
	db.Body
	left int64
}

func (b *spoiltBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, db.ErrDamaged
	}
	n, err := b.Body.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (b *spoiltBody) WriteTo(w io.Writer) (int64, error) {
	n, err := io.CopyN(w, b.Body, b.left)
	return n, errors.Join(err, db.ErrDamaged)
}

// TestDamagedCopy: it is made again; at once when nothing of it has been sent.
func TestDamagedCopy(t *testing.T) {
	t.Parallel()
	const path = "/images/photo.jpg?w=640&format=png"
	for _, after := range []int64{0, 20_000} { // more than waits in a buffer: clients repeat what had no answer
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			store := &spoilt{Store: newStore(t), after: after}
			count := &counted{Store: store}
			s := serve(t, count, api.Options{})
			stored := s.put(t, "/images/photo.jpg", photo(t, 1, 900, 600))
			want := s.do(t, "GET", path, "", "")
			for _, header := range []string{"", "Range: bytes=0-"} {
				puts := count.puts.Load()
				store.times.Store(1)
				a, err := s.try(t, "GET", path+"&v="+stored.SHA256, header, nil)
				switch {
				case after > 0 && err == nil:
					t.Errorf("%s: got %s, want a connection that broke off", header, a)
				case after == 0 && err != nil:
					t.Fatalf("%s: %v", header, err)
				case after == 0:
					if a.body != want.body {
						t.Errorf("%s: got %s, want the copy", header, a)
					}
					a.wantHeader(t, "ETag", want.header.Get("ETag"))
					a.wantHeader(t, "Cache-Control", "public, max-age=31536000, immutable")
				}
				for deadline := time.Now().Add(patience); count.puts.Load() == puts; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("the copy was not made again")
					}
				}
			}
			if a := s.do(t, "GET", path, "", ""); a.body != want.body {
				t.Errorf("got %s, want the copy", a)
			}
			s.log.wait(t, "WARN", "damaged", "photo.jpg")
		})
	}
}

// TestHostilePictures asks for copies of pictures that are too large. Programs get
// an error that says so, and img elements the original.
func TestHostilePictures(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{MaxPixels: 1e6, ResizeMemory: 8 << 20})
	for _, c := range []struct{ name, content, says string }{
		{"bomb.gif", gifBomb(), "65535 × 65535"},
		{"bomb.png", pngBomb(t, 250_000, 200_000), "the limit is 1,000,000 pixels"},
		{"limit.jpg", photo(t, 1, 1001, 1000), "1001 × 1000"},
		{"memory.png", pngOf(t, image.NewNRGBA64(image.Rect(0, 0, 1000, 1000))), "more memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stored := s.put(t, "/images/"+c.name, c.content)
			for _, query := range []string{"?w=16", "?w=32&h=32&fit=cover&format=png"} {
				a := s.do(t, "GET", "/images/"+c.name+query, "Accept: */*\nSec-Fetch-Dest: empty", "")
				r := a.refusal(t, http.StatusUnprocessableEntity, "too_many_pixels")
				if !strings.Contains(r.Message, c.says) || !strings.Contains(r.Message, "The original can be shown") {
					t.Errorf("the message is %q, want it to say %q", r.Message, c.says)
				}
				a.wantHeader(t, "Vary", "Accept, Sec-Fetch-Dest")
				for _, header := range []string{"Sec-Fetch-Dest: image", "Accept: image/avif,image/webp,image/*,*/*;q=0.8"} {
					a := s.do(t, "GET", "/images/"+c.name+query+"&v="+stored.SHA256, header, "")
					a.wantImage(t, c.content)
					a.wantHeaders(t, "Vary: Accept, Sec-Fetch-Dest\nCache-Control: no-cache")
					a.wantHeader(t, "X-Result-Width", "")
				}
			}
			s.do(t, "GET", "/images/"+c.name, "", "").wantImage(t, c.content)
		})
	}
	s.put(t, "/images/fits.jpg", photo(t, 1, 1000, 1000))
	wantVariant(t, s.do(t, "GET", "/images/fits.jpg?w=16", "", ""), "jpeg", 16, 16)
}

// TestDamagedPictures asks for copies of damaged pictures. What can be decoded of
// them is resized. Of the others the answer is the original: a browser may show it.
func TestDamagedPictures(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	whole, broken := photo(t, 1, 900, 600), pngOf(t, pattern(1, 500, 500))
	for name, content := range map[string]string{
		"no-end.jpg":  whole[:len(whole)-2],
		"cut.jpg":     whole[:len(whole)/2],
		"cut.png":     broken[:len(broken)-100],
		"flipped.png": broken[:200] + "\x00\x00" + broken[202:],
	} {
		s.put(t, "/images/"+name, content)
		a := s.do(t, "GET", "/images/"+name+"?w=160&format=png", "", "")
		a.want(t, http.StatusOK)
		a.wantHeader(t, "X-Result-Width", "160")
	}
	nothing := whole[:strings.Index(whole, "\xff\xda")+14] + "\xff\xd9"
	s.put(t, "/images/nothing.jpg", nothing)
	for range 2 { // once from the memory of failures
		a := s.do(t, "GET", "/images/nothing.jpg?w=160", "", "")
		a.wantImage(t, nothing)
		a.wantHeader(t, "X-Result-Width", "")
	}
}

// gifBomb is a GIF of 34 bytes that claims 4 GiB.
func gifBomb() string {
	return "GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x01\x44\x00;"
}

// pngBomb is a PNG that claims w × h pixels and has next to none.
func pngBomb(t testing.TB, w, h uint32) string {
	t.Helper()
	return string(withPNGSize([]byte(drawing(t, 16, 16)), w, h))
}

// TestQueueFull: past the limit of the queue the answer is 503, and when clients
// go away others have their place.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	store := &held{Store: newStore(t), gate: make(chan struct{})}
	s := serve(t, store, api.Options{})
	s.put(t, "/images/photo.jpg", photo(t, 1, 600, 600))
	s.put(t, "/images/small.jpg", photo(t, 2, 20, 20))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var clients sync.WaitGroup
	busy := make(chan answer, 400)
	ask := func(w, h, q int) {
		clients.Go(func() {
			r, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/images/photo.jpg?w=%d&h=%d&q=%d&fit=cover", s.url, w, h, q), nil)
			if err != nil {
				t.Error(err)
				return
			}
			res, err := s.client.Do(r)
			if err != nil {
				return // it left
			}
			if a, err := readAnswer(t, res); err == nil {
				busy <- a
			}
		})
	}
	for _, w := range resize.Steps()[:10] {
		for _, h := range resize.Steps()[:10] {
			for _, q := range []int{40, 60, 80} { // 300 copies
				ask(w, h, q)
			}
		}
	}
	a := <-busy
	a.refusal(t, http.StatusServiceUnavailable, "busy")
	if a.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	s.do(t, "GET", "/images/small.jpg", "", "").want(t, http.StatusOK) // others go on
	leave()
	clients.Wait()
	close(store.gate)
	a = s.do(t, "GET", "/images/photo.jpg?w=320", "", "")
	for deadline := time.Now().Add(patience); a.status == http.StatusServiceUnavailable && time.Now().Before(deadline); {
		a = s.do(t, "GET", "/images/photo.jpg?w=320", "", "") // until all who left are out of the queue
	}
	wantVariant(t, a, "jpeg", 320, 320)
}

// TestQueueOfClients: a client that asks for more than the queue takes does not keep
// another one out of it.
func TestQueueOfClients(t *testing.T) {
	t.Parallel()
	store := &held{Store: newStore(t), gate: make(chan struct{}), reading: make(chan struct{}, 100)}
	s := serve(t, store, api.Options{Access: access.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	s.put(t, "/images/photo.jpg", photo(t, 1, 600, 600))
	var clients sync.WaitGroup
	defer clients.Wait()
	busy := make(chan struct{}, 100)
	ask := func(w, h int) {
		clients.Go(func() {
			path := fmt.Sprintf("/images/photo.jpg?w=%d&h=%d&fit=cover", w, h)
			a, err := s.try(t, "GET", path, "X-Forwarded-For: 10.0.0.1", nil)
			switch {
			case err != nil:
				t.Error(err)
			case a.status == http.StatusServiceUnavailable:
				busy <- struct{}{}
			}
		})
	}
	for _, w := range resize.Steps()[:6] {
		for _, h := range resize.Steps()[:6] {
			ask(w, h) // 36 copies of one picture
		}
	}
	for range 4 {
		<-busy
	}
	for range 32 {
		<-store.reading
	}
	done := make(chan struct{})
	clients.Go(func() {
		defer close(done)
		a, err := s.try(t, "GET", "/images/photo.jpg?w=320", "X-Forwarded-For: 10.0.0.2", nil)
		if err != nil {
			t.Error(err)
			return
		}
		wantVariant(t, a, "jpeg", 320, 320)
	})
	select {
	case <-store.reading: // it has a place in the queue
	case <-done:
	}
	close(store.gate)
}

// held is a store whose large images are not read before the gate opens.
type held struct {
	db.Store
	gate    chan struct{}
	reading chan struct{} // gets an element for each large read, as long as there is room
}

func (s *held) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	img, body, err := s.Store.Get(ctx, name)
	if err == nil && img.Width > 100 {
		body = &heldBody{body, s}
	}
	return img, body, err
}

type heldBody struct {
	db.Body
	*held
}

func (b *heldBody) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > 1000 {
		select {
		case b.reading <- struct{}{}:
		default:
		}
		<-b.gate
	}
	return b.Body.ReadAt(p, off)
}

// TestCopyReplacedMeanwhile: the copy answered is that of the image as it was or
// as it is.
func TestCopyReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{VariantBudget: -1})
	versions := []string{photo(t, 1, 400, 300), photo(t, 2, 300, 400)}
	var copies []string
	for _, v := range versions {
		s.do(t, "PUT", "/images/photo.jpg", "", v)
		copies = append(copies, s.do(t, "GET", "/images/photo.jpg?w=160", "", "").body)
	}
	answered := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			if _, err := s.try(t, "PUT", "/images/photo.jpg", "", strings.NewReader(versions[i%2])); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		select {
		case <-done:
			if answered == 0 {
				t.Error("every answer was 503")
			}
			return
		default:
		}
		a := s.do(t, "GET", "/images/photo.jpg?w=160", "", "")
		if a.status == http.StatusServiceUnavailable {
			continue // replaced twice in a row
		}
		a.want(t, http.StatusOK)
		if a.body != copies[0] && a.body != copies[1] {
			t.Fatalf("got a copy %s × %s that is of neither", a.header.Get("X-Result-Width"), a.header.Get("X-Result-Height"))
		}
		answered++
	}
}

// TestCopyOfTwoNames: the bytes have two names, and the one that a copy was asked
// for under first is deleted while it is made. Who asked for the other one has it.
func TestCopyOfTwoNames(t *testing.T) {
	t.Parallel()
	store := &held{Store: newStore(t), gate: make(chan struct{}), reading: make(chan struct{}, 100)}
	s := serve(t, store, api.Options{})
	content := photo(t, 1, 600, 600)
	s.put(t, "/images/first.jpg", content)
	s.put(t, "/images/other.jpg", content)
	var clients sync.WaitGroup
	for _, name := range []string{"first.jpg", "other.jpg"} {
		clients.Go(func() {
			a, err := s.try(t, "GET", "/images/"+name+"?w=160", "", nil)
			switch {
			case err != nil:
				t.Error(err)
			case name == "other.jpg":
				wantVariant(t, a, "jpeg", 160, 160)
			}
		})
		if name == "first.jpg" {
			<-store.reading
		}
	}
	s.do(t, "DELETE", "/images/first.jpg", "", "").want(t, http.StatusNoContent)
	close(store.gate)
	clients.Wait()
}

// TestUnsupportedOnce: a picture of which a decoder finds out late that it does not
// know its kind is tried once.
func TestUnsupportedOnce(t *testing.T) {
	t.Parallel()
	store := &held{Store: newStore(t), gate: make(chan struct{}), reading: make(chan struct{}, 100)}
	close(store.gate)
	s := serve(t, store, api.Options{})
	jpeg := photo(t, 1, 600, 600)
	content := jpeg[:len(jpeg)-2] + "\xff\xc9\x00\x02" + jpeg[len(jpeg)-2:] // arithmetic coding begins here
	s.put(t, "/images/photo.jpg", content)
	s.do(t, "GET", "/images/photo.jpg?w=160", "", "").wantImage(t, content)
	for len(store.reading) > 0 {
		<-store.reading
	}
	s.do(t, "GET", "/images/photo.jpg?w=200", "", "").wantImage(t, content)
	if len(store.reading) > 0 {
		t.Error("the picture was read again to be resized")
	}
}

// TestTooLongForJPEG: it is said, and does not keep the picture from being resized.
func TestTooLongForJPEG(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	s.put(t, "/images/long.png", pngOf(t, image.NewGray(image.Rect(0, 0, 70_000, 17))))
	r := s.do(t, "GET", "/images/long.png?h=16&format=jpeg", "", "").refusal(t, http.StatusUnprocessableEntity, "too_long")
	if !strings.Contains(r.Message, "format=png") {
		t.Errorf("the message is %q, want it to say what to do", r.Message)
	}
	a := s.do(t, "GET", "/images/long.png?h=16&format=jpeg", "Sec-Fetch-Dest: image", "")
	a.want(t, http.StatusOK) // an img element gets the original
	a.wantHeaders(t, "Content-Type: image/png\nVary: Accept, Sec-Fetch-Dest")
	wantVariant(t, s.do(t, "GET", "/images/long.png?h=16", "", ""), "png", 65882, 16)
	wantVariant(t, s.do(t, "GET", "/images/long.png?w=320&format=jpeg", "", ""), "jpeg", 320, 1)
}

// TestDamagedSource: the trouble is the store's, not the picture's.
func TestDamagedSource(t *testing.T) {
	t.Parallel()
	s := serve(t, &spoiltSource{newStore(t)}, api.Options{})
	s.put(t, "/images/photo.jpg", photo(t, 1, 900, 600))
	s.do(t, "GET", "/images/photo.jpg?w=320", "", "").refusal(t, http.StatusInternalServerError, "damaged")
}

type spoiltSource struct{ db.Store }

func (s *spoiltSource) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	img, body, err := s.Store.Get(ctx, name)
	return img, spoiltReads{body}, err
}

type spoiltReads struct{ db.Body }

func (b spoiltReads) ReadAt(p []byte, off int64) (int, error) {
	good := int64(5001)
	if off+int64(len(p)) <= good {
		return b.Body.ReadAt(p, off)
	}
	n, _ := b.Body.ReadAt(p[:max(0, good-off)], off)
	return n, db.ErrDamaged
}

// withPNGSize changes the header of a PNG, checksum and all.
func withPNGSize(b []byte, w, h uint32) []byte {
	ihdr := b[12:29]
	binary.BigEndian.PutUint32(ihdr[4:], w)
	binary.BigEndian.PutUint32(ihdr[8:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(ihdr))
	return b
}
