package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/imaging/format"
	"imageserver/db"
)

// stall is how long the servers here wait for a client. In a bubble of testing/synctest it
// takes no real time.
const stall = 2 * time.Second

// TestStalledUpload checks that a client which stops sending gets an error, and that nothing
// is stored.
func TestStalledUpload(t *testing.T) {
	t.Parallel()
	cat := apitest.Picture(t, 1, 3<<20)
	body := apitest.Form(apitest.File("file", "cat.png", cat))
	post := apitest.FormType + fmt.Sprint("\nContent-Length: ", len(body))
	put := fmt.Sprint("Content-Length: ", len(cat))
	for _, c := range []struct{ name, line, header, sent string }{
		{"PUT, nothing", "PUT /images/cat.png", put, ""},
		{"PUT, 100 bytes", "PUT /images/cat.png", put, cat[:100]},
		{"PUT, all but one", "PUT /images/cat.png", put, cat[:len(cat)-1]},
		{"PUT, a small one", "PUT /images/cat.png", "Content-Length: 1000", cat[:999]},
		{"PUT, chunked", "PUT /images/cat.png", "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", 10_000, cat[:10_000])},
		{"POST, nothing", "POST /upload", post, ""},
		{"POST, 100 bytes", "POST /upload", post, body[:100]},
		{"POST, half of it", "POST /upload", post, body[:len(body)/2]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := apitest.NewPipeServer(t, api.Options{Stall: stall})
				conn := s.Dial(t)
				conn.Request(t, c.line, c.header)
				if _, err := io.WriteString(conn, c.sent); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				method, _, _ := strings.Cut(c.line, " ")
				conn.Answer(t, method).Refusal(t, http.StatusRequestTimeout, "too_slow")
				if took := time.Since(begin); took != stall {
					t.Errorf("the server waited for %v, want %v", took, stall)
				}
				if _, err := io.ReadAll(conn.R); err != nil {
					t.Errorf("after the error: %v, want the connection closed", err)
				}
				if got := s.Stored(t); len(got) > 0 {
					t.Errorf("%q are stored, want nothing", got)
				}
			})
		})
	}
}

// TestDrip checks that a byte now and then does not keep a connection open.
func TestDrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{Stall: stall})
		cat := apitest.Picture(t, 1, 1<<20)
		conn := s.Dial(t)
		conn.Request(t, "PUT /images/cat.png", fmt.Sprint("Content-Length: ", len(cat)))
		var sender sync.WaitGroup
		sender.Go(func() {
			for i := range len(cat) {
				if _, err := io.WriteString(conn, cat[i:i+1]); err != nil {
					return
				}
				time.Sleep(stall / 20)
			}
		})
		conn.Answer(t, http.MethodPut).Refusal(t, http.StatusRequestTimeout, "too_slow")
		conn.Close()
		sender.Wait()
	})
}

// TestSlowUpload checks that an upload which goes on may take longer than the server waits
// for one part of it.
func TestSlowUpload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{Stall: stall})
		const step = 128 << 10
		cat := apitest.Picture(t, 1, 10*step)
		for _, r := range []request{
			{"PUT", "/images/cat.png", "", cat},
			{"POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "dog.png", cat))},
		} {
			body, w := io.Pipe()
			var sender sync.WaitGroup
			sender.Go(func() {
				defer w.Close()
				for part := range slices.Chunk([]byte(r.body), step) {
					w.Write(part)
					time.Sleep(9 * stall / 10)
				}
			})
			s.Send(t, r.method, r.path, r.header, body).Want(t, http.StatusCreated)
			sender.Wait()
		}
	})
}

// TestStoppedReader checks that a client which stops reading is dropped, and that the handler
// ends. The sockets are real: there, the server asks the kernel for room.
func TestStoppedReader(t *testing.T) {
	t.Parallel()
	store := apitest.NewStore(t)
	content := apitest.Picture(t, 1, 16<<20) // more than the sockets buffer
	apitest.Serve(t, store, api.Options{}).Put(t, "/images/cat.png", content)
	s := apitest.Serve(t, store, api.Options{Stall: stall / 10})
	statuses := map[string]int{"": 200, "Range: bytes=1-": 206}
	for header := range statuses {
		conn := s.Dial(t)
		if err := conn.TCP.SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		conn.Request(t, "GET /images/cat.png", header)
	}
	for _, status := range statuses {
		wantCutOff(t, s, status, len(content)-1)
	}
}

// TestStoppedPipe is TestStoppedReader without room: the write itself waits.
func TestStoppedPipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{Stall: stall})
		content := apitest.Picture(t, 1, 1<<20)
		s.Put(t, "/images/cat.png", content)
		s.Dial(t).Request(t, "GET /images/cat.png", "")
		wantCutOff(t, s, http.StatusOK, len(content))
	})
}

// wantCutOff waits until a handler that responded with status ends, and checks that it sent
// fewer than size bytes.
func wantCutOff(t *testing.T, s *apitest.Server, status, size int) {
	t.Helper()
	var line struct{ Bytes int } // written when the handler ends
	if err := json.Unmarshal([]byte(s.Log.Wait(t, `"method":"GET"`, fmt.Sprintf(`"status":%d`, status))), &line); err != nil {
		t.Fatal(err)
	}
	if line.Bytes >= size {
		t.Errorf("the server sent %d bytes of %d, want fewer", line.Bytes, size)
	}
}

// TestSlowReader checks that a client which goes on reading gets the whole image.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{Stall: stall})
		content := apitest.Picture(t, 1, 3<<20)
		s.Put(t, "/images/cat.png", content)
		conn := s.Dial(t)
		conn.Request(t, "GET /images/cat.png", "")
		if got := readSlowly(t, conn); got != content {
			t.Errorf("got %d bytes, want %d", len(got), len(content))
		}
	})
}

// readSlowly reads the body of a response with pauses. Each is shorter than the stall time,
// and together they are longer.
func readSlowly(t *testing.T, conn *apitest.Conn) string {
	t.Helper()
	res, err := http.ReadResponse(conn.R, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for err == nil {
		time.Sleep(stall / 3) // a write of one chunk may span two pauses
		_, err = io.CopyN(&got, res.Body, 128<<10)
	}
	if err != io.EOF {
		t.Fatalf("after %d bytes: %v", got.Len(), err)
	}
	return got.String()
}

// TestUnreadBody checks that a request which is answered without its body does not wait for
// the body forever. The connection ends after the response.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line, header string
		status             int
	}{
		{"an upload without the token", "POST /upload", "Content-Length: 1000", 401},
		{"a PUT without the token", "PUT /images/cat.png", "Content-Length: 1000", 401},
		{"a large one", "PUT /images/cat.png", "Content-Length: 10000000", 401},
		{"one in chunks", "PUT /images/cat.png", "Transfer-Encoding: chunked", 401},
		{"a bad name", "PUT /images/a%2Fb", "Content-Length: 1000\nAuthorization: Bearer secret", 400},
		{"no such route", "POST /nowhere", "Content-Length: 1000", 404},
		{"a GET", "GET /livez", "Content-Length: 1000", 200},
		{"a GET in chunks", "GET /livez", "Transfer-Encoding: chunked", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := apitest.NewPipeServer(t, api.Options{Access: access.Options{Token: "secret"}, Stall: stall})
				conn := s.Dial(t)
				begin := time.Now()
				conn.Request(t, c.line, c.header)
				method, _, _ := strings.Cut(c.line, " ")
				conn.Answer(t, method).Want(t, c.status)
				if rest, err := io.ReadAll(conn.R); len(rest) > 0 || err != nil {
					t.Errorf("after the response: got %q, %v, want the connection closed", rest, err)
				}
				if took := time.Since(begin); took > 2*stall {
					t.Errorf("the connection ended after %v, want at most %v", took, 2*stall)
				}
			})
		})
	}
}

// TestPromptRefusal checks that a client which reads while it sends gets the whole error at
// once, and need not send the rest.
func TestPromptRefusal(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{MaxUpload: 1 << 20, Allow: []format.Type{format.PNG}}) // it waits for a client for a minute
	for _, c := range []struct {
		name, part string
		status     int
		code       string
	}{
		{"not an image", apitest.File("file", "notes.txt", strings.Repeat("x", 100_000)), 415, "not_an_image"},
		{"not allowed", apitest.File("file", "cat.gif", apitest.Sample(t, "gradient.gif")+strings.Repeat("x", 100_000)), 415, "not_allowed"},
		{"too large", apitest.File("file", "cat.png", apitest.Picture(t, 1, 2<<20)), 413, "too_large"},
		{"a long header", apitest.Part("X-Long: "+strings.Repeat("x", 2<<20), ""), 400, "bad_form"},
		{"a long text", apitest.Text("a", strings.Repeat("x", 2<<20)), 400, "bad_form"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for length, sent := range map[string]string{
				"Content-Length: 100000000":  "--" + apitest.Boundary + "\r\n" + c.part,
				"Transfer-Encoding: chunked": fmt.Sprintf("%x\r\n--%s\r\n%s\r\n", len(apitest.Boundary)+len(c.part)+4, apitest.Boundary, c.part),
			} {
				conn := s.Dial(t)
				conn.Request(t, "POST /upload", apitest.FormType+"\n"+length)
				if _, err := io.WriteString(conn, sent); err != nil {
					t.Fatal(err)
				}
				conn.Answer(t, http.MethodPost).Refusal(t, c.status, c.code)
			}
		})
	}
}

// TestRefusedGoesOn checks that a client which is refused cannot send forever.
func TestRefusedGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{Stall: stall})
		conn := s.Dial(t)
		conn.Request(t, "POST /nowhere", "Content-Length: 1000000000")
		go io.Copy(io.Discard, conn.R) // the response
		more := make([]byte, 128<<10)
		for begin := time.Now(); ; time.Sleep(stall / 5) {
			if _, err := conn.Write(more); err != nil {
				return
			}
			if took := time.Since(begin); took > 2*stall {
				t.Fatalf("the server reads on after %v, want it to end", took)
			}
		}
	})
}

// TestReadableRefusal checks that a client which reads only after it has sent everything,
// as browsers do, gets the error.
func TestReadableRefusal(t *testing.T) {
	t.Parallel()
	const limit = 4 << 20
	s := apitest.NewServer(t, api.Options{MaxUpload: limit})
	guarded := apitest.NewServer(t, api.Options{Access: access.Options{Token: "secret"}, MaxUpload: limit})
	strict := apitest.NewServer(t, api.Options{MaxUpload: limit / 8}) // smaller than a photo of a phone
	large := apitest.Picture(t, 1, 3*limit)                           // more than the sockets buffer
	body := apitest.Form(apitest.File("file", "cat.png", large))
	chunks := func(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }
	for _, c := range []struct {
		name                     string
		s                        *apitest.Server
		method, path, head, body string
		status                   int
		code                     string
	}{
		{"POST", s, "POST", "/upload", apitest.FormType, body, 413, "too_large"},
		{"PUT", s, "PUT", "/images/cat.png", "", large, 413, "too_large"},
		{"a small limit", strict, "POST", "/upload", apitest.FormType, body, 413, "too_large"},
		{"not an image", s, "POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "notes.txt", strings.Repeat("x", limit)), apitest.File("file", "cat.png", large)), 415, "not_an_image"},
		{"no form", s, "POST", "/upload", "", large, 400, "not_a_form"},
		{"no token", guarded, "POST", "/upload", apitest.FormType, body, 401, "token"},
		{"another site", s, "PUT", "/images/cat.png", "Sec-Fetch-Site: cross-site", large, 403, "cross_origin"},
		{"no such route", s, "POST", "/nowhere", "", large, 404, "http_404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for length, sent := range map[string]string{fmt.Sprint("Content-Length: ", len(c.body)): c.body, "Transfer-Encoding: chunked": chunks(c.body)} {
				conn := c.s.Dial(t)
				conn.Request(t, c.method+" "+c.path, strings.TrimSuffix(length+"\n"+c.head, "\n"))
				if n, err := io.WriteString(conn, sent); err != nil {
					t.Fatalf("%s: sent %d of %d bytes: %v", length, n, len(sent), err)
				}
				conn.Answer(t, c.method).Refusal(t, c.status, c.code)
			}
			c.s.Do(t, c.method, c.path, c.head, c.body).Refusal(t, c.status, c.code)
			c.s.Send(t, c.method, c.path, c.head, apitest.Chunked(c.body)).Refusal(t, c.status, c.code)
		})
	}
}

// TestKeepAlive checks that a connection stays open after bodies that were read to their
// end, and after small refused ones.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	cat := apitest.Picture(t, 1, 0)
	s.Put(t, "/images/cat.png", cat)
	conn := s.Dial(t)
	for _, c := range []struct {
		method, path, header, body string
		status                     int
	}{
		{"GET", "/images/cat.png", "", "", 200},
		{"GET", "/images/cat.png", "If-None-Match: *", "", 304},
		{"GET", "/images/none.png", "", "", 404},
		{"HEAD", "/images/none.png", "", "", 404},
		{"PUT", "/images/notes.png", "", "not an image", 415},
		{"PUT", "/images/notes.png", "", strings.Repeat("not an image ", 10000), 415},
		{"PUT", "/images/a%2Fb", "", cat, 400},
		{"PUT", "/images/cat.png", "If-None-Match: *", cat, 412},
		{"POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "notes.txt", "not an image")), 415},
		{"POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "notes.txt", "not an image"), apitest.Text("a", strings.Repeat("x", 100_000))), 415},
		{"POST", "/upload", "", "no form", 400},
		{"POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "dog.png", cat)), 201},
		{"DELETE", "/images/dog.png", "", "", 204},
		{"POST", "/nowhere", "", "body", 404},
	} {
		conn.Request(t, c.method+" "+c.path, strings.TrimSuffix(fmt.Sprintf("Content-Length: %d\n%s", len(c.body), c.header), "\n"))
		if _, err := io.WriteString(conn, c.body); err != nil {
			t.Fatalf("%s %s: %v", c.method, c.path, err)
		}
		a := conn.Answer(t, c.method).Want(t, c.status)
		a.WantHeader(t, "Connection", "")
	}
}

// TestPipelining sends requests before it reads the responses to earlier ones.
func TestPipelining(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	small, large := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 1<<20)
	s.Put(t, "/images/small.png", small)
	s.Put(t, "/images/large.png", large)
	conn := s.Dial(t)
	for _, path := range []string{"small", "large", "none", "small"} {
		conn.Request(t, "GET /images/"+path+".png", "")
	}
	conn.Request(t, "PUT /images/new.png", fmt.Sprint("Content-Length: ", len(small)))
	io.WriteString(conn, small)
	conn.Request(t, "GET /images/new.png", "")
	conn.Answer(t, http.MethodGet).WantImage(t, small)
	conn.Answer(t, http.MethodGet).WantImage(t, large)
	conn.Answer(t, http.MethodGet).Refusal(t, http.StatusNotFound, "not_found")
	conn.Answer(t, http.MethodGet).WantImage(t, small)
	conn.Answer(t, http.MethodPut).Want(t, http.StatusCreated)
	conn.Answer(t, http.MethodGet).WantImage(t, small)
}

// TestSlowStore checks that the time which the store takes does not count as a stall.
func TestSlowStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.ServePipes(t, slowStore{apitest.NewStore(t), 3 * stall}, api.Options{Stall: stall}, 1)
		cat := apitest.Picture(t, 1, 0)
		s.Put(t, "/images/cat.png", cat)
		s.Upload(t, apitest.File("file", "dog.png", cat)).Want(t, http.StatusCreated)
	})
}

// slowStore waits in Put after it has read everything.
type slowStore struct {
	db.Store
	wait time.Duration
}

func (s slowStore) Put(ctx context.Context, name string, body io.Reader, o db.PutOptions) (db.Image, db.Outcome, error) {
	content, err := io.ReadAll(body)
	if err != nil {
		return db.Image{}, 0, err
	}
	select {
	case <-time.After(s.wait):
	case <-ctx.Done():
		return db.Image{}, 0, ctx.Err()
	}
	return s.Store.Put(ctx, name, bytes.NewReader(content), o)
}

// TestIdleConnection checks that the deadlines of one request do not hold for the next.
func TestIdleConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{Stall: stall})
		cat := apitest.Picture(t, 1, 0)
		conn := s.Dial(t)
		conn.Request(t, "PUT /images/cat.png", fmt.Sprint("Content-Length: ", len(cat)))
		io.WriteString(conn, cat)
		conn.Answer(t, http.MethodPut).Want(t, http.StatusCreated)
		for _, c := range []struct {
			method, header string
			status         int
		}{{"GET", "", 200}, {"GET", "If-None-Match: *", 304}, {"HEAD", "", 200}, {"DELETE", "", 204}} {
			time.Sleep(3 * stall)
			conn.Request(t, c.method+" /images/cat.png", c.header)
			conn.Answer(t, c.method).Want(t, c.status)
		}
	})
}
