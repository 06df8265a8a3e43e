package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"imageserver/db"
)

// TestPutBudget checks what a Put costs the disk and bbolt. Everything here is the same in
// each run: the content, the clock and the order of the calls.
func TestPutBudget(t *testing.T) {
	t.Parallel()
	const page = 4096
	if os.Getpagesize() != page {
		t.Skip("this system has other pages")
	}
	for _, c := range []struct {
		what    string
		size    int
		reads   int // read transactions
		commits int
		writes  int64 // calls that write pages
		pages   int64 // bytes of the pages that are written, without those of the content
	}{
		// The pages of six trees and their roots, the list of free pages and the meta page. After
		// each commit, one read transaction looks for what was written (findable).
		{"20 kB", 20_000, 1, 1, 14, 13 * page},
		{"1 MB", 1_000_000, 1, 1, 22, 14 * page},
		// Inspect reads the beginning again, which was staged: one more read transaction.
		{"8 MB", 8_000_000, 9, 8, 111, 49 * page},
	} {
		clock := time.Unix(1e9, 0)
		s := withoutSweeper(newStore(t, Options{NoSync: true, Now: func() time.Time { clock = clock.Add(time.Second); return clock }}))
		for i := range 100 {
			budgetPut(t, s, "old", i, 100)
		}
		var most cost
		for i := range 10 {
			before := costs(s)
			budgetPut(t, s, "new", i, c.size)
			most = most.max(costs(s).minus(before))
		}
		content := int64((c.size + page) / page * page)
		if most.reads > c.reads || most.commits > c.commits || most.writes > c.writes || most.bytes > content+c.pages {
			t.Errorf("a Put of %s costs at most %+v, want at most %d read transactions, %d commits, %d writes and %d bytes", c.what, most, c.reads, c.commits, c.writes, content+c.pages)
		}
	}
}

// TestDuplicateBudget checks that a Put of stored bytes reads them once and writes nothing.
func TestDuplicateBudget(t *testing.T) {
	t.Parallel()
	for size, chunks := range map[int]int{20_000: 1, 1_000_000: 8} {
		s := withoutSweeper(newStore(t, Options{NoSync: true}))
		budgetPut(t, s, "cat", 0, size)
		before := costs(s)
		budgetPut(t, s, "cat", 0, size)
		// One read transaction finds the image, and one reads each chunk.
		if got := costs(s).minus(before); got.reads > 1+chunks || got.commits > 0 || got.writes > 0 {
			t.Errorf("%d bytes again: %+v, want at most %d read transactions, and no commit", size, got, 1+chunks)
		}
	}
}

// TestPlaceholderBudget checks what a placeholder adds to a PutVariant: the pages of the
// record, if the image has none yet, and never another commit. However many images have the
// content, a commit changes a limited number of them.
func TestPlaceholderBudget(t *testing.T) {
	t.Parallel()
	const page = 4096
	s := withoutSweeper(newStore(t, Options{NoSync: true}))
	for i := range 100 {
		budgetPut(t, s, "old", i, 100)
	}
	img, err := s.Stat(ctx, "old-50.png")
	must(t, err)
	variant := func(key, placeholder string) cost {
		before := costs(s)
		_, err := s.PutVariant(ctx, img.SHA256, key, strings.NewReader(key), db.VariantOptions{Budget: 1 << 20, Placeholder: placeholder})
		must(t, err)
		return costs(s).minus(before)
	}
	variant("first", "")
	plain := variant("plain", "")
	given, again := variant("given", strings.Repeat("p", 28)), variant("again", strings.Repeat("q", 28))
	if given.reads != plain.reads || given.commits != 1 || given.bytes > plain.bytes+3*page {
		t.Errorf("a PutVariant with a placeholder costs %+v, and without %+v: want at most three pages more", given, plain)
	}
	if again.commits != 1 || again.bytes > plain.bytes {
		t.Errorf("a PutVariant for an image that has a placeholder costs %+v, and without %+v: want no more", again, plain)
	}

	data := []byte("many images have these bytes")
	for i := range maxPlaceholders + 10 {
		img, _, err = s.Put(ctx, fmt.Sprintf("many-%d.png", i), bytes.NewReader(data), db.PutOptions{})
		must(t, err)
	}
	variant("many", "red")
	images, _, err := s.List(ctx, db.ListOptions{Limit: 1000, Match: "many-"})
	must(t, err)
	n := 0
	for _, img := range images {
		if img.Placeholder == "red" {
			n++
		}
	}
	if n != maxPlaceholders {
		t.Errorf("%d of %d images got the placeholder, want %d", n, len(images), maxPlaceholders)
	}
}

// cost is what some calls cost.
type cost struct {
	reads, commits int
	writes, bytes  int64
}

// costs returns what all calls so far have cost.
func costs(s *Store) cost {
	stats := s.db.Stats()
	commits := int(s.lastTx.Load())
	return cost{stats.TxN, commits, stats.TxStats.GetWrite(), stats.TxStats.GetPageAlloc() + int64(commits)*s.pageSize}
}

func (c cost) minus(o cost) cost {
	return cost{c.reads - o.reads, c.commits - o.commits, c.writes - o.writes, c.bytes - o.bytes}
}

func (c cost) max(o cost) cost {
	return cost{max(c.reads, o.reads), max(c.commits, o.commits), max(c.writes, o.writes), max(c.bytes, o.bytes)}
}

// budgetPut stores size bytes that no other number has. As a server does, it looks at the
// beginning of the content.
func budgetPut(t *testing.T, s *Store, name string, number, size int) {
	t.Helper()
	body := bytes.Repeat([]byte(name), size/len(name)+1)[:size]
	binary.BigEndian.PutUint64(body, uint64(number))
	o := db.PutOptions{Inspect: func(r io.ReaderAt, _ *db.Image) error {
		_, err := r.ReadAt(make([]byte, min(size, 8<<10)), 0)
		return err
	}}
	binary.BigEndian.PutUint64(o.DeleteKeyHash[:], uint64(s.now().UnixNano()))
	_, _, err := s.Put(ctx, fmt.Sprintf("%s-%d.png", name, number), bytes.NewReader(body), o)
	must(t, err)
}
