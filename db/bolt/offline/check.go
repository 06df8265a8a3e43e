package offline

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// Check reads the whole data file at path. It reads every page, every chunk with its
// checksum, and every image with its SHA-256. It follows every reference in both
// directions. It changes nothing. It locks the file. If a server has the file open, it
// returns an error. It needs about 300 bytes of memory for each image.
//
// Check reads the pages itself instead of using bbolt. On a damaged file, the check of
// bbolt may never end, or may kill the process. It also needs 40 bytes of memory for
// each page. The tests compare both checks.
//
// Check counts the problems, and passes them to watch.Found. An error means that the
// file cannot be checked at all.
func Check(ctx context.Context, path string, watch Watch) (*Report, error) {
	c, err := checkPath(ctx, path, watch, true)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	return c, nil
}

// checkPath locks a file and checks it. If `readOnly` is true, the file need not be
// writable.
func checkPath(ctx context.Context, path string, watch Watch, readOnly bool) (*Report, error) {
	f, err := datafile.OpenLocked(path, readOnly)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := check(ctx, f, watch)
	if err != nil {
		return nil, err
	}
	return &c.report, nil
}

// checker has the data of one call of Check.
type checker struct {
	ctx    context.Context
	watch  Watch
	file   *page.File
	walk   *page.Walker // visits each page once
	report Report
	plan   plan

	format     int                    // of the file; the newest format if the number is in a damaged page
	changed    time.Time              // when the file was last changed
	where      string                 // the bucket that is being read
	buckets    map[string]page.Bucket // the buckets at the top, by name
	tallies    map[string]*tally      // of the indexes, by bucket
	keptCounts []byte                 // the counts that are stored in the file
	refs       []reference
	orphans    map[uint64]bool // ids of the blobs that the file lists as blobs to delete
	blob       blobCheck
	mismatched []foundBlob // blobs without damage that differ from some of their records
}

// check checks a file that the caller has locked.
func check(ctx context.Context, f *os.File, watch Watch) (*checker, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, datafile.Plain(err)
	}
	file, err := page.Read(f)
	if err != nil {
		return nil, datafile.Plain(err)
	}
	c := &checker{
		ctx:     ctx,
		watch:   watch,
		file:    file,
		plan:    plan{unowned: map[uint64]foundBlob{}, listed: map[uint64]bool{}},
		changed: db.Stamp(info.ModTime()),
		buckets: map[string]page.Bucket{},
		tallies: map[string]*tally{},
		orphans: map[uint64]bool{},
	}
	before := int64(0) // how many bytes were read before meter exists
	c.walk = page.NewWalker(file, c.badPage, func(n int64) { before += n })
	c.walk.Stop = func() bool { return ctx.Err() != nil }
	err = c.top()
	if ctx.Err() != nil { // a cancelled check must not report unread data as foreign or damaged
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	meter := watch.begin("Checking", file.InUse())
	defer meter.Close()
	meter.Add(before)
	c.walk.Read = meter.Add
	for _, step := range []func(){
		c.records, c.indexes, c.sources, c.contents, c.lostRecords, c.damagedRecords, c.unownedBlobs, c.counts, c.freePages,
	} {
		step()
	}
	return c, ctx.Err()
}

func (c *checker) problem(image, advice, format string, args ...any) {
	if c.ctx.Err() != nil {
		return // Check was cancelled: the problem may be only that some data was not read
	}
	c.report.Problems++
	if c.watch.Found != nil {
		c.watch.Found(Problem{Image: image, Advice: advice, What: fmt.Sprintf(format, args...)})
	}
}

// badPage reports a damaged page.
func (c *checker) badPage(err error) {
	c.report.Structural = true
	c.problem("", "", "%s: %v", c.where, err)
}

// top reads the pages that lead to all others. It also reads the meta bucket, which
// says what kind of file this is.
func (c *checker) top() error {
	c.where = "file"
	if err := c.file.CheckSize(); err != nil {
		c.report.Structural = true
		c.problem("", "restore your backup", "the file %v", err)
	}
	if c.file.Torn != nil {
		c.problem("", "the last changes may be missing", "%v", c.file.Torn)
	}
	var other []byte
	c.walk.Bucket(c.file.Meta.Root, func(k, _ []byte, nested *page.Bucket) {
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
	if err := c.meta(); err != nil {
		return err
	}
	for _, name := range layout.Buckets(c.format) {
		if _, ok := c.buckets[string(name)]; !ok {
			c.report.Structural = true
			c.problem("", "", "the bucket %q is missing", name)
		}
	}
	return nil
}

// meta reads the format number and the counts, and sets c.format.
func (c *checker) meta() error {
	var format []byte
	c.visit(layout.MetaBucket, func(k, v []byte) {
		switch string(k) {
		case string(layout.FormatKey):
			format = bytes.Clone(v)
		case string(layout.UsageKey):
			c.keptCounts = bytes.Clone(v)
		}
	})
	c.format = layout.NewestFormat()
	if format == nil && c.report.Structural {
		return nil // the format number was in a damaged page
	}
	have, err := layout.ParseFormat(format)
	if err == nil && have < layout.OldestChecked {
		err = fmt.Errorf("written by an older version of this program (format %d; check reads formats %d to %d); start the server with this file once, which upgrades it, and run check again", have, layout.OldestChecked, layout.NewestFormat())
	}
	if err == nil {
		c.format = have
	}
	return err
}

// visit calls fn with the entries of a bucket. The bucket must have no buckets inside
// it.
func (c *checker) visit(name []byte, fn func(k, v []byte)) {
	if b, ok := c.buckets[string(name)]; ok {
		c.where = string(name)
		visit(c.walk, b, c.badPage, fn)
	}
}

// visitAgain does the same as visit, for a bucket that was visited before. It reports
// no problems, because they were reported the first time.
func (c *checker) visitAgain(name []byte, fn func(k, v []byte)) {
	if b, ok := c.buckets[string(name)]; ok {
		w := page.NewWalker(c.file, func(error) {}, func(int64) {})
		w.Stop = c.walk.Stop
		visit(w, b, func(error) {}, fn)
	}
}

func visit(w *page.Walker, b page.Bucket, damage func(error), fn func(k, v []byte)) {
	w.Bucket(b, func(k, v []byte, nested *page.Bucket) {
		if nested != nil {
			damage(fmt.Errorf("unexpected bucket %q", k))
			return
		}
		fn(k, v)
	})
}

// counts compares the counts that are stored in the file with the records.
func (c *checker) counts() {
	const advice = "--repair corrects them"
	kept, err := layout.ParseUsage(c.keptCounts)
	switch {
	case err != nil:
		c.problem("", advice, "the counts cannot be read")
	case kept != c.report.Usage:
		c.problem("", advice, "the counts are wrong: %+v, want %+v", kept, c.report.Usage)
	}
}

// freePages compares the list of free pages with the pages that were visited.
func (c *checker) freePages() {
	if c.ctx.Err() != nil {
		return
	}
	const advice = "--repair makes a new list"
	both, lost, err := c.walk.CompareFree()
	if c.report.Structural {
		lost = 0 // damaged pages lead to pages that were not visited
	}
	c.plan.freeList = err != nil || both > 0 || lost > 0
	if err != nil {
		c.problem("", advice, "%v", err)
	}
	if both > 0 {
		c.problem("", advice+"; do not start the server before that", "list of free pages: %d of them are in use, and would be overwritten", both)
	}
	if lost > 0 {
		c.problem("", advice, "list of free pages: %d pages are missing", lost)
	}
}
