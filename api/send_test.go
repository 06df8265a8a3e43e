package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"testing"
	"time"

	"imageserver/api"
)

// imageHeader is on every answer with an image's bytes.
const imageHeader = `Content-Security-Policy: default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox
X-Content-Type-Options: nosniff
Cross-Origin-Resource-Policy: cross-origin
Accept-Ranges: bytes
Cache-Control: no-cache`

// wantHeaders checks fields, a line each.
func (a answer) wantHeaders(t testing.TB, header string) {
	t.Helper()
	for line := range strings.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		a.wantHeader(t, key, value)
	}
}

// TestGet: the whole header of an image, for GET and for HEAD.
func TestGet(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	for name, content := range map[string]string{
		"small.png":   picture(t, 1, 0),
		"large.png":   picture(t, 2, 5<<20+1),
		"drawing.svg": sample(t, "gradient.svg"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored := s.put(t, "/images/"+name, content)
			for _, method := range []string{"GET", "HEAD"} {
				a := s.do(t, method, "/images/"+name, "Origin: https://app.example", "")
				a.want(t, http.StatusOK)
				a.wantHeaders(t, imageHeader)
				a.wantHeader(t, "Content-Type", stored.ContentType)
				a.wantHeader(t, "Content-Length", fmt.Sprint(len(content)))
				a.wantHeader(t, "ETag", etag(content))
				a.wantHeader(t, "Last-Modified", stored.UploadedAt.Truncate(time.Second).Format(http.TimeFormat))
				a.wantHeader(t, "Access-Control-Allow-Origin", "*")
				a.wantHeader(t, "Content-Disposition", "")
				a.wantHeader(t, "Transfer-Encoding", "")
				if method == "HEAD" {
					content = ""
				}
				if a.body != content {
					t.Errorf("%s: got %d bytes, want the %d of the image", method, len(a.body), len(content))
				}
			}
		})
	}
}

// TestHeadHasNoBody looks at the wire, since a client would not show a body.
func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	s.put(t, "/images/cat.png", picture(t, 1, 0))
	c := s.dial(t)
	for path, status := range map[string]int{"/images/cat.png": 200, "/images/none.png": 404} {
		c.request(t, "HEAD "+path, "")
		c.answer(t, http.MethodHead).want(t, status)
	}
	c.request(t, "GET /images/none.png", "") // were there a body, this would not be understood
	c.answer(t, http.MethodGet).refusal(t, http.StatusNotFound, "not_found")
}

// TestRanges: parts of images that take several chunks of the store.
func TestRanges(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	const size = 5 << 20
	content := picture(t, 1, size)
	s.put(t, "/images/cat.png", content)
	for _, c := range []struct {
		ranges   string
		from, to int // half open
	}{
		{"bytes=0-0", 0, 1},
		{"bytes=0-99", 0, 100},
		{"bytes=100-199", 100, 200},
		{"bytes=131034-131035", 131034, 131036}, // the border of two chunks
		{"bytes=131035-", 131035, size},
		{"bytes=100000-400000", 100000, 400001}, // over three of them
		{"bytes=1000000-4999999", 1000000, 5000000},
		{"bytes=5242879-", size - 1, size},
		{"bytes=-1", size - 1, size},
		{"bytes=-200000", size - 200000, size},
		{"bytes=0-", 0, size},
		{"bytes=-5242880", 0, size},
		{"bytes=-99999999", 0, size},
		{"bytes=5242870-99999999", size - 10, size},
		{"bytes= 5-6", 5, 7},
	} {
		t.Run(c.ranges, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "HEAD"} {
				a := s.do(t, method, "/images/cat.png", "Range: "+c.ranges, "")
				a.want(t, http.StatusPartialContent)
				a.wantHeaders(t, imageHeader)
				a.wantHeader(t, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", c.from, c.to-1, size))
				a.wantHeader(t, "Content-Length", fmt.Sprint(c.to-c.from))
				a.wantHeader(t, "Content-Type", "image/png")
				a.wantHeader(t, "ETag", etag(content))
				if method == "GET" && a.body != content[c.from:c.to] {
					t.Errorf("got %d bytes, want %d, or not these", len(a.body), c.to-c.from)
				}
			}
		})
	}
}

// TestRangesIgnored: what gets the whole image all the same.
func TestRangesIgnored(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	content := picture(t, 1, 300<<10)
	s.put(t, "/images/cat.png", content)
	for _, header := range []string{
		"Range: bytes=0-1,2-3",
		"Range: bytes=0-1, -1",
		"Range: bytes=" + strings.Repeat("0-,", 1000) + "0-",
		"Range: items=0-5", // RFC 9110 section 14.2: an unknown unit must be ignored
		"Range: bytes=0-5\nIf-Range: \"other\"",
		"Range: bytes=0-5\nIf-Range: W/" + etag(content), // and section 13.1.5: compared strongly
		"Range: bytes=0-5\nIf-Range: " + time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat),
	} {
		t.Run(header[:min(len(header), 60)], func(t *testing.T) {
			t.Parallel()
			a := s.do(t, "GET", "/images/cat.png", header, "")
			a.wantImage(t, content)
			a.wantHeader(t, "Content-Range", "")
		})
	}
	part := s.do(t, "GET", "/images/cat.png", "Range: bytes=0-5\nIf-Range: "+etag(content), "")
	if part.status != http.StatusPartialContent || part.body != content[:6] {
		t.Errorf("with If-Range as it is: got %s, want the first 6 bytes", part)
	}
}

// TestBadRanges: what lies outside.
func TestBadRanges(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	content := picture(t, 1, 1000)
	s.put(t, "/images/cat.png", content)
	for _, path := range []string{"/images/cat.png", "/images/cat.png?download", "/images/cat.png?v=" + strings.Trim(etag(content), `"`)} {
		for _, ranges := range []string{
			"bytes=1000-", "bytes=1000-2000", "bytes=99999999999999-",
			"bytes=-0", // RFC 9110 section 14.1.3: a suffix of nothing cannot be satisfied
		} {
			t.Run(path[:min(len(path), 30)]+" "+ranges, func(t *testing.T) {
				t.Parallel()
				a := s.do(t, "GET", path, "Range: "+ranges, "")
				if got := a.refusal(t, http.StatusRequestedRangeNotSatisfiable, "bad_range"); !strings.Contains(got.Message, "1000") {
					t.Errorf("the message %q should say how long the image is", got.Message)
				}
				a.wantHeader(t, "Content-Range", "bytes */1000")
			})
		}
	}
}

// TestGetConditions: what a cache asks (RFC 9110 section 13.1).
func TestGetConditions(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	content := picture(t, 1, 0)
	modified := s.put(t, "/images/cat.png", content).UploadedAt.Truncate(time.Second)
	at := func(d time.Duration) string { return modified.Add(d).Format(http.TimeFormat) }
	tag := etag(content)
	for _, c := range []struct {
		header string
		status int
	}{
		{"If-None-Match: " + tag, 304},
		{"If-None-Match: W/" + tag, 304},
		{"If-None-Match: *", 304},
		{`If-None-Match: "other", ` + tag, 304},
		{`If-None-Match: "other"`, 200},
		{"If-None-Match: \"other\"\nIf-Modified-Since: " + at(0), 200}, // the tag decides
		{"If-None-Match: " + tag + "\nIf-Modified-Since: " + at(-time.Hour), 304},
		{"If-Modified-Since: " + at(0), 304},
		{"If-Modified-Since: " + at(time.Hour), 304},
		{"If-Modified-Since: " + at(-time.Second), 200},
		{"If-Modified-Since: yesterday", 200},
		{"If-Match: " + tag, 200},
		{"If-Match: *", 200},
		{`If-Match: "other"`, 412},
		{"If-Match: W/" + tag, 412},
		{"If-Unmodified-Since: " + at(0), 200},
		{"If-Unmodified-Since: " + at(-time.Second), 412},
		{"If-None-Match: " + tag + "\nRange: bytes=0-1", 304},
		{"If-Match: \"other\"\nRange: bytes=0-1", 412},
	} {
		t.Run(c.header, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "HEAD"} {
				a := s.do(t, method, "/images/cat.png", c.header, "")
				a.want(t, c.status)
				switch {
				case c.status == 304:
					a.wantHeader(t, "ETag", tag)
					a.wantHeader(t, "Cache-Control", "no-cache")
					if a.body != "" {
						t.Errorf("a 304 with the body %q", a.body)
					}
				case c.status == 412 && method == "GET":
					a.refusal(t, 412, "precondition_failed")
				case method == "GET":
					a.wantImage(t, content)
				}
			}
		})
	}
}

// TestVersion: with the digest in the URL the bytes may be kept for ever.
func TestVersion(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	first, second := picture(t, 1, 0), picture(t, 2, 0)
	v := strings.Trim(etag(first), `"`)
	s.put(t, "/images/cat.png", first)
	const kept = "public, max-age=31536000, immutable"

	a := s.do(t, "GET", "/images/cat.png?v="+v, "", "")
	a.wantImage(t, first)
	a.wantHeader(t, "Cache-Control", kept)
	a = s.do(t, "GET", "/images/cat.png?v="+v, "If-None-Match: "+etag(first), "")
	a.want(t, http.StatusNotModified)
	a.wantHeader(t, "Cache-Control", kept)
	a = s.do(t, "GET", "/images/cat.png?v="+v, "Range: bytes=0-1", "")
	a.want(t, http.StatusPartialContent)
	a.wantHeader(t, "Cache-Control", kept)
	a = s.do(t, "GET", "/images/cat.png?v=", "", "")
	a.wantImage(t, first)
	a.wantHeader(t, "Cache-Control", "no-cache")

	for _, other := range []string{strings.Repeat("0", 64), v[:63], v + "0", "latest", "%00", "1"} {
		s.do(t, "GET", "/images/cat.png?v="+other, "", "").refusal(t, http.StatusNotFound, "not_found")
	}
	s.do(t, "GET", "/images/dog.png?v="+v, "", "").refusal(t, http.StatusNotFound, "not_found")

	s.do(t, "PUT", "/images/cat.png", "", second).want(t, http.StatusOK)
	s.do(t, "GET", "/images/cat.png?v="+v, "", "").refusal(t, http.StatusNotFound, "not_found")
}

// TestDownload: the name for the file, in both forms (RFC 6266).
func TestDownload(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	content := picture(t, 1, 0)
	for _, c := range []struct{ path, name, ascii string }{
		{"cat.png", "cat.png", "cat.png"},
		{"my%20cat.png", "my cat.png", "my cat.png"},
		{"a;b=c.png", "a;b=c.png", "a;b=c.png"},
		{"na%C3%AFve.png", "naïve.png", "na_ve.png"},
		{"%E5%86%99%E7%9C%9F.png", "写真.png", "__.png"},
		{"%F0%9F%8C%84.png", "🌄.png", "_.png"},
		{"c%22at.png", `c"at.png`, "c_at.png"},
		{"50%25.png", "50%.png", "50_.png"},
		{"%2541.png", "%41.png", "_41.png"},
		{"x%22%3B%20filename%3Devil.exe%3B%20y=%22.png", `x"; filename=evil.exe; y=".png`, "x_; filename=evil.exe; y=_.png"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s.put(t, "/images/"+c.path, content)
			a := s.do(t, "GET", "/images/"+c.path+"?download", "", "")
			a.wantImage(t, content)
			got := a.header.Get("Content-Disposition")
			if want := `attachment; filename="` + c.ascii + `"`; got != want && !strings.HasPrefix(got, want+";") {
				t.Errorf("Content-Disposition: got %s, want it to begin with %s", got, want)
			}
			if n := strings.Count(got, "filename="); n != 1+strings.Count(c.ascii, "filename=") {
				t.Errorf("Content-Disposition %s has filename= %d times", got, n)
			}
			// And as a client of RFC 6266 reads it.
			kind, parameters, err := mime.ParseMediaType(got)
			if err != nil || kind != "attachment" || parameters["filename"] != c.name {
				t.Errorf("Content-Disposition %s means %s of %q (%v), want an attachment of %q", got, kind, parameters["filename"], err, c.name)
			}
			// An answer that is no image is shown.
			s.do(t, "GET", "/images/"+c.path+"?download", `If-Match: "other"`, "").refusal(t, 412, "precondition_failed")
		})
	}
	for _, query := range []string{"?download=", "?download=1", "?v=&download"} {
		s.put(t, "/images/dog.png", content)
		a := s.do(t, "GET", "/images/dog.png"+query, "", "")
		a.wantHeader(t, "Content-Disposition", `attachment; filename="dog.png"`)
		s.do(t, "DELETE", "/images/dog.png", "", "").want(t, http.StatusNoContent)
	}
}

// TestNotFound: and what else is none.
func TestNotFound(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	s.put(t, "/images/cat.png", picture(t, 1, 0))
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/images/dog.png":      {404, "not_found"},
		"/images/Cat.png":      {404, "not_found"}, // names have case
		"/images/cat.png%20":   {400, "bad_name"},
		"/images/":             {400, "bad_name"},
		"/images/x/../cat.png": {400, "bad_name"},
	} {
		a := s.do(t, "GET", path, "Origin: https://app.example", "")
		a.refusal(t, want.status, want.code)
		a.wantHeader(t, "Access-Control-Allow-Origin", "*")
		s.do(t, "HEAD", path, "", "").want(t, want.status)
	}
	if got := s.do(t, "GET", "/images/dog.png", "", "").reply(t); !strings.Contains(got.Message, "dog.png") {
		t.Errorf("the message %q should name the image", got.Message)
	}
}

// TestReadWhileReplaced: an answer under way is of one image to its end.
func TestReadWhileReplaced(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*testing.T, *server){
		"replaced": func(t *testing.T, s *server) {
			s.do(t, "PUT", "/images/cat.png", "", picture(t, 2, 8<<20)).want(t, http.StatusOK)
		},
		"deleted": func(t *testing.T, s *server) {
			s.do(t, "DELETE", "/images/cat.png", "", "").want(t, http.StatusNoContent)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, api.Options{})
			content := picture(t, 1, 12<<20) // more than the sockets hold
			s.put(t, "/images/cat.png", content)
			c := s.dial(t)
			c.request(t, "GET /images/cat.png", "")
			if _, err := c.r.Peek(1000); err != nil {
				t.Fatal(err)
			}
			change(t, s)
			a := c.answer(t, http.MethodGet)
			a.wantImage(t, content)
			sum := sha256.Sum256([]byte(a.body))
			a.wantHeader(t, "ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		})
	}
}
