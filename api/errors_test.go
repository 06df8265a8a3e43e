package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/db"
)

// brokenStore fails with err. Without err it panics.
type brokenStore struct {
	db.Store
	err error
}

func (s brokenStore) fail() error {
	if s.err == nil {
		panic("the disk is on fire")
	}
	return s.err
}

func (s brokenStore) Put(context.Context, string, io.Reader, db.PutOptions) (db.Image, db.Outcome, error) {
	return db.Image{}, 0, s.fail()
}
func (s brokenStore) Get(context.Context, string) (db.Image, db.Body, error) {
	return db.Image{}, nil, s.fail()
}
func (s brokenStore) Stat(context.Context, string) (db.Image, error) { return db.Image{}, s.fail() }
func (s brokenStore) List(context.Context, db.ListOptions) ([]db.Image, string, error) {
	return nil, "", s.fail()
}
func (s brokenStore) Delete(context.Context, string, db.DeleteOptions) error { return s.fail() }

// storeRequests returns the requests that use the store.
func storeRequests(t testing.TB) map[string]request {
	t.Helper()
	cat := apitest.Picture(t, 1, 0)
	return map[string]request{
		"upload":  {"POST", "/upload", apitest.FormType, apitest.Form(apitest.File("file", "cat.png", cat))},
		"put":     {"PUT", "/images/cat.png", "", cat},
		"put new": {"PUT", "/images/cat.png", "If-None-Match: *", cat},
		"delete":  {"DELETE", "/images/cat.png", "", ""},
		"list":    {"GET", "/images", "", ""},
		"find":    {"GET", "/images?name=cat.png", "", ""},
		"archive": {"POST", "/archive", namesType, namesForm("cat.png")},
		"get":     {"GET", "/images/cat.png", "", ""},
		"head":    {"HEAD", "/images/cat.png", "", ""},
	}
}

// TestInternalErrors checks that a failure of the server is in the log but not in the
// response.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	for what, store := range map[string]brokenStore{
		"an error": {err: errors.New("the disk is on fire")},
		"a panic":  {},
	} {
		for which, r := range storeRequests(t) {
			t.Run(which+" "+what, func(t *testing.T) {
				t.Parallel()
				s := apitest.Serve(t, store, api.Options{})
				a := s.Do(t, r.method, r.path, "Origin: https://app.example\nSec-Fetch-Site: same-origin\n"+r.header, r.body).Want(t, http.StatusInternalServerError)
				if r.method != "HEAD" {
					a.Refusal(t, http.StatusInternalServerError, "internal")
				}
				if strings.Contains(a.Body, "fire") {
					t.Errorf("%s contains internal details", a)
				}
				if which != "list" && which != "find" && which != "archive" {
					a.WantHeader(t, "Access-Control-Allow-Origin", "*")
				}
				if line := s.Log.Wait(t, "fire"); !strings.Contains(line, `"level":"ERROR"`) {
					t.Errorf("logged as %s, want an error", line)
				}
				s.Log.Wait(t, `"status":500`)
				s.Do(t, "GET", "/livez", "", "").Want(t, http.StatusOK) // and the server still works
			})
		}
	}
}

// TestStoreErrors checks the status and the code for the errors of the store. The rest of
// their text is not for the client.
func TestStoreErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
		retry  string
	}{
		{db.ErrFull, 507, "full", ""},
		{db.ErrBusy, 503, "busy", "5"},
		{db.ErrUnavailable, 503, "unavailable", "5"},
		{db.ErrDatabase, 503, "unavailable", "5"},
		{db.ErrBucket, 503, "unavailable", "5"},
		{&db.LimitError{Limit: 1 << 30}, 507, "full", ""},
		{db.ErrReadOnly, 503, "read_only", "5"},
		{db.ErrClosed, 503, "draining", "5"},
		{db.ErrDamaged, 500, "damaged", ""},
	} {
		s := apitest.Serve(t, brokenStore{err: fmt.Errorf("%w: /var/lib/images.db of keeper at db.internal:5432, bucket photos/a", c.err)}, api.Options{})
		for which, r := range storeRequests(t) {
			t.Run(which+" "+c.err.Error(), func(t *testing.T) {
				t.Parallel()
				a := s.Do(t, r.method, r.path, r.header, r.body).Want(t, c.status)
				a.WantHeader(t, "Retry-After", c.retry)
				if r.method == "HEAD" {
					return
				}
				a.Refusal(t, c.status, c.code)
				for _, detail := range []string{"/var/lib", "keeper", "db.internal", "photos"} {
					if strings.Contains(a.Body, detail) {
						t.Errorf("the response contains %s: %s", detail, a.Body)
					}
				}
			})
		}
	}
}

// TestRoutes requests paths and methods that do not exist.
func TestRoutes(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nowhere", 404},
		{"POST", "/nowhere", 404},
		{"GET", "/images.json", 404},
		{"GET", "/%69mages/cat.png", 404},
		{"GET", "//images/cat.png", 404},
		{"POST", "/upload/", 404},
		{"POST", "/UPLOAD", 404},
		{"GET", "/upload", 405},
		{"PUT", "/upload", 405},
		{"DELETE", "/upload", 405},
		{"POST", "/images", 405},
		{"POST", "/images/cat.png", 405},
		{"PATCH", "/images/cat.png", 405},
		{"POST", "/", 405},
		{"DELETE", "/", 405},
		{"POST", "/livez", 405},
		{"BREW", "/images/cat.png", 405},
	} {
		a := s.Do(t, c.method, c.path, "", "")
		a.Refusal(t, c.status, fmt.Sprint("http_", c.status))
		if c.status == 405 && a.Header.Get("Allow") == "" {
			t.Errorf("%s %s: a 405 without Allow", c.method, c.path)
		}
	}
	for _, path := range []string{"/", "/favicon.ico", "/ui/main.en.js"} {
		s.Do(t, "GET", path, "", "").Want(t, http.StatusOK)
		s.Do(t, "HEAD", path, "", "").Want(t, http.StatusOK)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	paths := []string{"/livez", "/readyz", "/healthz"}
	s := apitest.NewServer(t, api.Options{})
	for _, path := range paths {
		s.Do(t, "GET", path, "", "").Success(t, http.StatusOK)
	}

	for err, says := range map[error]string{
		db.ErrReadOnly:                  "storage has failed",
		db.ErrUnavailable:               "cannot reach its storage",
		db.ErrDatabase:                  "The database cannot be reached.",
		db.ErrBucket:                    "The bucket cannot be reached.",
		errors.New("read the file"):     "The store is not ready.",
		fmt.Errorf("%w", db.ErrDamaged): "The store is not ready.",
	} {
		broken := apitest.Serve(t, unready{s.Store, fmt.Errorf("%w: host db.internal", err)}, api.Options{Access: access.Options{Token: "secret"}})
		broken.Do(t, "GET", "/livez", "", "").Want(t, http.StatusOK)
		for _, path := range paths[1:] {
			a := broken.Do(t, "GET", path, "", "")
			got := a.Refusal(t, http.StatusServiceUnavailable, "not_ready")
			if !strings.Contains(got.Message, says) || strings.Contains(a.Body, "db.internal") {
				t.Errorf("%v: the message is %q, want it to say %q", err, got.Message, says)
			}
			a.WantHeader(t, "Retry-After", "5")
			broken.Log.Wait(t, "not ready", "db.internal")
		}
	}

	handler := api.New(s.Store, http.NotFoundHandler(), api.Options{Log: slog.New(slog.DiscardHandler)})
	draining := apitest.Listen(t, handler, *apitest.Secure)
	draining.Do(t, "GET", "/readyz", "", "").Want(t, http.StatusOK)
	handler.Drain()
	draining.Do(t, "GET", "/livez", "", "").Want(t, http.StatusOK)
	for _, path := range paths[1:] {
		draining.Do(t, "GET", path, "", "").Refusal(t, http.StatusServiceUnavailable, "draining")
	}
	draining.Put(t, "/images/cat.png", apitest.Picture(t, 1, 0)) // requests are still served
}

type unready struct {
	db.Store
	err error
}

func (s unready) Ready(context.Context) error { return s.err }

// TestLog checks that every request has a line in the log, except health checks.
func TestLog(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{Token: "s3cret"}})
	for _, path := range []string{"/livez", "/readyz", "/healthz"} {
		s.Do(t, "GET", path, "", "")
	}
	s.Do(t, "PUT", "/images/my%20cat.png", "Authorization: Bearer s3cret", apitest.Picture(t, 1, 0)).Want(t, http.StatusCreated)
	s.Do(t, "GET", "/images/none%0Aforged.png?v=1", "Authorization: Bearer s3cret", "").Want(t, http.StatusBadRequest)
	s.Log.Wait(t, `"level":"INFO"`, `"method":"PUT"`, `"path":"/images/my cat.png"`, `"status":201`, `"duration_ms":`)
	s.Log.Wait(t, `"level":"INFO"`, `"method":"GET"`, `"path":"/images/none\nforged.png"`, `"status":400`, `"err":`)
	if log := s.Log.String(); strings.Contains(log, "livez") || strings.Contains(log, "readyz") || strings.Contains(log, "healthz") {
		t.Error("health checks are logged")
	} else if strings.Contains(log, "s3cret") {
		t.Error("the token is logged")
	}
}

// TestDamagedImage checks that wrong bytes are never sent. Damage found at the start gives
// an error. Damage found later cuts the response off.
func TestDamagedImage(t *testing.T) {
	t.Parallel()
	store := apitest.NewStore(t)
	content := apitest.Picture(t, 1, 1<<20)
	apitest.Serve(t, store, api.Options{}).Put(t, "/images/cat.png", content)
	for _, c := range []struct {
		name, header string
		good         int64 // bytes before the damage
	}{
		{"at once", "", 0},
		{"at once, a part", "Range: bytes=0-99", 0},
		{"at once, a download", "", 0},
		{"in the middle", "", 400 << 10},
		{"in the middle of a part", "Range: bytes=100-900000", 400 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := apitest.Serve(t, damagedStore{store, c.good}, api.Options{})
			a, err := s.Try(t, "GET", "/images/cat.png?download", c.header, nil)
			if c.good == 0 {
				if err != nil {
					t.Fatal(err)
				}
				a.Refusal(t, http.StatusInternalServerError, "damaged")
				a.WantHeader(t, "Content-Range", "")
				s.Log.Wait(t, "chunk 0", `"level":"ERROR"`)
				return
			}
			if !cutOff(err) {
				t.Errorf("got %s, %v, want it cut off", a, err)
			}
			s.Log.Wait(t, "cat.png", "chunk 0", `"level":"ERROR"`)
		})
	}
}

// cutOff reports whether an error means that the server did not send the end of a response.
func cutOff(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || *apitest.Secure && strings.Contains(fmt.Sprint(err), "INTERNAL_ERROR; received from peer")
}

// damagedStore finds every image damaged after its first good bytes.
type damagedStore struct {
	db.Store
	good int64
}

func (s damagedStore) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	img, body, err := s.Store.Get(ctx, name)
	return img, &damagedBody{Body: body, good: s.good}, err
}

type damagedBody struct {
	db.Body
	good int64
}

var errChunk = fmt.Errorf("%w: chunk 0", db.ErrDamaged)

func (b *damagedBody) Read(p []byte) (int, error) {
	if b.good == 0 {
		return 0, errChunk
	}
	n, err := b.Body.Read(p[:min(int64(len(p)), b.good)])
	b.good -= int64(n)
	return n, err
}

func (b *damagedBody) WriteTo(w io.Writer) (int64, error) { return b.WriteN(w, b.good) }

func (b *damagedBody) WriteN(w io.Writer, _ int64) (int64, error) {
	n, err := io.CopyN(w, b.Body, b.good)
	if err == nil {
		err = errChunk
	}
	return n, err
}
