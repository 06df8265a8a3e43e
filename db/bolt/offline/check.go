package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// Check reads the whole of the data file at path: every page, every chunk and
// its checksum, every image and its SHA-256, and whatever refers to another
// thing, in both directions. It changes nothing. It takes the file's lock, so
// it refuses one that a server uses, and some 300 bytes of memory an image.
//
// It reads the pages by itself and not through bbolt, whose own check may loop
// or kill the process where a file is damaged, and takes 40 bytes of memory a
// page. The tests hold its verdict against bbolt's.
//
// The error is for a file that cannot be checked at all. What is wrong with
// the others is told to watch.Found, and counted.
func Check(ctx context.Context, path string, watch Watch) (*Report, error) {
	f, err := datafile.OpenLocked(path, true)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	defer f.Close()
	c, err := check(ctx, f, watch)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	return &c.Report, nil
}

// checker does one Check.
type checker struct {
	Report
	ctx   context.Context
	watch Watch
	*page.Walker
	changed    time.Time // the file, the last time
	where      string    // the bucket that is being read
	buckets    map[string]page.Bucket
	tallies    map[string]*tally
	keptCounts []byte // the counts as the file has them
	refs       []reference
	orphans    map[uint64]bool
	blob       blobCheck
	mismatched []foundBlob // sound blobs that are not what some of their records say
	plan       plan
}

// check reads a file whose lock is held.
func check(ctx context.Context, f *os.File, watch Watch) (*checker, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, datafile.Plain(err)
	}
	pages, err := page.Read(f)
	if err != nil {
		return nil, datafile.Plain(err)
	}
	c := &checker{ctx: ctx, watch: watch, changed: layout.Stamp(info.ModTime()), buckets: map[string]page.Bucket{}, tallies: map[string]*tally{}, orphans: map[uint64]bool{}}
	c.plan.unowned, c.plan.listed = map[uint64]foundBlob{}, map[uint64]bool{}
	before := int64(0) // what was read before it was known to be a file of ours
	c.Walker = page.NewWalker(pages, c.badPage, func(n int64) { before += n })
	c.Stop = func() bool { return ctx.Err() != nil }
	err = c.top()
	if ctx.Err() != nil { // what it did not get to see is not for that another's, or damaged
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	meter := watch.begin("Checking", pages.InUse())
	defer meter.Close()
	meter.Add(before)
	c.Walker.Read = meter.Add
	c.records()
	c.indexes()
	c.sources()
	c.contents()
	c.lostRecords()
	c.damagedRecords()
	c.unownedBlobs()
	c.counts()
	c.pages()
	return c, ctx.Err()
}

func (c *checker) problem(image, advice, format string, args ...any) {
	if c.ctx.Err() != nil {
		return // it may be one for want of what was not read any more
	}
	c.Problems++
	if c.watch.Found != nil {
		c.watch.Found(Problem{Image: image, Advice: advice, What: fmt.Sprintf(format, args...)})
	}
}

// badPage is told of pages that are damaged.
func (c *checker) badPage(err error) {
	c.Structural = true
	c.problem("", "", "%s: %v", c.where, err)
}

// top reads the pages that lead to all others and the bucket that says what
// kind of file it is.
func (c *checker) top() error {
	c.where = "file"
	if err := c.CheckSize(); err != nil {
		c.Structural = true
		c.problem("", "restore your backup", "the file %v", err)
	}
	if c.Torn != nil {
		c.problem("", "what was stored last may be missing", "%v", c.Torn)
	}
	var other []byte
	c.Bucket(c.Meta.Root, func(k, _ []byte, nested *page.Bucket) {
		if nested != nil && layout.IsBucket(k) {
			b := *nested
			b.Inline = bytes.Clone(b.Inline)
			c.buckets[string(k)] = b
			return
		}
		other = bytes.Clone(k)
	})
	if len(c.buckets) == 0 && other != nil {
		return layout.ForeignFile(other)
	}
	var format []byte
	c.visit(layout.MetaBucket, func(k, v []byte) {
		switch string(k) {
		case string(layout.FormatKey):
			format = bytes.Clone(v)
		case string(layout.UsageKey):
			c.keptCounts = bytes.Clone(v)
		}
	})
	if format != nil {
		have, err := layout.ParseFormat(format)
		switch {
		case err != nil:
			return err
		case have < layout.OldestChecked:
			return fmt.Errorf("written by an older version of this program (format %d; check reads formats %d to %d); start the server with this file once, which upgrades it, and run check again", have, layout.OldestChecked, layout.NewestFormat())
		}
	} else if !c.Structural {
		return errors.New("a bbolt file of another program; choose another path")
	}
	for _, name := range layout.Buckets() {
		if _, ok := c.buckets[string(name)]; !ok {
			c.Structural = true
			c.problem("", "", "the bucket %q is missing", name)
		}
	}
	return nil
}

// visit visits a bucket in which there are no others.
func (c *checker) visit(name []byte, fn func(k, v []byte)) {
	b, ok := c.buckets[string(name)]
	if !ok {
		return
	}
	c.where = string(name)
	c.Bucket(b, func(k, v []byte, nested *page.Bucket) {
		if nested != nil {
			c.badPage(fmt.Errorf("a bucket %q where none belongs", k))
			return
		}
		fn(k, v)
	})
}

// counts compares the counts that the file keeps with what there is.
func (c *checker) counts() {
	kept, err := layout.ParseUsage(c.keptCounts)
	switch {
	case err != nil:
		c.problem("", "--repair counts anew", "the counts cannot be read")
	case kept != c.Usage:
		c.problem("", "--repair counts anew", "the counts are wrong: %+v, want %+v", kept, c.Usage)
	}
}

// pages compares the pages that are free with those that were visited.
func (c *checker) pages() {
	if c.ctx.Err() != nil {
		return
	}
	const advice = "--repair makes a new one"
	both, lost, err := c.CompareFree()
	if err != nil {
		c.plan.freeList = true
		c.problem("", advice, "%v", err)
		return
	}
	if both > 0 {
		c.plan.freeList = true
		c.problem("", advice+"; do not start the server before", "list of free pages: %d of them are in use, and would be overwritten", both)
	}
	if lost > 0 && !c.Structural { // damaged pages lead to pages that were not visited
		c.plan.freeList = true
		c.problem("", advice, "list of free pages: %d pages are missing", lost)
	}
}
