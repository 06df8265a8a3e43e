package e2e_test

import (
	"bytes"
	"context"
	be "encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/bolt"
)

// The limits for a store of a million images. The short form has fewer images, and the
// processors have other work. So it compares only ratios of the shortest times: other work can
// only make an operation slower.
const (
	openWithin    = 50 * time.Millisecond
	pageWithin    = 3 * time.Millisecond
	getRatio      = 1.1 // of the time that it takes with a thousand
	millionMemory = 100 << 20

	// In the short form, operations took up to 1.9 times as long, and the controls at least 5
	// times as long.
	shortRatio = 3
)

// TestMillion compares a store of a million images with one of a thousand. The times are taken
// in turns. An operation that looks at all images is the control: it must take longer. If it
// does not, the other times prove nothing.
func TestMillion(t *testing.T) {
	parallel(t)
	few := newFilled(t, 1000)
	many := newFilled(t, pick(20_000, 1_000_000))

	t.Run("open", func(t *testing.T) {
		ratio := pick(shortRatio, math.Inf(1))
		compare(t, pick(20, 50), func(f *filled) error { return f.open(false) }, few, many).want(t, ratio, openWithin)
		compare(t, 10, func(f *filled) error { return f.open(true) }, few, many).wantMore(t, ratio, openWithin)
	})
	for _, f := range []*filled{few, many} {
		f.s = start(t, f.path)
		t.Logf("the program with %d images is ready after %s", f.n, f.s.ready.Round(100*time.Microsecond))
	}
	ratio := pick(shortRatio, getRatio)
	t.Run("image", func(t *testing.T) {
		get := func(f *filled) error { return f.get(imagePath(f.name(rand.IntN(f.n)))) }
		compare(t, pick(500, 20_000), get, few, many).want(t, ratio, 0)
		compare(t, 20, func(f *filled) error { return f.get("/images?q=xyz") }, few, many).wantMore(t, ratio, 0)
	})
	for _, q := range []string{"", "sort=name", "sort=name&order=desc", "order=asc", "sort=size", "sort=size&order=asc"} {
		t.Run("page "+q, func(t *testing.T) {
			compare(t, pick(100, 1000), func(f *filled) error { return f.get("/images?" + q) }, few, many).want(t, shortRatio, pageWithin)
		})
		t.Run("page "+q+" further on", func(t *testing.T) {
			paths := map[*filled]string{few: few.next(t, q), many: many.next(t, q)}
			compare(t, pick(100, 1000), func(f *filled) error { return f.get(paths[f]) }, few, many).want(t, shortRatio, pageWithin)
		})
	}
	for _, f := range []*filled{few, many} {
		memory := f.s.memory(t)
		t.Logf("%d images: %.1f MiB of memory after serving", f.n, float64(memory)/(1<<20))
		if memory > millionMemory {
			t.Errorf("with %d images the server has %d bytes of memory, want at most %d", f.n, memory, millionMemory)
		}
	}
	t.Run("search without a match", func(t *testing.T) {
		compare(t, 20, func(f *filled) error { return f.get("/images?q=xyz") }, few, many).wantMore(t, shortRatio, pageWithin)
	})
}

// filled is a data file with n small images.
type filled struct {
	n    int
	path string
	s    *server
}

// newFilled makes a data file with n images. It uses the store, which does not sync each commit.
func newFilled(t *testing.T, n int) *filled {
	t.Helper()
	f := &filled{n: n, path: filepath.Join(t.TempDir(), "images.db")}
	began := time.Now()
	store, err := bolt.Open(f.path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	first := began.Add(-time.Duration(n) * time.Second)
	each(256, numbers, func(i int) { // which go into one commit
		content := be.BigEndian.AppendUint64(bytes.Clone(onePixel), uint64(i))
		_, _, err := store.Put(context.Background(), f.name(i), bytes.NewReader(content), db.PutOptions{
			Uploaded: first.Add(time.Duration(i) * time.Second),
			Inspect: func(_ io.ReaderAt, img *db.Image) error {
				img.ContentType, img.Width, img.Height = "image/png", 1, 1
				return nil
			},
		})
		if err != nil {
			t.Error(err)
		}
	})
	free := store.Stats().FileFree
	if err := store.Close(); err != nil || t.Failed() {
		t.Fatalf("Close: %v", err)
	}
	file, err := os.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil { // now, and not beside what is measured
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d images, %d MB and %d MB of them free, made in %.1f s", n, info.Size()/1e6, free/1e6, time.Since(began).Seconds())
	return f
}

// name returns the name of image number i. Images that follow each other in time do not follow
// each other by name.
func (f *filled) name(i int) string {
	return fmt.Sprintf("photo-%08x.png", uint32(i)*2654435761) // odd, so no two are equal
}

// open opens and closes the file in this process. If all is true, it looks at all images before
// it closes the file.
func (f *filled) open(all bool) error {
	store, err := bolt.Open(f.path, bolt.Options{})
	if err != nil {
		return err
	}
	if all {
		_, _, err = store.List(context.Background(), db.ListOptions{Limit: 1, Match: "xyz"})
	}
	return errors.Join(err, store.Close())
}

// get requests a path and reads the whole response. A failure is an error.
func (f *filled) get(path string) error {
	resp, err := f.s.open(path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// next returns the path of the page that follows the first 500 images.
func (f *filled) next(t *testing.T, query string) string {
	t.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	q.Set("limit", "500")
	var page struct{ Next string }
	if err := f.s.call(http.MethodGet, "/images?"+q.Encode(), nil, &page); err != nil {
		t.Fatal(err)
	}
	q.Set("cursor", page.Next)
	q.Set("limit", "50")
	return "/images?" + q.Encode()
}

// durations is how long an operation takes with few images and with many: the median of many
// times, and in the short form the shortest.
type durations struct{ few, many time.Duration }

// compare measures an operation n times with each store, in turns.
func compare(t *testing.T, n int, do func(*filled) error, few, many *filled) durations {
	t.Helper()
	var paces [2]pace
	for i := range 2 * n {
		// few, many, many, few: so neither always comes after the other
		which := (i + i/2) % 2
		paces[which].time(t, func() error { return do([]*filled{few, many}[which]) })
	}
	rank := pick(0, 50)
	d := durations{paces[0].percentile(rank), paces[1].percentile(rank)}
	t.Logf("%d images %s, %d images %s: ratio %.3f", few.n, d.few.Round(time.Microsecond), many.n, d.many.Round(time.Microsecond), d.ratio())
	return d
}

func (d durations) ratio() float64 { return float64(d.many) / float64(d.few) }

// want fails the test if many images take more than ratio times as long as few. In the whole form
// it also fails the test if they take longer than within, unless within is 0.
func (d durations) want(t *testing.T, ratio float64, within time.Duration) {
	t.Helper()
	if !d.meet(ratio, within) {
		t.Errorf("many images take %.3f times as long as few, and %s; want at most %.2f times, and in the whole form %s (0 for any)", d.ratio(), d.many, ratio, within)
	}
}

// wantMore fails the test if want would not: the operation is a control, which must take longer.
func (d durations) wantMore(t *testing.T, ratio float64, within time.Duration) {
	t.Helper()
	if d.meet(ratio, within) {
		t.Errorf("looking at all images takes only %.3f times as long with many images as with few, and %s: the limits cannot show a slow operation", d.ratio(), d.many)
	}
}

func (d durations) meet(ratio float64, within time.Duration) bool {
	return d.ratio() <= ratio && (!whole || within == 0 || d.many <= within)
}
