package api_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/imaging/resize"
	"imageserver/db"
)

// wantVariant checks that the response is an image of this type and size, and that its
// header says so.
func wantVariant(t testing.TB, a apitest.Answer, kind string, w, h int) {
	t.Helper()
	a.Want(t, http.StatusOK)
	m, got, err := image.Decode(strings.NewReader(a.Body))
	if err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	if got != kind || m.Bounds().Dx() != w || m.Bounds().Dy() != h {
		t.Errorf("got a %s of %v, want a %s of %d × %d", got, m.Bounds().Size(), kind, w, h)
	}
	a.WantHeader(t, "Content-Type", "image/"+kind)
	a.WantHeader(t, "X-Result-Width", fmt.Sprint(w))
	a.WantHeader(t, "X-Result-Height", fmt.Sprint(h))
	a.WantHeader(t, "ETag", apitest.ETag(a.Body))
	a.WantHeaders(t, imageHeader)
}

func TestVariants(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	s.Put(t, "/images/drawing.png", apitest.Drawing(t, 900, 600))
	s.Put(t, "/images/turned.jpg", apitest.Sample(t, "rotated.jpg"))
	s.Put(t, "/images/turned.webp", apitest.Sample(t, "rotated.webp"))
	s.Put(t, "/images/scan.tif", apitest.Sample(t, "little.tif"))
	for _, c := range []struct {
		path string
		kind string
		w, h int
	}{
		{"photo.jpg?w=320", "jpeg", 320, 213},
		{"photo.jpg?h=200", "jpeg", 300, 200},
		{"photo.jpg?w=300", "jpeg", 320, 213}, // rounded up to the next step
		{"photo.jpg?w=1", "jpeg", 16, 11},
		{"photo.jpg?w=320&h=100", "jpeg", 192, 128}, // h is rounded up to 128
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
		{"turned.jpg?w=4096", "jpeg", 40, 60}, // turned, although not smaller
		{"turned.webp?w=16", "jpeg", 16, 24},
		{"scan.tif?w=4096", "jpeg", 60, 40}, // browsers cannot show TIFF
	} {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			cold := s.Do(t, "GET", "/images/"+c.path, "", "")
			wantVariant(t, cold, c.kind, c.w, c.h)
			warm := s.Do(t, "GET", "/images/"+c.path, "", "")
			wantVariant(t, warm, c.kind, c.w, c.h)
			if warm.Body != cold.Body {
				t.Error("the stored variant differs from the first response")
			}
			head := s.Do(t, "HEAD", "/images/"+c.path, "", "").Want(t, http.StatusOK)
			head.WantHeader(t, "Content-Length", fmt.Sprint(len(cold.Body)))
		})
	}
}

// TestQuality checks that a lower quality gives fewer bytes.
func TestQuality(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	last := 0
	for _, q := range []string{"1", "60", "80", "90", "100"} {
		a := s.Do(t, "GET", "/images/photo.jpg?w=320&q="+q, "", "")
		wantVariant(t, a, "jpeg", 320, 213)
		if len(a.Body) <= last {
			t.Errorf("q=%s: got %d bytes, want more than %d", q, len(a.Body), last)
		}
		last = len(a.Body)
	}
	plain := s.Do(t, "GET", "/images/photo.jpg?w=320", "", "")
	if want := s.Do(t, "GET", "/images/photo.jpg?w=320&q=61", "", ""); plain.Body != want.Body {
		t.Error("without q: the variant differs from that of q=61, which is rounded up to 80")
	}
}

// TestFocus checks that a focus has a copy of its own only if it changes the picture.
func TestFocus(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	get := func(query string) string {
		t.Helper()
		a := s.Do(t, "GET", "/images/photo.jpg?w=64&h=64&fit=cover"+query, "", "")
		wantVariant(t, a, "jpeg", 64, 64)
		return a.Body
	}
	centre, left, right := get(""), get("&focus=0,0"), get("&focus=1,1.0")
	wantVariants(t, s, 3)
	if centre == left || centre == right || left == right {
		t.Error("two copies with different focuses are equal")
	}
	for query, want := range map[string]string{
		"&focus=0.5,0.5":  centre,
		"&focus=.51,0.9":  centre, // rounded, and the picture has nothing more above or below
		"&focus=0.32,0.5": left,   // as near to the edge
		"&focus=0.70,0":   right,
	} {
		if get(query) != want {
			t.Errorf("%s: got another copy", query)
		}
	}
	wantVariants(t, s, 3)
	if get("&focus=0.6,0.5") == centre {
		t.Error("a focus of 0.6 has no effect")
	}
}

// TestStill checks the copies of the first frames of animations.
func TestStill(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for _, c := range []struct {
		name, query, kind string
		w, h              int
	}{
		{"animated.gif", "w=16", "jpeg", 16, 11},
		{"animated.gif", "", "jpeg", 60, 40},
		{"animated.gif", "w=24&h=24&fit=cover&focus=0,0&format=png", "png", 24, 24},
		{"animated.png", "w=4096", "jpeg", 60, 40},
		{"animated.webp", "h=16&q=40", "jpeg", 24, 16},
	} {
		t.Run(c.name+"?"+c.query, func(t *testing.T) {
			t.Parallel()
			content := apitest.Sample(t, c.name)
			name := strings.ReplaceAll(c.query, "&", " ") + " " + c.name
			path := s.Path(t, s.Do(t, "POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", name, content))).Reply(t).URL) + "?" + c.query
			for range 2 { // the copy is made, and then found
				s.Do(t, "GET", path, "", "").WantImage(t, content)
				wantVariant(t, s.Do(t, "GET", path+"&still", "", ""), c.kind, c.w, c.h)
				wantVariant(t, s.Do(t, "GET", path+"&still=1", "", ""), c.kind, c.w, c.h)
				s.Do(t, "GET", path+"&still=0", "", "").WantImage(t, content)
			}
		})
	}
}

// TestStillOfStill checks that still changes nothing for an image that is not an animation.
func TestStillOfStill(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for _, name := range []string{"gradient.jpg", "gradient.png", "gradient.gif", "lossy.webp", "rotated.jpg", "little.tif", "alpha.png", "animated.jxl", "gradient.svg"} {
		content := apitest.Sample(t, name)
		s.Put(t, "/images/"+name, content)
		for i, query := range []string{"w=16", "h=24", "fit=contain", "w=4096"} {
			first, second := "?"+query, "?still&"+query
			if i%2 == 1 {
				first, second = second, first
			}
			a := s.Do(t, "GET", "/images/"+name+first, "", "").Want(t, http.StatusOK)
			if b := s.Do(t, "GET", "/images/"+name+second, "", "").Want(t, http.StatusOK); a.Body != b.Body {
				t.Errorf("%s: %s and %s differ", name, first, second)
			}
		}
		if a, b := s.Do(t, "GET", "/images/"+name+"?still", "", ""), s.Do(t, "GET", "/images/"+name+"?fit=contain", "", ""); a.Body != b.Body {
			t.Errorf("%s: still alone is not a copy of the same size", name)
		}
	}
	// w=16 and h=24 of each of the seven images that can be decoded, which are equal for the
	// turned JPEG. The TIFF and the turned JPEG also have a copy in full size.
	wantVariants(t, s, 7*2-1+2)
}

// TestBrokenStill checks that the response is the original if the first frame is damaged, and
// an error if the canvas is too large.
func TestBrokenStill(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{MaxPixels: 60 * 40})
	animation := apitest.Sample(t, "animated.webp")
	frame := strings.Index(animation, "ANMF")
	broken := animation[:frame+8] + "\xff" + animation[frame+9:] // far to the right
	s.Put(t, "/images/broken.webp", broken)
	s.Do(t, "GET", "/images/broken.webp?w=16&still", "", "").WantImage(t, broken)
	s.Do(t, "GET", "/images/broken.webp?w=16", "", "").WantImage(t, broken)

	gif := apitest.Sample(t, "animated.gif")
	large := gif[:6] + "\x3d" + gif[7:] // 61 pixels wide
	s.Put(t, "/images/large.gif", large)
	s.Do(t, "GET", "/images/large.gif?w=16&still", "", "").Refusal(t, http.StatusUnprocessableEntity, "too_many_pixels")
	s.Do(t, "GET", "/images/large.gif?w=16", "", "").WantImage(t, large)
	s.Do(t, "GET", "/images/large.gif?w=16&still", "Accept: image/avif,image/*", "").WantImage(t, large)
}

// TestVariantIsOriginal checks which requests for a variant get the original.
func TestVariantIsOriginal(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
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
			content := apitest.Sample(t, c.name)
			name := strings.ReplaceAll(c.query, "&", " ") + " " + c.name
			stored := s.Do(t, "POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", name, content))).Reply(t)
			path := s.Path(t, stored.URL)
			original := s.Do(t, "GET", path, "", "")
			a := s.Do(t, "GET", path+"?"+c.query, "", "")
			a.WantImage(t, content)
			a.WantHeader(t, "ETag", apitest.ETag(content))
			a.WantHeader(t, "Content-Type", original.Header.Get("Content-Type"))
			a.WantHeader(t, "X-Result-Width", "")
		})
	}
}

func TestBadVariantParameters(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 90, 60))
	s.Put(t, "/images/drawing.svg", apitest.Sample(t, "gradient.svg"))
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
		{"w=32&h=32&fit=cover&focus=0.5", "bad_focus", "focus=0.5 is not a valid point. Use two numbers from 0 to 1, such as 0.5,0.25."},
		{"w=32&h=32&fit=cover&focus=", "bad_focus", "two numbers"},
		{"w=32&h=32&fit=cover&focus=0.5,", "bad_focus", "two numbers"},
		{"w=32&h=32&fit=cover&focus=0.5,0.5,0.5", "bad_focus", "two numbers"},
		{"w=32&h=32&fit=cover&focus=-0.1,0.5", "bad_focus", "from 0 to 1"},
		{"w=32&h=32&fit=cover&focus=0.5,1.01", "bad_focus", "from 0 to 1"},
		{"w=32&h=32&fit=cover&focus=NaN,0", "bad_focus", "focus=NaN,0"},
		{"w=32&h=32&fit=cover&focus=1e-1,0", "bad_focus", "focus=1e-1,0"},
		{"w=32&h=32&fit=cover&focus=.,0", "bad_focus", "focus=.,0"},
		{"w=32&h=32&focus=0.1,0.1", "bad_focus", "needs fit=cover"},
		{"focus=0.5,0.5", "bad_focus", "needs fit=cover"},
		{"w=320&still=x", "bad_flag", "still=x is not valid"},
		{"still=x", "bad_flag", "or use still, still=1 or still=0"},
		{"w=320&format=avif", "bad_format", "format=avif is not valid. Use jpeg, png, webp or auto."},
		{"format=gif", "bad_format", "format=gif"},
		{"format=", "bad_format", "webp or auto"},
		{"w=320&q=0", "bad_quality", "q=0 is not a valid quality"},
		{"w=320&q=101", "bad_quality", "from 1 to 100"},
		{"q=high", "bad_quality", "q=high"},
	} {
		t.Run(c.query, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{"photo.jpg", "drawing.svg", "missing.jpg"} {
				a := s.Do(t, "GET", "/images/"+name+"?"+c.query, "", "")
				if got := a.Refusal(t, http.StatusBadRequest, c.code); !strings.Contains(got.Message, c.says) {
					t.Errorf("the message is %q, want it to say %q", got.Message, c.says)
				}
			}
		})
	}
	s.Do(t, "GET", "/images/missing.jpg?w=320", "", "").Refusal(t, http.StatusNotFound, "not_found")
}

// TestVariantConditions checks that a variant has an entity tag of its own and is cached like
// an image.
func TestVariantConditions(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	original := apitest.Photo(t, 1, 900, 600)
	stored := s.Put(t, "/images/photo.jpg", original)
	const path = "/images/photo.jpg?w=320"
	a := s.Do(t, "GET", path, "", "")
	tag := a.Header.Get("ETag")
	a.WantHeader(t, "Cache-Control", "no-cache")
	a.WantHeader(t, "Last-Modified", stored.UploadedAt.Format(http.TimeFormat))

	s.Do(t, "GET", path, "If-None-Match: "+tag, "").Want(t, http.StatusNotModified)
	wantVariant(t, s.Do(t, "GET", path, "If-None-Match: "+apitest.ETag(original), ""), "jpeg", 320, 213)
	s.Do(t, "GET", path, "If-Match: "+apitest.ETag(original), "").Refusal(t, http.StatusPreconditionFailed, "precondition_failed")
	part := s.Do(t, "GET", path, "Range: bytes=10-19", "")
	if part.Want(t, http.StatusPartialContent); part.Body != a.Body[10:20] {
		t.Errorf("got %q, want the ten bytes %q", part.Body, a.Body[10:20])
	}

	version := s.Do(t, "GET", path+"&v="+stored.SHA256, "", "").Want(t, http.StatusOK)
	version.WantHeader(t, "Cache-Control", "public, max-age=31536000, immutable")
	s.Do(t, "GET", path+"&v="+strings.Trim(tag, `"`), "", "").Refusal(t, http.StatusNotFound, "not_found")

	s.Do(t, "GET", path+"&download", "", "").WantHeader(t, "Content-Disposition", `attachment; filename="photo.jpg"`)
	s.Do(t, "GET", path+"&download&format=png", "", "").WantHeader(t, "Content-Disposition", `attachment; filename="photo.png"`)
	s.Do(t, "GET", path, "Origin: https://app.example.com", "").WantHeader(t, "Access-Control-Allow-Origin", "*")
}

// TestVariantsFollow checks that a variant always belongs to the current bytes, and is
// deleted with them.
func TestVariantsFollow(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	const path = "/images/photo.jpg?w=320"
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	first := s.Do(t, "GET", path, "", "")
	wantVariant(t, first, "jpeg", 320, 213)
	wantVariants(t, s, 1)

	s.Do(t, "PUT", "/images/photo.jpg", "", apitest.Photo(t, 2, 600, 900)).Success(t, http.StatusOK)
	wantVariants(t, s, 0)
	second := s.Do(t, "GET", path, "", "")
	wantVariant(t, second, "jpeg", 320, 480)

	s.Put(t, "/images/again.jpg", apitest.Photo(t, 2, 600, 900))
	s.Do(t, "DELETE", "/images/photo.jpg", "", "").Want(t, http.StatusNoContent)
	s.Do(t, "GET", path, "", "").Refusal(t, http.StatusNotFound, "not_found")
	wantVariants(t, s, 1) // the bytes have another name
	if a := s.Do(t, "GET", "/images/again.jpg?w=320", "", ""); a.Body != second.Body {
		t.Error("the same bytes under another name have another variant")
	}
	wantVariants(t, s, 1)
	s.Do(t, "DELETE", "/images/again.jpg", "", "").Want(t, http.StatusNoContent)
	wantVariants(t, s, 0)
}

func wantVariants(t testing.TB, s *apitest.Server, want int64) {
	t.Helper()
	u, err := s.Store.Usage(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if u.Variants != want {
		t.Errorf("the store has %d variants, want %d", u.Variants, want)
	}
}

// TestVariantBudget checks that the stored variants stay within the budget, and that variants
// which are not stored are still sent.
func TestVariantBudget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		budget int64
		kept   bool
	}{{-1, false}, {10, false}, {30 << 10, true}} {
		t.Run(fmt.Sprint(c.budget), func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{VariantBudget: c.budget})
			s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 300, 200))
			for i, w := range resize.Steps()[:8] {
				s.Do(t, "GET", fmt.Sprintf("/images/photo.jpg?w=%d&format=png", w), "", "").Want(t, http.StatusOK)
				u, err := s.Store.Usage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if u.VariantBytes > max(c.budget, 0) || u.Variants == 0 == c.kept && i == 0 {
					t.Fatalf("w=%d: got %d variants of %d bytes", w, u.Variants, u.VariantBytes)
				}
			}
		})
	}
}

// counted is a store that counts the stored variants and can refuse them.
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

// TestVariantOnce checks that a variant is made once, however many clients request it at a
// time.
func TestVariantOnce(t *testing.T) {
	t.Parallel()
	store := &counted{Store: apitest.NewStore(t)}
	s := apitest.Serve(t, store, api.Options{})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 800, 600))
	var clients sync.WaitGroup
	for i := range 40 {
		clients.Go(func() {
			path := "/images/photo.jpg?w=320&h=1280"
			if i%2 == 0 {
				path = "/images/photo.jpg?w=300" // the same variant
			}
			a, err := s.Try(t, "GET", path, "", nil)
			if err != nil {
				t.Error(err)
				return
			}
			wantVariant(t, a, "jpeg", 320, 240)
		})
	}
	clients.Wait()
	if got := store.puts.Load(); got != 1 {
		t.Errorf("the variant was made %d times, want once", got)
	}
}

// TestVariantNotKept checks that a variant is sent even if the store has no space for it.
func TestVariantNotKept(t *testing.T) {
	t.Parallel()
	store := &counted{Store: apitest.NewStore(t), err: fmt.Errorf("%w: no disk", db.ErrFull)}
	s := apitest.Serve(t, store, api.Options{})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	for range 2 {
		wantVariant(t, s.Do(t, "GET", "/images/photo.jpg?w=320", "", ""), "jpeg", 320, 213)
	}
	if got := store.puts.Load(); got != 2 {
		t.Errorf("the variant was made %d times, want each time", got)
	}
	s.Log.Wait(t, "WARN", "photo.jpg", "no disk")
}

// spoilt is a store whose variants break off after some bytes, the first times.
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

func (b *spoiltBody) WriteN(w io.Writer, _ int64) (int64, error) {
	n, err := io.CopyN(w, b.Body, b.left)
	return n, errors.Join(err, db.ErrDamaged)
}

// TestDamagedVariant checks that a damaged variant is made again: for the same response, if
// none of it has been sent.
func TestDamagedVariant(t *testing.T) {
	t.Parallel()
	const path = "/images/photo.jpg?w=640&format=png"
	for _, after := range []int64{0, 20_000} { // more than a buffer holds: a client repeats a request without a response
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			store := &spoilt{Store: apitest.NewStore(t), after: after}
			count := &counted{Store: store}
			s := apitest.Serve(t, count, api.Options{})
			stored := s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
			want := s.Do(t, "GET", path, "", "")
			for _, header := range []string{"", "Range: bytes=0-"} {
				puts := count.puts.Load()
				store.times.Store(1)
				a, err := s.Try(t, "GET", path+"&v="+stored.SHA256, header, nil)
				switch {
				case after > 0 && err == nil:
					t.Errorf("%s: got %s, want a broken connection", header, a)
				case after == 0 && err != nil:
					t.Fatalf("%s: %v", header, err)
				case after == 0:
					if a.Body != want.Body {
						t.Errorf("%s: got %s, want the variant", header, a)
					}
					a.WantHeader(t, "ETag", want.Header.Get("ETag"))
					a.WantHeader(t, "Cache-Control", "public, max-age=31536000, immutable")
				}
				for deadline := time.Now().Add(apitest.Patience); count.puts.Load() == puts; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("the variant was not made again")
					}
				}
			}
			if a := s.Do(t, "GET", path, "", ""); a.Body != want.Body {
				t.Errorf("got %s, want the variant", a)
			}
			s.Log.Wait(t, "WARN", "damaged", "photo.jpg")
		})
	}
}

// TestHostilePictures requests variants of pictures that are too large. Programs get an
// error with the reason, and img elements get the original.
func TestHostilePictures(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{MaxPixels: 1e6, ResizeMemory: 8 << 20})
	for _, c := range []struct{ name, content, says string }{
		{"bomb.gif", gifBomb(), "65535 × 65535"},
		{"bomb.png", pngBomb(t, 250_000, 200_000), "the limit is 1,000,000 pixels"},
		{"limit.jpg", apitest.Photo(t, 1, 1001, 1000), "1001 × 1000"},
		{"memory.png", apitest.PNG(t, image.NewNRGBA64(image.Rect(0, 0, 1000, 1000))), "more memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stored := s.Put(t, "/images/"+c.name, c.content)
			for _, query := range []string{"?w=16", "?w=32&h=32&fit=cover&format=png"} {
				a := s.Do(t, "GET", "/images/"+c.name+query, "Accept: */*\nSec-Fetch-Dest: empty", "")
				r := a.Refusal(t, http.StatusUnprocessableEntity, "too_many_pixels")
				if !strings.Contains(r.Message, c.says) || !strings.Contains(r.Message, "The original can be shown") {
					t.Errorf("the message is %q, want it to say %q", r.Message, c.says)
				}
				a.WantHeader(t, "Vary", "Accept, Sec-Fetch-Dest")
				for _, header := range []string{"Sec-Fetch-Dest: image", "Accept: image/avif,image/webp,image/*,*/*;q=0.8"} {
					a := s.Do(t, "GET", "/images/"+c.name+query+"&v="+stored.SHA256, header, "")
					a.WantImage(t, c.content)
					a.WantHeaders(t, "Vary: Accept, Sec-Fetch-Dest\nCache-Control: no-cache")
					a.WantHeader(t, "X-Result-Width", "")
				}
			}
			s.Do(t, "GET", "/images/"+c.name, "", "").WantImage(t, c.content)
		})
	}
	s.Put(t, "/images/fits.jpg", apitest.Photo(t, 1, 1000, 1000))
	wantVariant(t, s.Do(t, "GET", "/images/fits.jpg?w=16", "", ""), "jpeg", 16, 16)
}

// TestDamagedPictures requests variants of damaged pictures. What can be decoded is
// resized. Otherwise the response is the original, which a browser may still show.
func TestDamagedPictures(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	whole, broken := apitest.Photo(t, 1, 900, 600), apitest.PNG(t, apitest.Pattern(1, 500, 500))
	for name, content := range map[string]string{
		"no-end.jpg":  whole[:len(whole)-2],
		"cut.jpg":     whole[:len(whole)/2],
		"cut.png":     broken[:len(broken)-100],
		"flipped.png": broken[:200] + "\x00\x00" + broken[202:],
	} {
		s.Put(t, "/images/"+name, content)
		a := s.Do(t, "GET", "/images/"+name+"?w=160&format=png", "", "").Want(t, http.StatusOK)
		a.WantHeader(t, "X-Result-Width", "160")
	}
	nothing := whole[:strings.Index(whole, "\xff\xda")+14] + "\xff\xd9"
	s.Put(t, "/images/nothing.jpg", nothing)
	for range 2 { // the second time the server remembers the failure
		a := s.Do(t, "GET", "/images/nothing.jpg?w=160", "", "")
		a.WantImage(t, nothing)
		a.WantHeader(t, "X-Result-Width", "")
	}
}

// gifBomb returns a GIF of 34 bytes that claims 4 GiB.
func gifBomb() string {
	return "GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x01\x44\x00;"
}

// pngBomb returns a PNG that claims w × h pixels and contains almost none.
func pngBomb(t testing.TB, w, h uint32) string {
	t.Helper()
	return string(withPNGSize([]byte(apitest.Drawing(t, 16, 16)), w, h))
}

// TestQueueFull checks that a request gets a 503 when the queue is full, and that clients which
// leave make room for others.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &held{Store: apitest.NewStore(t), gate: make(chan struct{})}
		s := apitest.ServePipes(t, store, api.Options{}, 1)
		s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 300, 300))
		s.Put(t, "/images/small.jpg", apitest.Photo(t, 2, 20, 20))
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		var clients sync.WaitGroup
		busy := make(chan apitest.Answer, 100)
		for _, w := range resize.Steps()[:10] {
			for _, h := range resize.Steps()[:10] { // 100 variants
				clients.Go(func() {
					r, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/images/photo.jpg?w=%d&h=%d&fit=cover", s.URL, w, h), nil)
					if err != nil {
						t.Error(err)
						return
					}
					res, err := s.HTTP.Do(r)
					if err != nil {
						return // the client left
					}
					if a, err := apitest.ReadAnswer(t, res); err == nil {
						busy <- a
					}
				})
			}
		}
		a := <-busy
		a.Refusal(t, http.StatusServiceUnavailable, "busy")
		if a.Header.Get("Retry-After") == "" {
			t.Error("there is no Retry-After")
		}
		s.Do(t, "GET", "/images/small.jpg", "", "").Want(t, http.StatusOK) // requests without a variant are served
		leave()
		clients.Wait()
		synctest.Wait() // until the server has noticed that the clients left
		close(store.gate)
		wantVariant(t, s.Do(t, "GET", "/images/photo.jpg?w=256", "", ""), "jpeg", 256, 256)
	})
}

// TestQueueOfClients checks that a client which fills the queue does not keep other clients
// out.
func TestQueueOfClients(t *testing.T) {
	t.Parallel()
	store := &held{Store: apitest.NewStore(t), gate: make(chan struct{}), reading: make(chan struct{}, 100)}
	s := apitest.Serve(t, store, api.Options{Access: access.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 300, 300))
	var clients sync.WaitGroup
	defer clients.Wait()
	busy := make(chan struct{}, 100)
	ask := func(w, h int) {
		clients.Go(func() {
			path := fmt.Sprintf("/images/photo.jpg?w=%d&h=%d&fit=cover", w, h)
			a, err := s.Try(t, "GET", path, "X-Forwarded-For: 10.0.0.1", nil)
			switch {
			case err != nil:
				t.Error(err)
			case a.Status == http.StatusServiceUnavailable:
				busy <- struct{}{}
			}
		})
	}
	for _, w := range resize.Steps()[:6] {
		for _, h := range resize.Steps()[:6] {
			ask(w, h) // 36 variants of one picture
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
		a, err := s.Try(t, "GET", "/images/photo.jpg?w=256", "X-Forwarded-For: 10.0.0.2", nil)
		if err != nil {
			t.Error(err)
			return
		}
		wantVariant(t, a, "jpeg", 256, 256)
	})
	select {
	case <-store.reading: // it has a place in the queue
	case <-done:
	}
	close(store.gate)
}

// held is a store that lets no large image be read before the gate opens.
type held struct {
	db.Store
	gate    chan struct{}
	reading chan struct{} // gets an element for each large read, unless it is full
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

// TestVariantReplacedMeanwhile checks that a variant belongs to the image before or after it
// was replaced.
func TestVariantReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{VariantBudget: -1})
	versions := []string{apitest.Photo(t, 1, 400, 300), apitest.Photo(t, 2, 300, 400)}
	var bodies []string
	for _, v := range versions {
		s.Do(t, "PUT", "/images/photo.jpg", "", v)
		bodies = append(bodies, s.Do(t, "GET", "/images/photo.jpg?w=160", "", "").Body)
	}
	answered := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			if _, err := s.Try(t, "PUT", "/images/photo.jpg", "", strings.NewReader(versions[i%2])); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		select {
		case <-done:
			if answered == 0 {
				t.Error("every response was a 503")
			}
			return
		default:
		}
		a := s.Do(t, "GET", "/images/photo.jpg?w=160", "", "")
		if a.Status == http.StatusServiceUnavailable {
			continue // the image was replaced twice meanwhile
		}
		a.Want(t, http.StatusOK)
		if a.Body != bodies[0] && a.Body != bodies[1] {
			t.Fatalf("got a variant of %s × %s, which belongs to neither image", a.Header.Get("X-Result-Width"), a.Header.Get("X-Result-Height"))
		}
		answered++
	}
}

// TestVariantOfTwoNames checks a variant of bytes that have two names. The name that requested
// it first is deleted while it is made; a client of the other name still gets it.
func TestVariantOfTwoNames(t *testing.T) {
	t.Parallel()
	store := &held{Store: apitest.NewStore(t), gate: make(chan struct{}), reading: make(chan struct{}, 100)}
	s := apitest.Serve(t, store, api.Options{})
	content := apitest.Photo(t, 1, 600, 600)
	s.Put(t, "/images/first.jpg", content)
	s.Put(t, "/images/other.jpg", content)
	var clients sync.WaitGroup
	for _, name := range []string{"first.jpg", "other.jpg"} {
		clients.Go(func() {
			a, err := s.Try(t, "GET", "/images/"+name+"?w=160", "", nil)
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
	s.Do(t, "DELETE", "/images/first.jpg", "", "").Want(t, http.StatusNoContent)
	close(store.gate)
	clients.Wait()
}

// TestUnsupportedOnce checks that a picture is tried once if its decoder finds out late
// that it cannot decode it.
func TestUnsupportedOnce(t *testing.T) {
	t.Parallel()
	store := &held{Store: apitest.NewStore(t), gate: make(chan struct{}), reading: make(chan struct{}, 100)}
	close(store.gate)
	s := apitest.Serve(t, store, api.Options{})
	jpeg := apitest.Photo(t, 1, 600, 600)
	content := strings.Replace(jpeg, "\xff\xda\x00\x0c\x03\x01", "\xff\xda\x00\x0c\x03\x09", 1) // the scan has a component 9
	if content == jpeg {
		t.Fatal("the scan was not found")
	}
	s.Put(t, "/images/photo.jpg", content)
	s.Do(t, "GET", "/images/photo.jpg?w=160", "", "").WantImage(t, content)
	for len(store.reading) > 0 {
		<-store.reading
	}
	s.Do(t, "GET", "/images/photo.jpg?w=200", "", "").WantImage(t, content)
	if len(store.reading) > 0 {
		t.Error("the picture was read again to be resized")
	}
}

// TestTooLongForJPEG checks that a JPEG which would be too long gives an error, and that
// other sizes and formats work.
func TestTooLongForJPEG(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/long.png", apitest.PNG(t, image.NewGray(image.Rect(0, 0, 70_000, 17))))
	r := s.Do(t, "GET", "/images/long.png?h=16&format=jpeg", "", "").Refusal(t, http.StatusUnprocessableEntity, "too_long")
	if !strings.Contains(r.Message, "format=png") {
		t.Errorf("the message is %q, want it to say what to do", r.Message)
	}
	a := s.Do(t, "GET", "/images/long.png?h=16&format=jpeg", "Sec-Fetch-Dest: image", "")
	a.Want(t, http.StatusOK) // an img element gets the original
	a.WantHeaders(t, "Content-Type: image/png\nVary: Accept, Sec-Fetch-Dest")
	wantVariant(t, s.Do(t, "GET", "/images/long.png?h=16", "", ""), "png", 65882, 16)
	wantVariant(t, s.Do(t, "GET", "/images/long.png?w=320&format=jpeg", "", ""), "jpeg", 320, 1)
}

// TestDamagedSource checks that a read error of the store is not reported as a fault of the
// picture.
func TestDamagedSource(t *testing.T) {
	t.Parallel()
	s := apitest.Serve(t, &spoiltSource{apitest.NewStore(t)}, api.Options{})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	s.Do(t, "GET", "/images/photo.jpg?w=320", "", "").Refusal(t, http.StatusInternalServerError, "damaged")
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

// withPNGSize changes the size in the header of a PNG, with its checksum.
func withPNGSize(b []byte, w, h uint32) []byte {
	ihdr := b[12:29]
	binary.BigEndian.PutUint32(ihdr[4:], w)
	binary.BigEndian.PutUint32(ihdr[8:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(ihdr))
	return b
}
