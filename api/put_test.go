package api_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"imageserver/api/apitest"
	"imageserver/db"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
)

// TestPut creates, repeats and replaces an image, with and without a length.
func TestPut(t *testing.T) {
	t.Parallel()
	first, second := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 300<<10)
	for name, body := range map[string]func(string) io.Reader{
		"with a length": func(b string) io.Reader { return strings.NewReader(b) },
		"chunked":       apitest.Chunked,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{})
			url := s.URL + "/images/my%20cat.png"
			for _, c := range []struct {
				content   string
				status    int
				location  string
				duplicate bool
			}{
				{first, 201, url, false},
				{first, 200, "", true},
				{second, 200, "", false},
				{first, 200, "", false},
			} {
				a := s.Send(t, "PUT", "/images/my%20cat.png", "", body(c.content))
				got := a.Success(t, c.status)
				a.WantHeader(t, "Location", c.location)
				a.WantHeader(t, "ETag", apitest.ETag(c.content))
				if got.Filename != "my cat.png" || got.URL != url || got.Location != url || got.Duplicate != c.duplicate ||
					got.Size != int64(len(c.content)) || got.ContentType != "image/png" || got.Width != 60 || got.Height != 40 ||
					`"`+got.SHA256+`"` != apitest.ETag(c.content) || got.Message == "" {
					t.Errorf("the response is wrong: %s", a)
				}
				s.Do(t, "GET", "/images/my%20cat.png", "", "").WantImage(t, c.content)
			}
			if diff := cmp.Diff([]string{"my cat.png"}, s.Stored(t)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPutConditions checks If-Match and If-None-Match (RFC 9110 section 13.1).
func TestPutConditions(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	first, second := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 0)
	tag := apitest.ETag(first)
	const other = `"0000000000000000000000000000000000000000000000000000000000000000"`
	for i, c := range []struct {
		header           string
		there, elsewhere int // the status under a name that exists, and under a free one
	}{
		{"If-None-Match: *", 412, 201},
		{"If-None-Match: " + tag, 412, 201},
		{"If-None-Match: W/" + tag, 412, 201}, // compared weakly
		{"If-None-Match: " + other, 200, 201},
		{"If-None-Match: " + other + ", " + tag, 412, 201},
		{"If-None-Match: " + other + "\nIf-None-Match: " + tag, 412, 201},
		{"If-Match: *", 200, 412},
		{"If-Match: " + tag, 200, 412},
		{"If-Match: W/" + tag, 412, 412}, // compared strongly
		{"If-Match: " + other, 412, 412},
		{"If-Match: " + other + "," + tag, 200, 412},
		{"If-Match: " + other + " , W/" + tag, 412, 412},
		{"If-Match: " + other + "\nIf-Match: " + tag, 200, 412},
		{"If-Match: " + strings.Trim(tag, `"`), 412, 412},
		{"If-Match: nonsense", 412, 412},
		{"If-Match: ", 412, 412},
		{"If-Match: " + tag + "\nIf-None-Match: " + other, 200, 412},
		{"If-Match: " + tag + "\nIf-None-Match: " + tag, 412, 412},
	} {
		t.Run(c.header, func(t *testing.T) {
			t.Parallel()
			there, elsewhere := fmt.Sprintf("/images/there-%d.png", i), fmt.Sprintf("/images/elsewhere-%d.png", i)
			s.Put(t, there, first)
			for _, place := range []struct {
				path   string
				status int
			}{{there, c.there}, {elsewhere, c.elsewhere}} {
				a := s.Do(t, "PUT", place.path, c.header, second).Want(t, place.status)
				if a.Status == http.StatusPreconditionFailed {
					a.Refusal(t, a.Status, "precondition_failed")
					if after := s.Do(t, "GET", place.path, "", ""); after.Status == 200 && after.Body == second {
						t.Errorf("%s was replaced", place.path)
					}
				} else {
					s.Do(t, "GET", place.path, "", "").WantImage(t, second)
				}
			}
		})
	}
}

// TestPutRace checks that one of many clients creates the image, and the others get a 412.
func TestPutRace(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	var pictures []string
	for i := range uint64(8) {
		pictures = append(pictures, apitest.Picture(t, i, 0))
	}
	statuses := make(chan int)
	for i := range pictures {
		go func() {
			a, err := s.Try(t, "PUT", "/images/cat.png", "If-None-Match: *", strings.NewReader(pictures[i]))
			if err != nil {
				t.Error(err)
			}
			statuses <- a.Status
		}()
	}
	count := map[int]int{}
	for range pictures {
		count[<-statuses]++
	}
	if count[201] != 1 || count[412] != 7 {
		t.Errorf("got %v, want one 201 and seven 412", count)
	}
}

// TestContentDigest checks Content-Digest (RFC 9530).
func TestContentDigest(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	cat := apitest.Picture(t, 1, 200<<10)
	sum256, sum512 := sha256.Sum256([]byte(cat)), sha512.Sum512([]byte(cat))
	right := "sha-256=:" + base64.StdEncoding.EncodeToString(sum256[:]) + ":"
	right512 := "sha-512=:" + base64.StdEncoding.EncodeToString(sum512[:]) + ":"
	wrong := "sha-256=:" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + ":"
	for name, c := range map[string]struct {
		header string
		status int
		code   string
	}{
		"right":                    {"Content-Digest: " + right, 201, ""},
		"right among others":       {"Content-Digest: " + right512 + ", " + right, 201, ""},
		"right on the second line": {"Content-Digest: " + right512 + "\nContent-Digest: " + right, 201, ""},
		"another algorithm":        {"Content-Digest: " + right512, 201, ""},
		"an unknown algorithm":     {"Content-Digest: crc=:AAAA:", 201, ""},
		"empty":                    {"Content-Digest: ", 201, ""},
		"wrong":                    {"Content-Digest: " + wrong, 422, "digest_mismatch"},
		"wrong among others":       {"Content-Digest: " + right512 + "," + wrong, 422, "digest_mismatch"},
		"wrong on the second line": {"Content-Digest: " + right512 + "\nContent-Digest: " + wrong, 422, "digest_mismatch"},
		"too short":                {"Content-Digest: sha-256=:AAAA:", 400, "bad_digest"},
		"not in base64":            {"Content-Digest: sha-256=:!!!:", 400, "bad_digest"},
		"in hexadecimal":           {"Content-Digest: sha-256=:" + hex.EncodeToString(sum256[:]) + ":", 400, "bad_digest"},
		"without colons":           {"Content-Digest: " + strings.ReplaceAll(right, ":", ""), 400, "bad_digest"},
		"without a value":          {"Content-Digest: sha-256", 400, "bad_digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "/images/" + strings.ReplaceAll(name, " ", "-") + ".png"
			a := s.Do(t, "PUT", path, c.header, cat)
			if c.code == "" {
				a.Want(t, c.status)
				s.Do(t, "GET", path, "", "").WantImage(t, cat)
				return
			}
			a.Refusal(t, c.status, c.code)
			s.Do(t, "GET", path, "", "").Refusal(t, 404, "not_found")
		})
	}
}

// refusedByHeader are requests that are refused without their body.
var refusedByHeader = []struct {
	name, line, header string
	status             int
	code               string
}{
	{"too large", "PUT /images/new.png", "Content-Length: 1000001", 413, "too_large"},
	{"taken", "PUT /images/cat.png", "Content-Length: 1000\nIf-None-Match: *", 412, "precondition_failed"},
	{"changed", "PUT /images/cat.png", "Content-Length: 1000\nIf-Match: \"x\"", 412, "precondition_failed"},
	{"bad name", "PUT /images/a%2Fb.png", "Content-Length: 1000", 400, "bad_name"},
	{"no name", "PUT /images", "Content-Length: 1000", 400, "bad_name"},
	{"bad digest", "PUT /images/new.png", "Content-Length: 1000\nContent-Digest: sha-256=?", 400, "bad_digest"},
	{"a part", "PUT /images/new.png", "Content-Length: 1000\nContent-Range: bytes 0-999/2000", 400, "content_range"},
	{"encoded", "PUT /images/new.png", "Content-Length: 1000\nContent-Encoding: gzip", 415, "content_encoding"},
	{"an encoded form", "POST /upload", "Content-Length: 1000\nContent-Encoding: gzip\n" + apitest.FormType, 415, "content_encoding"},
	{"another site", "PUT /images/new.png", "Content-Length: 1000\nSec-Fetch-Site: cross-site", 403, "cross_origin"},
	{"no form", "POST /upload", "Content-Length: 1000\nContent-Type: image/png", 400, "not_a_form"},
	{"bad conflict", "POST /upload?conflict=x", "Content-Length: 1000\n" + apitest.FormType, 400, "bad_conflict"},
	{"no such method", "PATCH /images/cat.png", "Content-Length: 1000", 405, "http_405"},
	{"no such route", "PUT /elsewhere", "Content-Length: 1000", 404, "http_404"},
}

// TestExpectContinue checks that a client which waits for a "100 Continue" gets it, or gets
// an error without it.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{MaxUpload: 1_000_000}) // it waits for a client for a minute
	cat := apitest.Picture(t, 1, 0)
	s.Put(t, "/images/cat.png", cat)
	var conns []*apitest.Conn
	for _, c := range refusedByHeader { // all at once, in case the server waits
		conn := s.Dial(t)
		conn.Request(t, c.line, c.header+"\nExpect: 100-continue")
		conns = append(conns, conn)
	}
	for i, c := range refusedByHeader {
		t.Run(c.name, func(t *testing.T) {
			method, _, _ := strings.Cut(c.line, " ")
			// Answer would fail on a "100 Continue".
			conns[i].Answer(t, method).Refusal(t, c.status, c.code)
			if rest, err := io.ReadAll(conns[i].R); len(rest) > 0 || err != nil {
				t.Errorf("after the error: got %q, %v, want the connection closed", rest, err)
			}
		})
	}
	t.Run("taken in", func(t *testing.T) {
		conn := s.Dial(t)
		conn.Request(t, "PUT /images/new.png", fmt.Sprintf("Content-Length: %d\nExpect: 100-continue", len(cat)))
		conn.WantContinue(t)
		io.WriteString(conn, cat)
		conn.Answer(t, http.MethodPut).Want(t, http.StatusCreated)
		s.Do(t, "GET", "/images/new.png", "", "").WantImage(t, cat)
	})
}

// TestPutTruncated ends the connection before the end of the body.
func TestPutTruncated(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	cat := apitest.Picture(t, 1, 2<<20) // more than the store buffers
	for _, c := range []struct{ header, body string }{
		{fmt.Sprint("Content-Length: ", len(cat)), ""},
		{fmt.Sprint("Content-Length: ", len(cat)), cat[:100]},
		{fmt.Sprint("Content-Length: ", len(cat)), cat[:10_000]},
		{fmt.Sprint("Content-Length: ", len(cat)), cat[:len(cat)-1]},
		{"Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", len(cat), cat)}, // no last chunk
		{"Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s", len(cat), cat[:5000])},
		{"Transfer-Encoding: chunked", "no chunk\r\n"},
	} {
		conn := s.Dial(t)
		conn.Request(t, "PUT /images/cat.png", c.header)
		if _, err := io.WriteString(conn, c.body); err != nil {
			t.Fatal(err)
		}
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		conn.Answer(t, http.MethodPut).Refusal(t, http.StatusBadRequest, "cut_off")
	}
	if got := s.Stored(t); len(got) > 0 {
		t.Errorf("%q are stored, want nothing", got)
	}
}

// TestReset checks that the log blames the client, not the server, for a connection reset.
func TestReset(t *testing.T) {
	t.Parallel()
	store := reached{apitest.NewStore(t), make(chan struct{})}
	s := apitest.Serve(t, store, api.Options{})
	conn := s.Dial(t)
	conn.Request(t, "PUT /images/cat.png", "Content-Length: 1000000")
	io.WriteString(conn, apitest.Picture(t, 1, 10_000))
	<-store.put
	if err := conn.TCP.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	s.Log.Wait(t, `"level":"INFO"`, `"method":"PUT"`, `"status":400`)
}

// reached is a store that reports the first call of Put.
type reached struct {
	db.Store
	put chan struct{} // closed by Put
}

func (s reached) Put(ctx context.Context, name string, body io.Reader, o db.PutOptions) (db.Image, db.Outcome, error) {
	close(s.put)
	return s.Store.Put(ctx, name, body, o)
}

// TestPutEmpty checks that an empty body is refused.
func TestPutEmpty(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Do(t, "PUT", "/images/cat.png", "", "").Refusal(t, http.StatusBadRequest, "empty")
	s.Send(t, "PUT", "/images/cat.png", "", apitest.Chunked("")).Refusal(t, http.StatusBadRequest, "empty")
	s.Send(t, "PUT", "/images/cat.png", "", nil).Refusal(t, http.StatusBadRequest, "empty")
}
