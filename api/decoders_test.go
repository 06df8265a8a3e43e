package api_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/apitest"
	"imageserver/api/imaging/codec"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/worker"
)

// TestDecodedVariants checks the copies of AVIF and HEIC.
func TestDecodedVariants(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Decoders: apitest.Decoders(t)})
	for _, c := range []struct {
		name, query string
		typ         format.Type // of the copy, or empty for the original
		w, h        int
	}{
		{"gradient.heic", "w=16", "jpeg", 16, 11},
		{"gradient.heic", "w=64", "jpeg", 60, 40}, // it fits, but few browsers show a HEIC
		{"gradient.heic", "format=jpeg", "jpeg", 60, 40},
		{"gradient.heic", "w=32&h=32&fit=cover&format=png", "png", 32, 32},
		{"gradient.heic", "w=16&h=32&fit=cover&focus=0.1,1", "jpeg", 16, 32},
		{"rotated.avif", "w=32&h=16&fit=cover&focus=1,0.8", "jpeg", 32, 16},
		{"alpha.heic", "w=32", "png", 32, 21},
		{"alpha.heic", "w=32&format=jpeg", "jpeg", 32, 21},
		{"gradient.avif", "w=16", "jpeg", 16, 11},
		{"gradient.avif", "w=64", "", 0, 0},
		{"gradient.avif", "w=64&format=png", "png", 60, 40},
		{"rotated.avif", "w=16", "jpeg", 16, 24},
		{"cropped.avif", "format=jpeg", "jpeg", 50, 30},
		{"grid.avif", "w=64", "jpeg", 64, 32},
		{"animated.avif", "w=16", "", 0, 0},
		{"animated.avif", "w=16&still", "jpeg", 16, 11},
		{"rotated-animated.avif", "still", "jpeg", 40, 60},
		{"gradient.avif", "still", "", 0, 0},
		{"gradient.heic", "still", "jpeg", 60, 40},
	} {
		t.Run(c.name+"?"+c.query, func(t *testing.T) {
			t.Parallel()
			content := apitest.Sample(t, c.name)
			path := s.Path(t, s.Do(t, "POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", c.query+" "+c.name, content))).Reply(t).URL)
			s.Do(t, "GET", path, "", "").WantImage(t, content)
			a := s.Do(t, "GET", path+"?"+c.query, "", "")
			if c.typ == "" {
				a.WantImage(t, content)
				return
			}
			wantVariant(t, a, string(c.typ), c.w, c.h)
		})
	}
}

// TestUndecodable: if a HEIC cannot be decoded, the response is the original. No cache may keep
// it in place of the copy.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	content := apitest.Sample(t, "gradient.heic")
	program := func(name string) *worker.Pool {
		p := worker.New(worker.Options{Types: codec.Types(), Command: []string{name}, Cache: func() string { return "" }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		t.Cleanup(p.Close)
		return p
	}
	for what, c := range map[string]struct {
		options api.Options
		content string
	}{
		"cut off":       {api.Options{Decoders: apitest.Decoders(t)}, content[:len(content)-100]},
		"turned off":    {api.Options{Decoders: apitest.Decoders(t, format.AVIF)}, content},
		"no decoders":   {api.Options{}, content},
		"little memory": {api.Options{Decoders: apitest.Decoders(t), ResizeMemory: 16 << 20}, content},
		"few pixels":    {api.Options{Decoders: apitest.Decoders(t), MaxPixels: 100}, content},
		"no program":    {api.Options{Decoders: program("/nowhere/program")}, content},
		"no answer":     {api.Options{Decoders: program("/bin/false")}, content},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, c.options)
			stored := s.Put(t, "/images/a.heic", c.content)
			for _, path := range []string{"/images/a.heic?w=16", "/images/a.heic?w=16&v=" + stored.SHA256} {
				const img = "Sec-Fetch-Dest: image\n"
				a := s.Do(t, "GET", path, img, "")
				a.WantImage(t, c.content)
				a.WantHeader(t, "Cache-Control", "no-cache")
				s.Do(t, "GET", path, img+"If-None-Match: "+apitest.ETag(c.content), "").Want(t, http.StatusNotModified).WantHeader(t, "Cache-Control", "no-cache")

				// The copy has the same time.
				a.WantHeader(t, "Last-Modified", "")
				s.Do(t, "GET", path, img+"If-Modified-Since: "+time.Now().UTC().Format(http.TimeFormat), "").WantImage(t, c.content)
			}
		})
	}
}

// TestNeverCopied: if there is never a copy of an image, caches can keep the original.
func TestNeverCopied(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Decoders: apitest.Decoders(t)})
	for _, name := range []string{"gradient.svg", "gradient.avif", "animated.avif", "animated.gif", "bigtiff.tif"} {
		content := apitest.Sample(t, name)
		stored := s.Put(t, "/images/"+name, content)
		a := s.Do(t, "GET", "/images/"+name+"?w=64&v="+stored.SHA256, "", "")
		a.WantImage(t, content)
		a.WantHeader(t, "Cache-Control", "public, max-age=31536000, immutable")
		a.WantHeader(t, "Last-Modified", stored.UploadedAt.Format(http.TimeFormat))
	}
}
