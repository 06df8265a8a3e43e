package api_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/db"
)

const namesType = "Content-Type: application/x-www-form-urlencoded"

// archive requests an archive of these images.
func archive(t testing.TB, s *apitest.Server, names ...string) apitest.Answer {
	t.Helper()
	return s.Do(t, "POST", "/archive", namesType, namesForm(names...))
}

func namesForm(names ...string) string { return url.Values{"name": names}.Encode() }

// unzip checks that the response is an archive and returns its files.
func unzip(t testing.TB, a apitest.Answer) []*zip.File {
	t.Helper()
	a.Want(t, http.StatusOK)
	z, err := zip.NewReader(strings.NewReader(a.Body), int64(len(a.Body)))
	if err != nil {
		t.Fatal(err)
	}
	return z.File
}

// wantFile checks the content of a file in an archive. The reader checks its CRC-32.
func wantFile(t testing.TB, f *zip.File, content string) {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || string(got) != content {
		t.Errorf("%s: got %d bytes, %v, want the %d of the image", f.Name, len(got), err, len(content))
	}
}

func TestArchive(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	contents := map[string]string{
		"cat.png":                apitest.Picture(t, 1, 0),
		"写真 🌄.png":               apitest.Picture(t, 2, 3<<20+17), // many chunks
		"a+b & c=d;e%f.png":      apitest.Picture(t, 3, 1000),
		"café.png":               apitest.Picture(t, 4, 131035), // one chunk
		"Cat.png":                apitest.Picture(t, 5, 0),      // Windows cannot store both this and cat.png
		"10:30.png":              apitest.Picture(t, 7, 0),      // Windows cannot store this name
		strings.Repeat("é", 127): apitest.Picture(t, 6, 0),
	}
	stored := map[string]apitest.Reply{}
	for name, content := range contents {
		stored[name] = s.Put(t, "/images/"+url.PathEscape(name), content)
	}
	names := []string{"写真 🌄.png", "cat.png", "café.png", "Cat.png", "10:30.png", strings.Repeat("é", 127), "a+b & c=d;e%f.png"}
	want := slices.Clone(names)
	want[3], want[4] = "Cat-2.png", "10_30.png"
	a := archive(t, s, append(names, "cat.png", "cafe\u0301.png")...) // with two names twice
	a.WantHeaders(t, "Content-Type: application/zip\nCache-Control: no-store\nX-Content-Type-Options: nosniff")
	if got := a.Header.Get("Content-Disposition"); !regexp.MustCompile(`^attachment; filename="images-20\d\d-\d\d-\d\d-\d{6}\.zip"$`).MatchString(got) {
		t.Errorf("Content-Disposition: got %q", got)
	}
	var got []string
	for i, f := range unzip(t, a) {
		got = append(got, f.Name)
		wantFile(t, f, contents[names[i]])
		if f.Method != zip.Store || f.NonUTF8 {
			t.Errorf("%s: got method %d, not UTF-8 %t, want no compression, and UTF-8", f.Name, f.Method, f.NonUTF8)
		}
		if at := stored[names[i]].UploadedAt.Truncate(time.Second); !f.Modified.Equal(at) {
			t.Errorf("%s: modified %v, want when it was uploaded, %v", f.Name, f.Modified, at)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestArchiveRefused checks that errors are found before the first byte of an archive is
// sent.
func TestArchiveRefused(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 0))
	thousand := slices.Repeat([]string{"cat.png"}, 1000)
	longest := slices.Repeat([]string{strings.Repeat("é", 127)}, 1000)
	for what, c := range map[string]struct {
		header, body string
		status       int
		code         string
	}{
		"nothing":       {namesType, "", 400, "no_file"},
		"other fields":  {namesType, "names=cat.png&file=cat.png", 400, "no_file"},
		"no name":       {namesType, "name=", 400, "bad_name"},
		"a bad name":    {namesType, namesForm("cat.png", "../cat.png"), 400, "bad_name"},
		"a bad escape":  {namesType, "name=cat.png&name=%zz", 400, "bad_form"},
		"a semicolon":   {namesType, "name=cat.png;name=dog.png", 400, "bad_form"},
		"one too many":  {namesType, namesForm(append(thousand, "cat.png")...), 400, "too_many_files"},
		"the most":      {namesType, namesForm(longest...), 404, "not_found"},
		"too long":      {namesType, "x=" + strings.Repeat("x", 1<<20), 413, "too_large"},
		"a JSON":        {"Content-Type: application/json", `{"name": ["cat.png"]}`, 400, "not_a_form"},
		"an upload":     {apitest.FormType, apitest.Form(apitest.Text("name", "cat.png")), 400, "not_a_form"},
		"no type":       {"", namesForm("cat.png"), 400, "not_a_form"},
		"a missing one": {namesType, namesForm("cat.png", "first.png", "second.png"), 404, "not_found"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got := s.Do(t, "POST", "/archive", c.header, c.body).Refusal(t, c.status, c.code)
			if what == "a missing one" && (!strings.Contains(got.Message, "first.png") || strings.Contains(got.Message, "second.png")) {
				t.Errorf("got the message %q, want it to name the first", got.Message)
			}
		})
	}
	if files := unzip(t, archive(t, s, thousand...)); len(files) != 1 {
		t.Errorf("one image a thousand times: got %d files, want 1", len(files))
	}
	for _, method := range []string{"GET", "HEAD", "PUT"} {
		a := s.Do(t, method, "/archive", "", "").Want(t, http.StatusMethodNotAllowed)
		a.WantHeader(t, "Allow", "OPTIONS, POST")
	}
	c := s.Dial(t)
	c.Request(t, "POST /archive", namesType+"\nContent-Length: 100")
	io.WriteString(c, "name=cat.png")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.Answer(t, http.MethodPost).Refusal(t, http.StatusBadRequest, "cut_off")
}

// TestArchiveDamaged checks that an archive never lacks an image. Damage found at the start
// gives an error. Damage found later cuts the response off.
func TestArchiveDamaged(t *testing.T) {
	t.Parallel()
	store := apitest.NewStore(t)
	whole := apitest.Serve(t, store, api.Options{})
	for i, name := range []string{"a.png", "b.png", "c.png"} {
		whole.Put(t, "/images/"+name, apitest.Picture(t, uint64(i), 300<<10))
	}
	for what, c := range map[string]struct {
		damaged string
		good    int64
	}{
		"at once":        {"a.png", 0},
		"in the first":   {"a.png", 200 << 10},
		"in the middle":  {"b.png", 200 << 10},
		"the last":       {"c.png", 0},
		"its last bytes": {"c.png", 300<<10 - 1},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := apitest.Serve(t, oneDamaged{store, c.damaged, c.good}, api.Options{})
			a, err := s.Try(t, "POST", "/archive", namesType, strings.NewReader(namesForm("a.png", "b.png", "c.png")))
			if what == "at once" {
				if err != nil {
					t.Fatal(err)
				}
				a.Refusal(t, http.StatusInternalServerError, "damaged")
			} else if !cutOff(err) {
				t.Errorf("got %s, %v, want it cut off", a, err)
			}
			s.Log.Wait(t, c.damaged, "chunk 0", `"level":"ERROR"`)
		})
	}
}

// oneDamaged is a store that finds one image damaged after its first good bytes.
type oneDamaged struct {
	db.Store
	name string
	good int64
}

func (s oneDamaged) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	if name == s.name {
		return damagedStore{s.Store, s.good}.Get(ctx, name)
	}
	return s.Store.Get(ctx, name)
}

// TestArchiveChanges checks that an archive has the images which existed when it was
// requested, and that the server reads one image at a time.
func TestArchiveChanges(t *testing.T) {
	t.Parallel()
	store := &watched{Store: apitest.NewStore(t)}
	s := apitest.Serve(t, store, api.Options{})
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("%d.png", i))
		s.Put(t, "/images/"+names[i], apitest.Picture(t, uint64(i), 200<<10))
	}
	store.begins = func() {
		for _, name := range names[1:] {
			if err := store.Delete(context.Background(), name, db.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}
	}
	files := unzip(t, archive(t, s, names...))
	if len(files) != len(names) {
		t.Fatalf("got %d files, want %d", len(files), len(names))
	}
	for i, f := range files {
		wantFile(t, f, apitest.Picture(t, uint64(i), 200<<10))
	}
	archive(t, s, names...).Refusal(t, http.StatusNotFound, "not_found")
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.most != 1 || len(store.open) > 0 {
		t.Errorf("%d images were read at a time, and %d are still open, want 1 and none", store.most, len(store.open))
	}
}

// watched is a store that records which bodies are open and which have been read.
type watched struct {
	db.Store
	begins func() // called once, before the first read

	mu   sync.Mutex
	open map[*watchedBody]bool // whether it has been read
	most int                   // read and open at a time
}

type watchedBody struct {
	db.Body
	s *watched
}

func (s *watched) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	img, body, err := s.Store.Get(ctx, name)
	if err != nil {
		return img, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*watchedBody]bool{}
	}
	b := &watchedBody{body, s}
	s.open[b] = false
	return img, b, nil
}

func (b *watchedBody) WriteTo(w io.Writer) (int64, error) {
	b.s.mu.Lock()
	if b.s.begins != nil {
		b.s.begins()
		b.s.begins = nil
	}
	b.s.open[b] = true
	n := 0
	for _, read := range b.s.open {
		if read {
			n++
		}
	}
	b.s.most = max(b.s.most, n)
	b.s.mu.Unlock()
	return b.Body.WriteTo(w)
}

func (b *watchedBody) Close() error {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	delete(b.s.open, b)
	return b.Body.Close()
}

// TestArchiveGone checks that an archive ends when its client leaves or stops reading.
func TestArchiveGone(t *testing.T) {
	t.Parallel()
	for what, leaves := range map[string]bool{"leaves": true, "stops reading": false} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &watched{Store: apitest.NewStore(t)}
				s := apitest.ServePipes(t, store, api.Options{Stall: stall}, 1)
				for i := range 3 {
					s.Put(t, fmt.Sprintf("/images/%d.png", i), apitest.Picture(t, 1, 1<<20))
				}
				c := requestArchive(t, s, "0.png", "1.png", "2.png")
				if _, err := c.R.Peek(100); err != nil {
					t.Fatal(err)
				}
				if leaves {
					c.Close()
				}
				s.Log.Wait(t, `"path":"/archive"`, "send archive") // the line is written when the handler ends
				store.mu.Lock()
				defer store.mu.Unlock()
				if store.most != 1 || len(store.open) > 0 {
					t.Errorf("%d images are still open, want none", len(store.open))
				}
			})
		})
	}
}

// requestArchive requests an archive of the images on a new connection.
func requestArchive(t *testing.T, s *apitest.Server, names ...string) *apitest.Conn {
	t.Helper()
	c, body := s.Dial(t), namesForm(names...)
	c.Request(t, "POST /archive", fmt.Sprintf("%s\nContent-Length: %d", namesType, len(body)))
	if _, err := io.WriteString(c, body); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSlowArchive checks that a client which reads slowly gets the whole archive.
func TestSlowArchive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{Stall: stall})
		content := apitest.Picture(t, 1, 1<<20)
		s.Put(t, "/images/0.png", content)
		s.Put(t, "/images/1.png", content)
		got := readSlowly(t, requestArchive(t, s, "0.png", "1.png"))
		for _, f := range unzip(t, (apitest.Answer{Status: http.StatusOK, Body: got})) {
			wantFile(t, f, content)
		}
	})
}
