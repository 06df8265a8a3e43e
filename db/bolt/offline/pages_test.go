package offline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// checkedByBolt is the environment variable that makes the test binary run bbolt's own
// check of a file; see TestMain.
const checkedByBolt = "IMAGESERVER_BBOLT_CHECK"

func TestMain(m *testing.M) {
	if path := os.Getenv(checkedByBolt); path != "" {
		os.Exit(boltCheck(path))
	}
	os.Exit(m.Run())
}

// boltCheck returns 0 if bbolt finds a file sound.
func boltCheck(path string) (code int) {
	bdb, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return 1
	}
	bdb.View(func(tx *bbolt.Tx) error {
		for range tx.Check() {
			code = 1
		}
		return nil
	})
	return code
}

// boltFindsSound reports whether bbolt's own check finds a file sound. It runs in a
// process of its own, because damage may kill it or make it loop.
func boltFindsSound(t *testing.T, path string) bool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), checkedByBolt+"="+path, "GOMEMLIMIT=200MiB")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(2*time.Second, func() { cmd.Process.Kill() })
	defer limit.Stop()
	return cmd.Wait() == nil
}

// whole is true if slow tests run at full length; see api/e2e.
var whole = os.Getenv("IMAGESERVER_E2E") == "full"

// pageDamage is a way to damage a page.
type pageDamage struct {
	name string
	do   func(page []byte)
}

var pageDamages = []pageDamage{
	{"zeroed", func(p []byte) { clear(p) }},
	{"inverted", func(p []byte) {
		for i := range p {
			p[i] = ^p[i]
		}
	}},
	{"one bit of its header", func(p []byte) { flipBit(p[:page.HeaderSize]) }},
	{"one bit of its elements", func(p []byte) { flipBit(p[page.HeaderSize:min(len(p), page.HeaderSize+10*page.ElementSize)]) }},
	{"one bit", func(p []byte) { flipBit(p) }},
	{"random bytes", func(p []byte) {
		for i := range p {
			p[i] = byte(rand.Uint32())
		}
	}},
	{"the page before it", func(p []byte) { copy(p, p[len(p):2*len(p)]) }},
}

func flipBit(b []byte) { b[rand.IntN(len(b))] ^= 1 << rand.IntN(8) }

// TestDamagedPages damages each page of a file in several ways, and cuts the file
// short. At full length it uses the first 200 pages and every page that begins a page
// of a tree; otherwise a random choice of these.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	const pages = 200
	path, images := fillStore(t)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := os.Getpagesize()
	if len(sound) < pages*size {
		t.Fatalf("the file has %d bytes, too few for the test", len(sound))
	}
	d := &damageTest{dir: filepath.Dir(path), sound: sound, images: images, entries: dump(t, path)}
	begins := beginnings(t, path)
	var cases []damageCase
	high := int(pagesOf(t, path).Meta.High)
	for i := range high {
		if i >= pages && !begins[i] || !whole && !begins[i] {
			continue
		}
		for _, how := range pageDamages {
			cases = append(cases, damageCase{fmt.Sprintf("page %d, %s", i, how.name), func(b []byte) []byte {
				if how.name == "the page before it" {
					copy(b[i*size:], b[max(0, i-1)*size:][:size:size])
				} else {
					how.do(b[i*size : (i+1)*size : (i+1)*size])
				}
				return b
			}})
		}
	}
	for i := range 20 {
		at := (high*size*i/20 + i*97) &^ (1 << i >> 3)
		cases = append(cases, damageCase{fmt.Sprintf("cut at %d", at), func(b []byte) []byte { return b[:at] }})
	}
	if !whole {
		rand.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		cases = cases[:30]
	}
	eachOf(cases, func(n int, c damageCase) { d.run(t, n, c) })
	t.Logf("of %d damaged files %d were named damaged, %d opened, %d were repaired with all images", len(cases), d.named, d.opened, d.repaired)
}

// eachOf calls fn with all cases, two at once.
func eachOf(cases []damageCase, fn func(n int, c damageCase)) {
	next := make(chan int)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for n := range next {
				fn(n, cases[n])
			}
		})
	}
	for n := range cases {
		next <- n
	}
	close(next)
	all.Wait()
}

// beginnings returns the pages in use without the overflow of others.
func beginnings(t *testing.T, path string) map[int]bool {
	t.Helper()
	bdb, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer bdb.Close()
	begins := map[int]bool{}
	err = bdb.View(func(tx *bbolt.Tx) error {
		for id := 0; ; {
			page, err := tx.Page(id)
			if page == nil || err != nil {
				return err
			}
			begins[id] = page.Type != "free"
			id += page.OverflowCount + 1
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return begins
}

type damageCase struct {
	name string
	do   func(b []byte) []byte
}

type damageTest struct {
	dir     string
	sound   []byte
	images  map[string][]byte
	entries []string

	mu                      sync.Mutex
	named, opened, repaired int
}

func (d *damageTest) add(to *int) {
	d.mu.Lock()
	*to++
	d.mu.Unlock()
}

// run damages the file in one way. Nothing may crash or loop, and no wrong byte may be
// read. The check must name the damage, unless the file is sound. Repair must keep
// every image that is not named.
func (d *damageTest) run(t *testing.T, n int, c damageCase) {
	path := filepath.Join(d.dir, fmt.Sprintf("damaged-%d.db", n))
	if err := os.WriteFile(path, c.do(bytes.Clone(d.sound)), 0o600); err != nil {
		t.Error(err)
		return
	}
	defer func() {
		files, _ := filepath.Glob(path + "*")
		for _, f := range files {
			os.Remove(f)
		}
	}()
	limit := time.AfterFunc(20*time.Second, func() {
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		panic(c.name + ": does not end") // a loop ends by nothing else
	})
	defer limit.Stop()

	var named strings.Builder
	report, err := Check(ctx, path, Watch{Found: func(p Problem) { fmt.Fprintln(&named, p) }})
	left := maps.Clone(d.images)
	switch {
	case err != nil:
		d.add(&d.named)
		s, err := bolt.Open(path, bolt.Options{Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			s.Close()
			t.Errorf("%s: the check refuses what opens", c.name)
		}
		return
	case report.Problems == 0:
		if !slices.EqualFunc(dump(t, path), d.entries, sameButForFields) {
			t.Errorf("%s: found sound, and it holds something else", c.name)
		}
		if !boltFindsSound(t, path) {
			t.Errorf("%s: found sound, and bbolt says it is not", c.name)
		}
	default:
		d.add(&d.named)
		maps.DeleteFunc(left, func(name string, _ []byte) bool { return strings.Contains("\n"+named.String(), "\n"+name+": ") })
	}
	d.use(t, c, path)
	d.repair(t, c, path, report, named.String(), left)
}

// sameButForFields compares two lines of a dump, without the fields of records and
// without the numbers that bbolt has for the bucket of a chunk, which nothing uses.
func sameButForFields(a, b string) bool {
	for _, bucket := range [][]byte{layout.ImagesBucket, layout.TrashBucket, layout.VariantsBucket} {
		if strings.HasPrefix(a, string(bucket)+"\x00|") {
			a, _, _ = strings.Cut(a, "\x00=")
			b, _, _ = strings.Cut(b, "\x00=")
		}
	}
	a, _, _ = strings.Cut(a, "\x00#")
	b, _, _ = strings.Cut(b, "\x00#")
	return a == b
}

// use opens the file as the server does, reads from it and writes to it.
func (d *damageTest) use(t *testing.T, c damageCase, path string) {
	before, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer os.WriteFile(path, before, 0o600)
	s, err := bolt.Open(path, bolt.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return
	}
	d.add(&d.opened)
	for name, want := range d.images {
		d.read(t, c, s, name, want)
	}
	s.List(ctx, db.ListOptions{Limit: 1000})
	s.List(ctx, db.ListOptions{Limit: 1000, Trash: true})
	for name, b := range d.images {
		s.Put(ctx, name, bytes.NewReader(b), db.PutOptions{TrashTTL: time.Hour})
		if rand.IntN(3) == 0 {
			s.Delete(ctx, name, db.DeleteOptions{})
		}
	}
	for i := range 20 {
		name, b := fmt.Sprintf("new %d.png", i), content(byte(i), 100000)
		if _, _, err := s.Put(ctx, name, bytes.NewReader(b), db.PutOptions{}); err == nil {
			d.read(t, c, s, name, b)
		}
	}
	for name, want := range d.images {
		d.read(t, c, s, name, want)
	}
	s.Close()
}

// read reads an image. It must get the right bytes or an error.
func (d *damageTest) read(t *testing.T, c damageCase, s *bolt.Store, name string, want []byte) {
	_, body, err := s.Get(ctx, name)
	if err != nil {
		return
	}
	defer body.Close()
	if got, err := io.ReadAll(body); !bytes.HasPrefix(want, got) || err == nil && len(got) < len(want) {
		t.Errorf("%s: wrong bytes of %s were read", c.name, name)
	}
}

// repair repairs the file. Then everything must work, and all images in left must be
// there. If a page with names was damaged, there may be fewer, but not fewer than the
// check found.
func (d *damageTest) repair(t *testing.T, c damageCase, path string, report *Report, named string, left map[string][]byte) {
	done, err := Repair(ctx, path, RepairOptions{})
	if err != nil && report.Structural && report.Images == 0 && strings.Contains(err.Error(), "none of its images") {
		return
	}
	if err != nil {
		t.Errorf("%s: repair: %v", c.name, err)
		return
	}
	if done.After.Problems > done.After.Damaged || done.After.Structural {
		t.Errorf("%s: after repairing there are %d problems, %d of them with images", c.name, done.After.Problems, done.After.Damaged)
	}
	if _, err := os.Stat(path + compactSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: a variant was left", c.name)
	}
	if !boltFindsSound(t, path) {
		t.Errorf("%s: after repairing bbolt finds the file damaged", c.name)
	}
	s, err := bolt.Open(path, bolt.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Errorf("%s: after repairing: %v", c.name, err)
		return
	}
	defer s.Close()
	whole := 0
	for name, want := range left {
		_, body, err := s.Get(ctx, name)
		if errors.Is(err, db.ErrNotFound) && report.Structural {
			continue
		}
		if err != nil {
			t.Errorf("%s: not named as damaged, and after repairing: %v\n%s", c.name, err, named)
			return
		}
		got, err := io.ReadAll(body)
		body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: not named as damaged, and after repairing it is another, %v", c.name, err)
		}
		whole++
	}
	if u, err := s.Usage(ctx); err != nil || u.Images < report.Images {
		t.Errorf("%s: %d images after repairing, and the check had found %d, %v\n%s", c.name, u.Images, report.Images, err, named)
	}
	if whole == len(d.images) {
		d.add(&d.repaired)
	}
	for name, b := range d.images { // a new upload replaces what is still damaged
		if _, _, err := s.Put(ctx, name, bytes.NewReader(b), db.PutOptions{}); err != nil {
			t.Errorf("%s: upload after repairing: %v", c.name, err)
			return
		}
		d.read(t, c, s, name, b)
	}
}
