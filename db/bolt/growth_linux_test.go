package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
	"imageserver/db/order"
)

// grown is a store with n small images, and some work that is done with it again and
// again. The work leaves the store as it was.
type grown struct {
	*Store
	t     testing.TB
	n     int
	page  int       // how many images a page of a list has
	began time.Time // when the oldest image was uploaded
	file2 *os.File  // the data file again
}

// grownName returns the name of image i. Images that were uploaded one after the other
// are not neighbours by name.
func grownName(i int) string { return fmt.Sprintf("photo-%08x.png", uint32(i)*2654435761) }

// fillGrown makes a data file with n images of 8 bytes, with many of them in each
// commit. It leaves out what the file already has.
func fillGrown(t testing.TB, path string, n int) *grown {
	t.Helper()
	g := &grown{t: t, n: n, page: 50, began: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	_, err := os.Stat(path)
	g.Store = openStore(t, path, Options{NoSync: true})
	if err != nil {
		var next atomic.Int64
		var all sync.WaitGroup
		for range queueLen {
			all.Go(func() {
				for i := int(next.Add(1)) - 1; i < n && !t.Failed(); i = int(next.Add(1)) - 1 {
					g.put(grownName(i), binary.BigEndian.AppendUint64(nil, uint64(i)), g.began.Add(time.Duration(i)*time.Second))
				}
			})
		}
		all.Wait()
	}
	images, _, err := g.List(ctx, db.ListOptions{Limit: 1, Reverse: true})
	must(t, err)
	g.began = images[0].Uploaded
	g.file2, err = os.Open(path)
	must(t, err)
	t.Cleanup(func() { g.file2.Close() })
	return g
}

func (g *grown) put(name string, content []byte, uploaded time.Time) {
	if _, _, err := g.Put(ctx, name, bytes.NewReader(content), db.PutOptions{Uploaded: uploaded}); err != nil {
		g.t.Error(err)
	}
}

// task is one kind of work. The tasks of a round are done in the order of the table.
type task struct {
	name string
	do   func(g *grown, i int) error
	all  bool // whether it must read all images
}

// deepPage is the name of a task that reads a page in the middle of the list before it.
const deepPage = "… a deep page"

// tasks is the table of all that is measured. Task i of a round has its own image.
var tasks = []task{
	{name: "upload of 20 kB", do: func(g *grown, i int) error {
		g.put(grownName(g.n+i), unlike(g.n+i, 20_000), time.Time{})
		return nil
	}},
	{name: "GET", do: func(g *grown, i int) error {
		_, body, err := g.Get(ctx, grownName(g.some(i)))
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = body.(io.WriterTo).WriteTo(io.Discard)
		return err
	}},
	{name: "list, newest first", do: list(db.ListOptions{})},
	{name: deepPage, do: list(db.ListOptions{}, byTime)},
	{name: "list, oldest first", do: list(db.ListOptions{Reverse: true})},
	{name: deepPage, do: list(db.ListOptions{Reverse: true}, byTime)},
	{name: "list by name", do: list(db.ListOptions{Sort: db.ByName})},
	{name: deepPage, do: list(db.ListOptions{Sort: db.ByName}, byName)},
	{name: "list by name, reversed", do: list(db.ListOptions{Sort: db.ByName, Reverse: true})},
	{name: deepPage, do: list(db.ListOptions{Sort: db.ByName, Reverse: true}, byName)},
	{name: "list by size", do: list(db.ListOptions{Sort: db.BySize})},
	{name: deepPage, do: list(db.ListOptions{Sort: db.BySize}, bySize)},
	{name: "list by size, smallest first", do: list(db.ListOptions{Sort: db.BySize, Reverse: true})},
	{name: "search with matches", do: list(db.ListOptions{Match: "4"})},
	{name: "search without a match", do: list(db.ListOptions{Match: "xyz"}), all: true},
	{name: "counts", do: func(g *grown, _ int) error { _, err := g.Usage(ctx); return err }},
	{name: "rename", do: func(g *grown, i int) error {
		_, _, err := g.Rename(ctx, grownName(g.n+i), grownName(1<<30+i), db.RenameOptions{})
		return err
	}},
	{name: "delete to the trash", do: func(g *grown, i int) error {
		return g.Delete(ctx, grownName(1<<30+i), db.DeleteOptions{TrashTTL: time.Hour})
	}},
	{name: "restore", do: func(g *grown, i int) error {
		_, _, err := g.Restore(ctx, grownName(1<<30+i), db.RestoreOptions{})
		return err
	}},
	{name: "delete", do: func(g *grown, i int) error {
		return g.Delete(ctx, grownName(1<<30+i), db.DeleteOptions{})
	}},
}

// some returns the number of an image. Each i has another one.
func (g *grown) some(i int) int { return int(uint32(i+1) * 2654435761 % uint32(g.n)) }

// list reads a page. If there is a key, the page begins after this key.
func list(o db.ListOptions, key ...func(g *grown, i int) []byte) func(*grown, int) error {
	return func(g *grown, i int) error {
		o := o
		o.Limit = g.page
		for _, key := range key {
			o.After = order.Cursor(o, key(g, i))
		}
		images, _, err := g.List(ctx, o)
		if err == nil && len(images) == 0 && o.Match != "xyz" {
			err = fmt.Errorf("no images in the list %+v", o)
		}
		return err
	}
}

// These return keys near the middle of the lists.
func byTime(g *grown, i int) []byte {
	return order.TimeKey(g.began.Add(time.Duration(g.n/2+i)*time.Second), "a")
}
func byName(_ *grown, i int) []byte { return fmt.Appendf(nil, "photo-8%07x", i<<8) }
func bySize(_ *grown, i int) []byte {
	return order.AppendSizeKey(nil, 8, fmt.Appendf(nil, "photo-8%07x", i<<8))
}

// touched is what a task touches, on average.
type touched struct {
	pages float64 // pages of the file that are read from a cold cache, and those that are written
	bytes float64 // bytes that are written, without the meta page
}

// cold removes the file from the cache of the system. From then on, the system reads
// each page on its own. It reports whether the file system can do this.
func (g *grown) cold() bool {
	must(g.t, g.file2.Sync())
	g.advise(unix.MADV_RANDOM)
	g.advise(unix.MADV_DONTNEED)
	must(g.t, unix.Fadvise(int(g.file2.Fd()), 0, 0, unix.FADV_DONTNEED))
	return g.cached() < g.pages()/4+16
}

// pages returns how many pages the file has.
func (g *grown) pages() int {
	info, err := g.file2.Stat()
	must(g.t, err)
	return (int(info.Size()) + os.Getpagesize() - 1) / os.Getpagesize()
}

// advise is madvise(2) for bbolt's memory map of the file.
func (g *grown) advise(advice uintptr) {
	_, _, err := unix.Syscall(unix.SYS_MADVISE, g.db.Info().Data, uintptr(g.pages()*os.Getpagesize()), advice)
	if err != 0 {
		g.t.Fatal(err)
	}
}

// cached returns how many pages of the file are in the cache of the system.
func (g *grown) cached() (n int) {
	in := make([]byte, g.pages())
	_, _, err := unix.Syscall(unix.SYS_MINCORE, g.db.Info().Data, uintptr(len(in)*os.Getpagesize()), uintptr(unsafe.Pointer(&in[0])))
	if err != 0 {
		g.t.Fatal(err)
	}
	for _, b := range in {
		n += int(b & 1)
	}
	return n
}

// touch does the task k times from a cold cache, and returns the pages and the bytes.
func (g *grown) touch(t task, from, k int) (c touched) {
	for i := from; i < from+k; i++ {
		g.cold()
		before := g.cached()
		c.bytes += float64(wroteBytes(g.Store, func() { must(g.t, t.do(g, i)) })) / float64(k)
		c.pages += float64(g.cached()-before) / float64(k)
	}
	g.advise(unix.MADV_NORMAL)
	return c
}

// maxMorePages is how many more pages an operation may touch with 30 times as many
// images. Each of the trees that it uses has one or two more levels then. The list of
// free pages varies by a few pages, too.
const maxMorePages = 28

// TestGrowth does everything with 1,000 and with 30,000 images. The work may touch only
// a few more pages.
func TestGrowth(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	few := fillGrown(t, filepath.Join(t.TempDir(), "few.db"), 1000)
	many := fillGrown(t, filepath.Join(t.TempDir(), "many.db"), 30_000)
	if !many.cold() {
		t.Skip("this file system keeps files in memory")
	}
	few.page, many.page = 20, 20
	for _, task := range tasks {
		const k = 3
		a, b := few.touch(task, 0, k), many.touch(task, 0, k)
		t.Logf("%-24s %6.1f → %6.1f pages, %6.0f → %6.0f bytes written", task.name, a.pages, b.pages, a.bytes, b.bytes)
		if grows := b.pages > a.pages+maxMorePages || b.bytes > a.bytes+maxMorePages*4096; grows != task.all {
			t.Errorf("%s: with 30 times as many images, %.1f pages became %.1f, and %.0f bytes %.0f", task.name, a.pages, b.pages, a.bytes, b.bytes)
		}
	}
}
