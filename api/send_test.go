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

	"imageserver/api/apitest"

	"imageserver/api"
)

// imageHeader is the header of every response with the bytes of an image.
const imageHeader = `Content-Security-Policy: default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox
X-Content-Type-Options: nosniff
Cross-Origin-Resource-Policy: cross-origin
Accept-Ranges: bytes
Cache-Control: no-cache`

// TestGet checks the whole header of an image, for GET and HEAD.
func TestGet(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for name, content := range map[string]string{
		"small.png":   apitest.Picture(t, 1, 0),
		"large.png":   apitest.Picture(t, 2, 5<<20+1),
		"drawing.svg": apitest.Sample(t, "gradient.svg"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored := s.Put(t, "/images/"+name, content)
			for _, method := range []string{"GET", "HEAD"} {
				a := s.Do(t, method, "/images/"+name, "Origin: https://app.example", "").Want(t, http.StatusOK)
				a.WantHeaders(t, imageHeader)
				a.WantHeader(t, "Content-Type", stored.ContentType)
				a.WantHeader(t, "Content-Length", fmt.Sprint(len(content)))
				a.WantHeader(t, "ETag", apitest.ETag(content))
				a.WantHeader(t, "Last-Modified", stored.UploadedAt.Truncate(time.Second).Format(http.TimeFormat))
				a.WantHeader(t, "Access-Control-Allow-Origin", "*")
				a.WantHeader(t, "Content-Disposition", "")
				a.WantHeader(t, "Transfer-Encoding", "")
				if method == "HEAD" {
					content = ""
				}
				if a.Body != content {
					t.Errorf("%s: got %d bytes, want the %d of the image", method, len(a.Body), len(content))
				}
			}
		})
	}
}

// TestHeadHasNoBody checks that the response to HEAD has no body. It reads the bytes of the
// connection, because an HTTP client would hide a body.
func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 0))
	c := s.Dial(t)
	for path, status := range map[string]int{"/images/cat.png": 200, "/images/none.png": 404} {
		c.Request(t, "HEAD "+path, "")
		c.Answer(t, http.MethodHead).Want(t, status)
	}
	c.Request(t, "GET /images/none.png", "") // if a body came before, this response cannot be parsed
	c.Answer(t, http.MethodGet).Refusal(t, http.StatusNotFound, "not_found")
}

// TestRanges requests parts of images that have several chunks in the store.
func TestRanges(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	const size = 5 << 20
	content := apitest.Picture(t, 1, size)
	s.Put(t, "/images/cat.png", content)
	for _, c := range []struct {
		ranges   string
		from, to int // the bytes from `from` to before `to`
	}{
		{"bytes=0-0", 0, 1},
		{"bytes=0-99", 0, 100},
		{"bytes=100-199", 100, 200},
		{"bytes=131034-131035", 131034, 131036}, // the boundary of two chunks
		{"bytes=131035-", 131035, size},
		{"bytes=100000-400000", 100000, 400001}, // in three chunks
		{"bytes=1000000-4999999", 1000000, 5000000},
		{"bytes=5242879-", size - 1, size},
		{"bytes=-1", size - 1, size},
		{"bytes=-200000", size - 200000, size},
		{"bytes=0-", 0, size},
		{"bytes=-5242880", 0, size},
		{"bytes=-99999999", 0, size},
		{"bytes=5242870-99999999", size - 10, size},
		{"bytes= 5-6", 5, 7},
		{"bytes=5242870-99999999999999999999", size - 10, size}, // section 14.1.2: more than 64 bits
		{"bytes=-99999999999999999999", 0, size},
	} {
		t.Run(c.ranges, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "HEAD"} {
				a := s.Do(t, method, "/images/cat.png", "Range: "+c.ranges, "").Want(t, http.StatusPartialContent)
				a.WantHeaders(t, imageHeader)
				a.WantHeader(t, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", c.from, c.to-1, size))
				a.WantHeader(t, "Content-Length", fmt.Sprint(c.to-c.from))
				a.WantHeader(t, "Content-Type", "image/png")
				a.WantHeader(t, "ETag", apitest.ETag(content))
				if method == "GET" && a.Body != content[c.from:c.to] {
					t.Errorf("got %d bytes, want %d, or the bytes differ", len(a.Body), c.to-c.from)
				}
			}
		})
	}
}

// TestRangesIgnored checks which range requests get the whole image.
func TestRangesIgnored(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	content := apitest.Picture(t, 1, 300<<10)
	s.Put(t, "/images/cat.png", content)
	for _, header := range []string{
		"Range: bytes=0-1,2-3",
		"Range: bytes=0-1, -1",
		"Range: bytes=" + strings.Repeat("0-,", 1000) + "0-",
		"Range: items=0-5", // RFC 9110 section 14.2: a server must ignore an unknown unit
		"Range: bytes=5-2", // and section 14.2: a server may ignore an invalid range
		"Range: bytes=500000-400000",
		"Range: bytes=",
		"Range: bytes=-",
		"Range: bytes=5",
		"Range: bytes=five-six",
		"Range: bytes=+5-6",
		"Range: bytes=5-+6",
		"Range: bytes=--6",
		"Range: bytes=--0",
		"Range: bytes=0--0",
		"Range: bytes=0-99999999999999999999x",
		"Range: bytes=\u00a00-5", // a space that is not ASCII
		"Range: bytes=5-6-7",
		"Range: bytes=0x5-6",
		"Range: bytes=0-5\nIf-Range: \"other\"",
		"Range: bytes=0-5\nIf-Range: W/" + apitest.ETag(content), // and section 13.1.5: compared strongly
		"Range: bytes=0-5\nIf-Range: " + time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat),
	} {
		t.Run(header[:min(len(header), 60)], func(t *testing.T) {
			t.Parallel()
			a := s.Do(t, "GET", "/images/cat.png", header, "")
			a.WantImage(t, content)
			a.WantHeader(t, "Content-Range", "")
		})
	}
	part := s.Do(t, "GET", "/images/cat.png", "Range: bytes=0-5\nIf-Range: "+apitest.ETag(content), "")
	if part.Status != http.StatusPartialContent || part.Body != content[:6] {
		t.Errorf("with the right If-Range: got %s, want the first 6 bytes", part)
	}
}

// TestBadRanges requests ranges outside the image.
func TestBadRanges(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	content := apitest.Picture(t, 1, 1000)
	s.Put(t, "/images/cat.png", content)
	for _, path := range []string{"/images/cat.png", "/images/cat.png?download", "/images/cat.png?v=" + strings.Trim(apitest.ETag(content), `"`)} {
		for _, ranges := range []string{
			"bytes=1000-", "bytes=1000-2000", "bytes=99999999999999-", "bytes=99999999999999999999-",
			"bytes=-0", // RFC 9110 section 14.1.3: the last 0 bytes of an image are not a satisfiable range
		} {
			t.Run(path[:min(len(path), 30)]+" "+ranges, func(t *testing.T) {
				t.Parallel()
				a := s.Do(t, "GET", path, "Range: "+ranges, "")
				if got := a.Refusal(t, http.StatusRequestedRangeNotSatisfiable, "bad_range"); !strings.Contains(got.Message, "1000") {
					t.Errorf("the message %q should say how long the image is", got.Message)
				}
				a.WantHeader(t, "Content-Range", "bytes */1000")
			})
		}
	}
}

// TestGetConditions checks the conditions that a cache sends (RFC 9110 section 13.1).
func TestGetConditions(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	content := apitest.Picture(t, 1, 0)
	modified := s.Put(t, "/images/cat.png", content).UploadedAt.Truncate(time.Second)
	at := func(d time.Duration) string { return modified.Add(d).Format(http.TimeFormat) }
	tag := apitest.ETag(content)
	for _, c := range []struct {
		header string
		status int
	}{
		{"If-None-Match: " + tag, 304},
		{"If-None-Match: W/" + tag, 304},
		{"If-None-Match: *", 304},
		{`If-None-Match: "other", ` + tag, 304},
		{`If-None-Match: "other"`, 200},
		{"If-None-Match: \"other\"\nIf-Modified-Since: " + at(0), 200}, // the entity tag has precedence
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
				a := s.Do(t, method, "/images/cat.png", c.header, "").Want(t, c.status)
				switch {
				case c.status == 304:
					a.WantHeader(t, "ETag", tag)
					a.WantHeader(t, "Cache-Control", "no-cache")
					if a.Body != "" {
						t.Errorf("a 304 with the body %q", a.Body)
					}
				case c.status == 412 && method == "GET":
					a.Refusal(t, 412, "precondition_failed")
				case method == "GET":
					a.WantImage(t, content)
				}
			}
		})
	}
}

// TestVersion checks that caches may keep an image forever if its digest is in the URL.
func TestVersion(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	first, second := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 0)
	v := strings.Trim(apitest.ETag(first), `"`)
	s.Put(t, "/images/cat.png", first)
	const kept = "public, max-age=31536000, immutable"

	a := s.Do(t, "GET", "/images/cat.png?v="+v, "", "")
	a.WantImage(t, first)
	a.WantHeader(t, "Cache-Control", kept)
	a = s.Do(t, "GET", "/images/cat.png?v="+v, "If-None-Match: "+apitest.ETag(first), "").Want(t, http.StatusNotModified)
	a.WantHeader(t, "Cache-Control", kept)
	a = s.Do(t, "GET", "/images/cat.png?v="+v, "Range: bytes=0-1", "").Want(t, http.StatusPartialContent)
	a.WantHeader(t, "Cache-Control", kept)
	a = s.Do(t, "GET", "/images/cat.png?v=", "", "")
	a.WantImage(t, first)
	a.WantHeader(t, "Cache-Control", "no-cache")

	for _, other := range []string{strings.Repeat("0", 64), v[:63], v + "0", "latest", "%00", "1"} {
		s.Do(t, "GET", "/images/cat.png?v="+other, "", "").Refusal(t, http.StatusNotFound, "not_found")
	}
	s.Do(t, "GET", "/images/dog.png?v="+v, "", "").Refusal(t, http.StatusNotFound, "not_found")

	s.Do(t, "PUT", "/images/cat.png", "", second).Want(t, http.StatusOK)
	s.Do(t, "GET", "/images/cat.png?v="+v, "", "").Refusal(t, http.StatusNotFound, "not_found")
}

// TestDownload checks both forms of the file name (RFC 6266).
func TestDownload(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	content := apitest.Picture(t, 1, 0)
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
			s.Put(t, "/images/"+c.path, content)
			a := s.Do(t, "GET", "/images/"+c.path+"?download", "", "")
			a.WantImage(t, content)
			got := a.Header.Get("Content-Disposition")
			if want := `attachment; filename="` + c.ascii + `"`; got != want && !strings.HasPrefix(got, want+";") {
				t.Errorf("Content-Disposition: got %s, want it to begin with %s", got, want)
			}
			if n := strings.Count(got, "filename="); n != 1+strings.Count(c.ascii, "filename=") {
				t.Errorf("Content-Disposition %s has filename= %d times", got, n)
			}
			// Read the header as a client does that follows RFC 6266.
			kind, parameters, err := mime.ParseMediaType(got)
			if err != nil || kind != "attachment" || parameters["filename"] != c.name {
				t.Errorf("Content-Disposition %s means %s of %q (%v), want an attachment of %q", got, kind, parameters["filename"], err, c.name)
			}
			// A response that is not an image is shown, not downloaded.
			s.Do(t, "GET", "/images/"+c.path+"?download", `If-Match: "other"`, "").Refusal(t, 412, "precondition_failed")
		})
	}
	for _, query := range []string{"?download=", "?download=1", "?v=&download"} {
		s.Put(t, "/images/dog.png", content)
		a := s.Do(t, "GET", "/images/dog.png"+query, "", "")
		a.WantHeader(t, "Content-Disposition", `attachment; filename="dog.png"`)
		s.Do(t, "DELETE", "/images/dog.png", "", "").Want(t, http.StatusNoContent)
	}
}

// TestNotFound requests images that do not exist and names that are not valid.
func TestNotFound(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 0))
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/images/dog.png":      {404, "not_found"},
		"/images/Cat.png":      {404, "not_found"}, // names are case-sensitive
		"/images/cat.png%20":   {400, "bad_name"},
		"/images/":             {400, "bad_name"},
		"/images/x/../cat.png": {400, "bad_name"},
	} {
		a := s.Do(t, "GET", path, "Origin: https://app.example", "")
		a.Refusal(t, want.status, want.code)
		a.WantHeader(t, "Access-Control-Allow-Origin", "*")
		s.Do(t, "HEAD", path, "", "").Want(t, want.status)
	}
	if got := s.Do(t, "GET", "/images/dog.png", "", "").Reply(t); !strings.Contains(got.Message, "dog.png") {
		t.Errorf("the message %q should name the image", got.Message)
	}
}

// TestReadWhileReplaced checks that a response has the bytes of one image, even if the
// image is replaced or deleted meanwhile.
func TestReadWhileReplaced(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*testing.T, *apitest.Server){
		"replaced": func(t *testing.T, s *apitest.Server) {
			s.Do(t, "PUT", "/images/cat.png", "", apitest.Picture(t, 2, 1<<20)).Want(t, http.StatusOK)
		},
		"deleted": func(t *testing.T, s *apitest.Server) {
			s.Do(t, "DELETE", "/images/cat.png", "", "").Want(t, http.StatusNoContent)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewPipeServer(t, api.Options{}) // a pipe has no buffer
			content := apitest.Picture(t, 1, 1<<20)
			s.Put(t, "/images/cat.png", content)
			c := s.Dial(t)
			c.Request(t, "GET /images/cat.png", "")
			if _, err := c.R.Peek(1000); err != nil {
				t.Fatal(err)
			}
			change(t, s)
			a := c.Answer(t, http.MethodGet)
			a.WantImage(t, content)
			sum := sha256.Sum256([]byte(a.Body))
			a.WantHeader(t, "ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		})
	}
}
