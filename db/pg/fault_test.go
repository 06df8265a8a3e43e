package pg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"imageserver/api"
	"imageserver/api/apitest"
	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// rig is a store with a proxy before its database and another before its bucket.
type rig struct {
	*pg.Store
	database, bucket *pgtest.Proxy
	s3               *trouble
	objects          *s3mem.Backend
	server           *apitest.Server
	schema           string
}

// trouble is an S3 server that can answer with an error.
type trouble struct {
	next   http.Handler
	status atomic.Int64 // of the answers; 0 means no error
	times  atomic.Int64 // how many answers are errors
}

func (f *trouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := f.status.Load(); status != 0 && f.times.Add(-1) >= 0 {
		w.WriteHeader(int(status))
		fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>Trouble%d</Code><Message>Trouble.</Message></Error>`, status)
		return
	}
	f.next.ServeHTTP(w, r)
}

// answer makes the next n answers errors.
func (f *trouble) answer(status, n int64) {
	f.times.Store(n)
	f.status.Store(status)
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{database: pgtest.NewProxy(t, pgtest.Shared(t).Addr)}
	_, r.objects = fakeS3(t)
	r.s3 = &trouble{next: gofakes3.New(r.objects, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()}
	s3 := httptest.NewServer(r.s3)
	t.Cleanup(s3.Close)
	r.bucket = pgtest.NewProxy(t, strings.TrimPrefix(s3.URL, "http://"))
	o := pg.Options{Endpoint: "http://" + r.bucket.Addr, Poll: time.Hour}
	o.Impatient()
	r.schema = schemaOf(t, pgtest.URL(t, ""))
	r.Store = openWith(t, pgtest.URLAt(r.database.Addr, "bucket=pictures&schema="+r.schema), o)
	r.server = apitest.Serve(t, r.Store, api.Options{})
	return r
}

// TestFaults breaks the database or the bucket in each way, while the server runs. All
// answers are clear, everything works again when the part does, and nothing that was
// acknowledged is lost.
func TestFaults(t *testing.T) {
	t.Parallel()
	pgtest.Shared(t)
	refuse := func(p *pgtest.Proxy) { p.Refuse(); p.CutAll() }
	for _, c := range []struct {
		name, part string
		begin      func(r *rig)
		end        func(r *rig)
	}{
		{"database refused", "database", func(r *rig) { refuse(r.database) }, func(r *rig) { r.database.Pass() }},
		{"database stalled", "database", func(r *rig) { r.database.Stall() }, func(r *rig) { r.database.Pass() }},
		{"bucket refused", "bucket", func(r *rig) { refuse(r.bucket) }, func(r *rig) { r.bucket.Pass() }},
		{"bucket stalled", "bucket", func(r *rig) { r.bucket.Stall() }, func(r *rig) { r.bucket.Pass() }},
		{"bucket 500", "bucket", func(r *rig) { r.s3.answer(500, 1000) }, func(r *rig) { r.s3.answer(0, 0) }},
		{"bucket 503", "bucket", func(r *rig) { r.s3.answer(503, 1000) }, func(r *rig) { r.s3.answer(0, 0) }},
		{"bucket 409", "bucket", func(r *rig) { r.s3.answer(409, 1000) }, func(r *rig) { r.s3.answer(0, 0) }},
		{"bucket 403", "bucket", func(r *rig) { r.s3.answer(403, 1000) }, func(r *rig) { r.s3.answer(0, 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.server
			known, fresh := apitest.Picture(t, 1, 20_000), apitest.Picture(t, 2, 20_000)
			s.Put(t, "/images/known.png", known)
			c.begin(r)

			unavailable := func(a apitest.Answer) {
				t.Helper()
				a.Refusal(t, 503, "unavailable")
				a.WantHeader(t, "Retry-After", "5")
				for _, detail := range []string{"127.0.0.1", pgtest.User, "pictures", "SQLSTATE"} {
					if strings.Contains(a.Body, detail) {
						t.Errorf("the response contains %s: %s", detail, a.Body)
					}
				}
			}
			unavailable(s.Do(t, "PUT", "/images/fresh.png", "", fresh))
			unavailable(s.Do(t, "GET", "/images/known.png", "", ""))
			a := s.Do(t, "GET", "/readyz", "", "")
			if a.Refusal(t, 503, "not_ready"); !strings.Contains(a.Body, "The "+c.part+" cannot be reached.") || strings.Contains(a.Body, "127.0.0.1") {
				t.Errorf("/readyz is %q, want it to name the %s and no address", a.Body, c.part)
			}
			s.Do(t, "GET", "/livez", "", "").Want(t, 200)
			if c.part == "bucket" { // what needs no bytes goes on
				s.Do(t, "HEAD", "/images/known.png", "", "").Want(t, 200)
				s.Do(t, "GET", "/images/known.png", "If-None-Match: "+apitest.ETag(known), "").Want(t, 304)
				s.Do(t, "GET", "/images", "", "").Want(t, 200)
			} else {
				unavailable(s.Do(t, "GET", "/images", "", ""))
				unavailable(s.Do(t, "DELETE", "/images/known.png", "", ""))
			}

			c.end(r)
			s.Do(t, "GET", "/readyz", "", "").Want(t, 200)
			s.Do(t, "GET", "/images/known.png", "", "").WantImage(t, known)
			if a := s.Do(t, "PUT", "/images/fresh.png", "", fresh); a.Status != 200 && a.Status != 201 {
				t.Errorf("the upload again: %s", a)
			}
			s.Do(t, "GET", "/images/fresh.png", "", "").WantImage(t, fresh)
		})
	}
}

// TestTransientFaults: a fault that ends after one or two tries is not seen by a client.
func TestTransientFaults(t *testing.T) {
	t.Parallel()
	for _, status := range []int64{409, 500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			cat := apitest.Picture(t, 1, 20_000)
			r.s3.answer(status, 1)
			r.server.Do(t, "PUT", "/images/cat.png", "", cat).Want(t, 201)
			r.s3.answer(status, 1)
			r.server.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, cat)
		})
	}
	t.Run("half an answer", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		cat := apitest.Picture(t, 1, 3<<20)
		r.server.Do(t, "PUT", "/images/cat.png", "", cat).Want(t, 201)
		for _, n := range []int64{0, 100, 1000, 100_000, 1 << 20, 3<<20 - 1000} {
			r.bucket.CutAfter(n)
			r.server.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, cat)
		}
	})
	t.Run("idle connections are cut", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		cat := apitest.Picture(t, 1, 20_000)
		for range 3 {
			r.server.Do(t, "PUT", "/images/cat.png", "", cat)
			r.database.CutAll()
			r.bucket.CutAll()
			r.server.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, cat)
			r.database.CutAll()
			r.server.Do(t, "POST", "/images/cat.png/rename", "", `{"filename": "dog.png"}`).Want(t, 200)
			r.database.CutAll()
			r.server.Do(t, "DELETE", "/images/dog.png", "", "").Want(t, 204)
			r.database.CutAll()
		}
	})
}

// TestCuts cuts the connection to the database after each number of bytes. An upload and a
// rename are then done or not done, and can be repeated.
func TestCuts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for n := int64(0); n < 1500; n += 41 {
		name, data := fmt.Sprintf("%d.png", n), fmt.Append(nil, n)
		put := func() error {
			_, _, err := r.Put(t.Context(), name, bytes.NewReader(data), db.PutOptions{Conflict: db.Fail})
			return err
		}
		r.database.CutAfter(n)
		err := put()
		r.database.Pass()
		if err != nil && !errors.Is(err, db.ErrUnavailable) {
			t.Errorf("Put with a cut after %d bytes: %v", n, err)
		}
		if err := put(); err != nil {
			t.Errorf("Put again: %v", err)
		}
		wantContent(t, r, name, data)
		r.database.CutAfter(n / 2)
		_, _, err = r.Rename(t.Context(), name, "to-"+name, db.RenameOptions{})
		r.database.Pass()
		if err != nil {
			_, _, err = r.Rename(t.Context(), name, "to-"+name, db.RenameOptions{})
		}
		if err != nil && !errors.Is(err, db.ErrNotFound) { // not found: the first one was done
			t.Errorf("Rename again: %v", err)
		}
		wantContent(t, r, "to-"+name, data)
	}
	wantRecount(t, r.Store)
}

func wantContent(t *testing.T, s db.Images, name string, data []byte) {
	t.Helper()
	_, body, err := s.Get(t.Context(), name)
	if err != nil {
		t.Errorf("Get(%q): %v", name, err)
		return
	}
	defer body.Close()
	var got bytes.Buffer
	if _, err := body.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("Get(%q): got %d bytes and %v, want the %d stored", name, got.Len(), err, len(data))
	}
}

// wantRecount compares the counters with the images.
func wantRecount(t *testing.T, s *pg.Store) {
	t.Helper()
	var want db.Usage
	seen := map[db.Digest]bool{}
	for _, trash := range []bool{false, true} {
		o := db.ListOptions{Limit: 100, Trash: trash}
		for {
			page, next, err := s.List(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, img := range page {
				if trash {
					want.Trash, want.TrashBytes = want.Trash+1, want.TrashBytes+img.Size
				} else {
					want.Images, want.Bytes = want.Images+1, want.Bytes+img.Size
				}
				if !seen[img.SHA256] {
					seen[img.SHA256] = true
					want.Blobs, want.Stored = want.Blobs+1, want.Stored+img.Size
				}
			}
			if o.After = next; next == "" {
				break
			}
		}
	}
	if got, err := s.Usage(t.Context()); err != nil || got != want {
		t.Errorf("Usage: got %+v and %v, want %+v", got, err, want)
	}
}

// TestDamage: wrong or missing bytes of an object are never sent. The next upload of the
// same bytes repairs the image.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, r *rig, key string)
		read   bool // whether the damage is found by a read before the upload
	}{
		{"changed", func(t *testing.T, r *rig, key string) { r.overwrite(t, key, bytes.Repeat([]byte{1}, 100_000)) }, true},
		{"shorter", func(t *testing.T, r *rig, key string) { r.overwrite(t, key, []byte("short")) }, false},
		{"deleted", func(t *testing.T, r *rig, key string) { r.overwrite(t, key, nil) }, true},
		{"deleted and not read", func(t *testing.T, r *rig, key string) { r.overwrite(t, key, nil) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			data := bytes.Repeat([]byte("cat!"), 25_000)
			put := func() (db.Outcome, error) {
				_, outcome, err := r.Put(t.Context(), "cat.png", bytes.NewReader(data), db.PutOptions{})
				return outcome, err
			}
			if _, err := put(); err != nil {
				t.Fatal(err)
			}
			c.damage(t, r, r.onlyObject(t))
			if c.read {
				_, body, err := r.Get(t.Context(), "cat.png")
				if err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				if _, err := body.WriteTo(&got); !errors.Is(err, db.ErrDamaged) || got.Len() > 0 {
					t.Errorf("Get: got %d bytes and %v, want %v", got.Len(), err, db.ErrDamaged)
				}
				body.Close()
			}
			if outcome, err := put(); err != nil || outcome != db.Unchanged {
				t.Errorf("Put again: got %v and %v, want Unchanged", outcome, err)
			}
			wantContent(t, r, "cat.png", data)
			wantRecount(t, r.Store)
		})
	}
}

// keys returns the keys of the objects in the bucket, without that of the marker.
func (r *rig) keys(t *testing.T) (keys []string) {
	t.Helper()
	list, err := r.objects.ListBucket("pictures", nil, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Contents {
		if o.Key != "imageserver-store" {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

func (r *rig) onlyObject(t *testing.T) string {
	t.Helper()
	keys := r.keys(t)
	if len(keys) != 1 {
		t.Fatalf("the bucket has the objects %q, want one", keys)
	}
	return keys[0]
}

// overwrite changes an object, or deletes it if data is nil.
func (r *rig) overwrite(t *testing.T, key string, data []byte) {
	t.Helper()
	var err error
	if data == nil {
		_, err = r.objects.DeleteObject("pictures", key)
	} else {
		_, err = r.objects.PutObject("pictures", key, map[string]string{}, bytes.NewReader(data), int64(len(data)), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCrash ends PostgreSQL during uploads, as a crash does, and starts it again. The
// server goes on by itself, and every acknowledged image is there.
func TestCrash(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	endpoint, _ := fakeS3(t)
	o := pg.Options{Endpoint: endpoint, Poll: time.Hour}
	s := openWith(t, server.URL("bucket=pictures"), o)
	defer s.Close()
	const callers, crashes = 6, 3
	stored := make([]map[string][]byte, callers)
	var stop atomic.Bool
	var calls sync.WaitGroup
	for i := range callers {
		stored[i] = map[string][]byte{}
		calls.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			for n := 0; !stop.Load(); n++ {
				name, data := fmt.Sprintf("%d-%d.png", i, n), bytes.Repeat(fmt.Append(nil, i, n, " "), 1+rnd.IntN(10_000))
				_, _, err := s.Put(t.Context(), name, bytes.NewReader(data), db.PutOptions{Conflict: db.Fail})
				switch {
				case err == nil:
					stored[i][name] = data
				case !errors.Is(err, db.ErrUnavailable):
					t.Errorf("Put: %v", err)
					return
				}
			}
		})
	}
	for range crashes {
		time.Sleep(300 * time.Millisecond)
		server.Crash()
		if err := s.Ready(t.Context()); err == nil {
			t.Error("Ready without a database: got nil")
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	stop.Store(true)
	calls.Wait()
	n := 0
	for _, some := range stored {
		for name, data := range some {
			wantContent(t, s, name, data)
			n++
		}
	}
	if n == 0 {
		t.Error("no upload was acknowledged")
	}
	wantRecount(t, s)
}

// TestBusy: a change that waits too long for a lock gives up with db.ErrBusy. So does a call
// that waits too long for a connection. Both work again afterwards.
func TestBusy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, _, err := r.Put(t.Context(), "cat.png", strings.NewReader("cat"), db.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	o := pg.Options{Endpoint: "http://" + r.bucket.Addr, Poll: time.Hour}
	o.Impatient()
	one := openWith(t, pgtest.URLAt(r.database.Addr, "bucket=pictures&pool_max_conns=1&schema="+r.schema), o)
	c, err := pgx.Connect(t.Context(), pgtest.Shared(t).URL(""))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select from "+r.schema+".images for update"); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), "cat.png", db.DeleteOptions{}); !errors.Is(err, db.ErrBusy) {
		t.Errorf("Delete of a locked image: got %v, want %v", err, db.ErrBusy)
	}
	if _, err := r.Stat(t.Context(), "cat.png"); err != nil {
		t.Errorf("Stat of a locked image: %v", err) // a read needs no lock
	}

	var waiting sync.WaitGroup
	for range 8 { // one has the only connection and waits for the lock; the others wait for the connection
		waiting.Go(func() {
			if err := one.Delete(t.Context(), "cat.png", db.DeleteOptions{}); !errors.Is(err, db.ErrBusy) {
				t.Errorf("Delete: got %v, want %v", err, db.ErrBusy)
			}
		})
	}
	waiting.Wait()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.Delete(t.Context(), "cat.png", db.DeleteOptions{}); err != nil {
		t.Errorf("Delete after the lock was released: %v", err)
	}
}
