package api_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/apitest"
	"imageserver/api/imaging/resize"
	"imageserver/api/imaging/worker"
	"imageserver/api/variants"
)

// TestWebPVariants checks the copies with format=webp.
func TestWebPVariants(t *testing.T) {
	t.Parallel()
	codecs := apitest.Decoders(t)
	s := apitest.NewServer(t, api.Options{Decoders: codecs, Encoder: codecs})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	s.Put(t, "/images/drawing.png", apitest.Drawing(t, 900, 600))
	for _, name := range []string{"rotated.jpg", "little.tif", "alpha.heic", "rotated.avif", "lossy.webp", "animated.gif", "gradient.svg"} {
		s.Put(t, "/images/"+name, apitest.Sample(t, name))
	}
	for _, c := range []struct {
		path string
		w, h int // 0 for the original
	}{
		{"photo.jpg?w=320&format=webp", 320, 213},
		{"photo.jpg?format=webp", 900, 600},
		{"photo.jpg?w=4096&format=WebP&q=40", 900, 600},
		{"photo.jpg?w=320&h=320&fit=cover&format=webp", 320, 320},
		{"drawing.png?w=320&format=webp", 320, 213},
		{"rotated.jpg?w=16&format=webp", 16, 24},
		{"little.tif?format=webp", 60, 40},
		{"alpha.heic?w=32&format=webp", 32, 21},
		{"rotated.avif?w=16&format=webp", 16, 24},
		{"lossy.webp?w=16&format=webp", 16, 11},
		{"lossy.webp?w=64&format=webp", 0, 0},
		{"animated.gif?w=16&format=webp", 0, 0},
		{"gradient.svg?w=16&format=webp", 0, 0},
	} {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			cold := s.Do(t, "GET", "/images/"+c.path, "", "")
			if c.w == 0 {
				name, _, _ := strings.Cut(c.path, "?")
				cold.WantImage(t, apitest.Sample(t, name))
				return
			}
			wantVariant(t, cold, "webp", c.w, c.h)
			if warm := s.Do(t, "GET", "/images/"+c.path, "", ""); warm.Body != cold.Body {
				t.Error("the stored variant differs from the first response")
			}
		})
	}
	a := s.Do(t, "GET", "/images/photo.jpg?w=160&format=webp&download", "", "")
	a.WantHeader(t, "Content-Disposition", `attachment; filename="photo.webp"`)
}

// TestWebPQuality: a lower quality gives fewer bytes.
func TestWebPQuality(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Encoder: apitest.Decoders(t)})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	last := 0
	for _, q := range []string{"1", "60", "80", "90", "100"} {
		a := s.Do(t, "GET", "/images/photo.jpg?w=320&format=webp&q="+q, "", "")
		wantVariant(t, a, "webp", 320, 213)
		if len(a.Body) <= last {
			t.Errorf("q=%s: got %d bytes, want more than %d", q, len(a.Body), last)
		}
		last = len(a.Body)
	}
}

// TestTooLongForWebP: programs get an error, img elements get the original, and format=auto
// makes another format.
func TestTooLongForWebP(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Encoder: apitest.Decoders(t)})
	s.Put(t, "/images/long.png", apitest.PNG(t, image.NewGray(image.Rect(0, 0, 20_000, 17))))
	r := s.Do(t, "GET", "/images/long.png?h=16&format=webp", "", "").Refusal(t, http.StatusUnprocessableEntity, "too_long")
	if !strings.Contains(r.Message, "16383") || !strings.Contains(r.Message, "format=png") {
		t.Errorf("the message is %q, want it to say the limit and what to do", r.Message)
	}
	a := s.Do(t, "GET", "/images/long.png?h=16&format=webp", "Sec-Fetch-Dest: image", "").Want(t, http.StatusOK)
	a.WantHeaders(t, "Content-Type: image/png\nVary: Accept, Sec-Fetch-Dest")
	wantKind(t, s.Do(t, "GET", "/images/long.png?h=16&format=auto", "Accept: image/webp", ""), "image/jpeg")
	wantVariant(t, s.Do(t, "GET", "/images/long.png?w=320&format=webp", "", ""), "webp", 320, 1)
}

// wantKind checks the type of a variant.
func wantKind(t *testing.T, a apitest.Answer, contentType string) apitest.Answer {
	t.Helper()
	a.Want(t, http.StatusOK).WantHeader(t, "Content-Type", contentType)
	if a.Header.Get("X-Result-Width") == "" {
		t.Error("the response is the original")
	}
	return a
}

// TestAutoAccept: format=auto is WebP only if Accept names image/webp.
func TestAutoAccept(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Encoder: apitest.Decoders(t)})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	s.Put(t, "/images/drawing.png", apitest.Drawing(t, 900, 600))
	for accept, webp := range map[string]bool{
		"image/webp": true,
		"image/avif,image/webp,image/apng,*/*;q=0.8": true,
		"IMAGE/WEBP;q=0.1":                           true,
		"image/png, image/webp ; q=1":                true,
		"text/html\nAccept: image/webp":              true, // two fields
		"":                                           false,
		"*/*":                                        false,
		"image/*":                                    false,
		"image/webp;q=0":                             false,
		"image/webp;level=1; Q=0.000":                false,
		"image/webp;q=none":                          false,
		"image/webpx, ximage/webp":                   false,
		"image/jpeg, */*;q=0.1":                      false,
	} {
		header := "Accept: " + accept
		photo, drawing := "image/jpeg", "image/png"
		if webp {
			photo, drawing = "image/webp", "image/webp"
		}
		wantKind(t, s.Do(t, "GET", "/images/photo.jpg?w=64&format=auto", header, ""), photo)
		wantKind(t, s.Do(t, "GET", "/images/drawing.png?w=64&format=AUTO", header, ""), drawing)
		wantKind(t, s.Do(t, "GET", "/images/photo.jpg?w=64", header, ""), "image/jpeg")
	}
}

// TestAutoVary: each response to a URL with format=auto has Vary: Accept, and no other has it.
func TestAutoVary(t *testing.T) {
	t.Parallel()
	codecs := apitest.Decoders(t)
	s := apitest.NewServer(t, api.Options{Decoders: codecs, Encoder: codecs, MaxPixels: 1e6, Access: access.Options{LocalOnly: true}})
	photo := s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	s.Put(t, "/images/large.png", apitest.PNG(t, image.NewGray(image.Rect(0, 0, 1001, 1000))))
	s.Put(t, "/images/drawing.svg", apitest.Sample(t, "gradient.svg"))
	made := s.Do(t, "GET", "/images/photo.jpg?w=64&format=auto", "Accept: image/webp", "").Want(t, http.StatusOK)
	match := "If-None-Match: " + made.Header.Get("ETag")
	for _, c := range []struct {
		method, path, header string
		status               int
	}{
		{"GET", "photo.jpg?w=64&format=auto", "", 200},
		{"HEAD", "photo.jpg?w=64&format=auto", "", 200},
		{"GET", "photo.jpg?w=64&format=auto", "Range: bytes=0-9", 206},
		{"GET", "photo.jpg?w=64&format=auto", "Range: bytes=100000-", 416},
		{"GET", "photo.jpg?w=64&format=auto", match, 304},
		{"GET", "photo.jpg?w=64&format=auto", `If-Match: "x"`, 412},
		{"GET", "photo.jpg?w=64&format=auto&v=" + photo.SHA256, "", 200},
		{"GET", "photo.jpg?w=64&f%6frmat=auto", "", 200},
		{"GET", "photo.jpg?w=64&format=auto", "Origin: https://example.com", 200},
		{"GET", "photo.jpg?w=none&format=auto", "", 400},
		{"GET", "photo.jpg?format=auto&v=none", "", 404},
		{"GET", "missing.jpg?format=auto", "", 404},
		{"GET", "large.png?w=64&format=auto", "Sec-Fetch-Dest: empty", 422},
		{"GET", "large.png?w=64&format=auto", "Sec-Fetch-Dest: image", 200}, // the original
		{"GET", "drawing.svg?w=64&format=auto", "", 200},                    // the original
		{"GET", "photo.jpg?format=auto", "Host: elsewhere.example", 421},
	} {
		for _, accept := range []string{"image/webp", "*/*"} {
			if c.status == 304 && accept == "*/*" || c.status == 422 && accept == "image/webp" {
				continue // the tag of the other variant, or a request that gets the original
			}
			t.Run(fmt.Sprint(c.path, " ", c.header, " ", accept), func(t *testing.T) {
				header := "Accept: " + accept
				if c.header != "" {
					header += "\n" + c.header
				}
				a := s.Do(t, c.method, "/images/"+c.path, header, "").Want(t, c.status)
				wantVary(t, a)
			})
		}
	}
	for _, query := range []string{"", "?w=64", "?w=64&format=webp", "?w=64&format=png&x=auto"} {
		a := s.Do(t, "GET", "/images/photo.jpg"+query, "", "").Want(t, http.StatusOK)
		a.WantHeader(t, "Vary", "Origin")
	}
}

// wantVary checks that a cache keeps the response for each Accept, and that no cache keeps it
// for several clients or forever.
func wantVary(t *testing.T, a apitest.Answer) {
	t.Helper()
	named := false
	for _, name := range strings.Split(strings.Join(a.Header.Values("Vary"), ","), ",") {
		named = named || strings.TrimSpace(name) == "Accept"
	}
	if !named {
		t.Errorf("Vary is %q, want Accept in it", a.Header.Values("Vary"))
	}
	if modified := a.Header.Get("Last-Modified"); modified != "" {
		t.Errorf("Last-Modified is %q, but the other variant has the same time", modified)
	}
	if cache := a.Header.Get("Cache-Control"); cache == "" || strings.Contains(cache, "public") || strings.Contains(cache, "immutable") {
		t.Errorf("Cache-Control is %q, want neither public nor immutable", cache)
	}
}

// TestAutoBusy: the response of a server that is busy varies, too.
func TestAutoBusy(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Encoder: &brokenEncoder{err: worker.ErrStarting}})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	a := s.Do(t, "GET", "/images/photo.jpg?w=64&format=auto", "Accept: image/webp", "")
	a.Refusal(t, http.StatusServiceUnavailable, "busy")
	wantVary(t, a)
}

// TestAutoCache: with the digest in the URL only the cache of one client keeps a response.
func TestAutoCache(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Encoder: apitest.Decoders(t)})
	photo := s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	small := s.Put(t, "/images/small.svg", apitest.Sample(t, "gradient.svg"))
	soon := s.Do(t, "PUT", "/images/soon.jpg?expires_in=1h", "", apitest.Photo(t, 2, 900, 600)).Success(t, http.StatusCreated)
	for _, accept := range []string{"Accept: image/webp", "Accept: */*"} {
		for path, want := range map[string]string{
			"photo.jpg?w=64&format=auto":                          "no-cache",
			"photo.jpg?w=64&format=auto&v=" + photo.SHA256:        "private, max-age=31536000",
			"small.svg?w=64&format=auto&v=" + small.SHA256:        "private, max-age=31536000",
			"photo.jpg?w=64&format=webp&v=" + photo.SHA256:        "public, max-age=31536000, immutable",
			"soon.jpg?w=64&format=auto&download&v=" + soon.SHA256: "private, max-age=3",
		} {
			a := s.Do(t, "GET", "/images/"+path, accept, "").Want(t, http.StatusOK)
			if got := a.Header.Get("Cache-Control"); got != want && (!strings.HasSuffix(want, "=3") || !strings.HasPrefix(got, want)) {
				t.Errorf("%s: Cache-Control is %q, want %q", path, got, want)
			}
		}
	}
}

// TestAutoConditions: the two variants of a URL have different entity tags, and a conditional
// request matches only that of its own variant.
func TestAutoConditions(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Encoder: apitest.Decoders(t)})
	s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
	const path = "/images/photo.jpg?w=64&format=auto"
	tags := make(map[string]string)
	for _, accept := range []string{"image/webp", "image/jpeg"} {
		tags[accept] = wantKind(t, s.Do(t, "GET", path, "Accept: "+accept, ""), accept).Header.Get("ETag")
	}
	if tags["image/webp"] == tags["image/jpeg"] {
		t.Fatalf("both variants have the tag %s", tags["image/webp"])
	}
	for accept := range tags {
		for other, tag := range tags {
			status, range1, match := 200, 200, 412
			if accept == other {
				status, range1, match = 304, 206, 200
			}
			header := "Accept: " + accept + "\n"
			s.Do(t, "GET", path, header+"If-None-Match: "+tag, "").Want(t, status).WantHeader(t, "ETag", tags[accept])
			s.Do(t, "GET", path, header+"Range: bytes=0-3\nIf-Range: "+tag, "").Want(t, range1)
			s.Do(t, "GET", path, header+"If-Match: "+tag, "").Want(t, match)
		}
	}
}

// brokenEncoder returns an error for the first requests, and then uses the real encoder.
type brokenEncoder struct {
	variants.Encoder
	err  error
	left atomic.Int32
}

func (e *brokenEncoder) EncoderReady(context.Context) error                   { return nil }
func (e *brokenEncoder) EncodeCost(resize.Source, resize.Plan) (int64, error) { return 0, nil }
func (e *brokenEncoder) Close()                                               {}

func (e *brokenEncoder) Encode(ctx context.Context, planes resize.Result, quality int) (resize.Result, error) {
	if e.Encoder == nil || e.left.Add(-1) >= 0 {
		return resize.Result{}, fmt.Errorf("encode: %w", e.err)
	}
	return e.Encoder.Encode(ctx, planes, quality)
}

// TestNoEncoder: without an encoder the response to format=webp is the original, that to
// format=auto has another format, and other formats are not affected. No cache keeps the
// original for long.
func TestNoEncoder(t *testing.T) {
	t.Parallel()
	for what, o := range map[string]api.Options{
		"forbidden":       {},
		"cannot start":    {Encoder: &brokenEncoder{err: worker.ErrUnavailable}},
		"closed too soon": {Encoder: &brokenEncoder{err: fmt.Errorf("%w: %w", worker.ErrUnavailable, errors.New("the server is shutting down"))}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, o)
			content := apitest.Photo(t, 1, 900, 600)
			photo := s.Put(t, "/images/photo.jpg", content)
			for range 2 {
				a := s.Do(t, "GET", "/images/photo.jpg?w=64&format=webp&v="+photo.SHA256, "", "")
				a.WantImage(t, content)
				a.WantHeader(t, "Cache-Control", "no-cache")
				a = s.Do(t, "GET", "/images/photo.jpg?w=64&format=auto&v="+photo.SHA256, "Accept: image/webp", "")
				wantVary(t, wantKind(t, a, "image/jpeg"))
				a.WantHeader(t, "Cache-Control", "no-cache")
				wantKind(t, s.Do(t, "GET", "/images/photo.jpg?w=64&format=png", "", ""), "image/png")
			}
		})
	}
}

// TestEncoderFails: a failure of the encoder is an error of one request. It is not remembered
// as a fault of the picture.
func TestEncoderFails(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{resize.ErrDamaged, worker.ErrTooSlow} {
		t.Run(failure.Error(), func(t *testing.T) {
			t.Parallel()
			encoder := &brokenEncoder{Encoder: apitest.Decoders(t), err: failure}
			encoder.left.Store(2)
			s := apitest.NewServer(t, api.Options{Encoder: encoder})
			s.Put(t, "/images/photo.jpg", apitest.Photo(t, 1, 900, 600))
			r := s.Do(t, "GET", "/images/photo.jpg?w=64&format=webp", "", "").Refusal(t, http.StatusServiceUnavailable, "busy")
			if !strings.Contains(r.Message, "WebP") {
				t.Errorf("the message is %q, want it to name WebP", r.Message)
			}
			wantKind(t, s.Do(t, "GET", "/images/photo.jpg?w=64&format=auto", "Accept: image/webp", ""), "image/jpeg")
			wantVariant(t, s.Do(t, "GET", "/images/photo.jpg?w=64&format=webp", "", ""), "webp", 64, 43)
		})
	}
}

// TestWebPMemory: if there is too little memory for the encoder, programs get an error, img
// elements get the original, and format=auto makes another format.
func TestWebPMemory(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Encoder: apitest.Decoders(t), ResizeMemory: 16 << 20})
	content := apitest.Photo(t, 1, 900, 600)
	s.Put(t, "/images/photo.jpg", content)
	s.Do(t, "GET", "/images/photo.jpg?w=64&format=webp", "", "").Refusal(t, http.StatusUnprocessableEntity, "too_many_pixels")
	s.Do(t, "GET", "/images/photo.jpg?w=64&format=webp", "Sec-Fetch-Dest: image", "").WantImage(t, content)
	wantKind(t, s.Do(t, "GET", "/images/photo.jpg?w=64&format=auto", "Accept: image/webp", ""), "image/jpeg")
}
