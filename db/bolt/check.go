package bolt

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"imageserver/db"
)

// Problem is one thing that Check found to be wrong.
type Problem struct {
	Image  string // the image it concerns, or empty
	What   string
	Advice string // what can be done, or empty where repairing does it
}

// String returns one line that a terminal can show: a damaged file may hold any
// bytes where a name should be.
func (p Problem) String() string {
	s := p.What
	if p.Image != "" {
		s = p.Image + ": " + s
	}
	if p.Advice != "" {
		s += "; " + p.Advice
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// Meter is told how far a long piece of work is. Its methods are called by one
// goroutine.
type Meter interface {
	Add(n int64)
	Close()
}

// Watch is what Check and Compact tell while they work. The zero value hears
// nothing.
type Watch struct {
	// Found is told each problem.
	Found func(Problem)
	// Begin is told of each piece of work and how many bytes it will read.
	Begin func(what string, bytes int64) Meter
}

func (w Watch) begin(what string, bytes int64) Meter {
	if w.Begin == nil {
		return silent{}
	}
	return w.Begin(what, bytes)
}

type silent struct{}

func (silent) Add(int64) {}
func (silent) Close()    {}

// Report is what Check found.
type Report struct {
	db.Usage        // counted anew, of what has a readable record
	Problems   int  // those that Found was told
	Damaged    int  // images that cannot be read whole, with those in the trash
	Structural bool // pages are damaged: there may have been images that nothing is known of
}

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
	f, err := openLocked(path, true)
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
	*walker
	changed time.Time // the file, the last time
	where   string    // the bucket that is being read
	buckets map[string]bucket
	tallies map[string]*tally
	kept    []byte // the counts as the file has them
	refs    []reference
	orphans map[uint64]bool
	blob    blobCheck
	astray  []lost // sound blobs that are not what some of their records say
	plan    plan
}

// plan is what repairing has to do.
type plan struct {
	unreadable []reference     // records, of which nothing but the key is known
	rescue     []*record       // records that are lost, made of what else there is
	damaged    []damage        // images whose bytes are not what their records say
	relink     []reference     // records of those, as they should be
	copies     []reference     // to be dropped: damaged, or of no image
	indices    [][]byte        // those that are wrong
	lost       map[uint64]lost // blobs that nothing refers to
	rescued    map[uint64]bool // blobs that are to be deleted and are an image's
	sequence   uint64          // the highest blob
	freeList   bool            // it is wrong
}

// reference is a record's, to a blob.
type reference struct {
	blob      uint64
	chunkSize int
	size      int64
	sum       db.Digest
	bucket    []byte // the record's
	key       string
	bad       bool // the blob is not what the record says
}

// check reads a file whose lock is held.
func check(ctx context.Context, f *os.File, watch Watch) (*checker, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, plain(err)
	}
	pages, err := readPages(f)
	if err != nil {
		return nil, err
	}
	c := &checker{ctx: ctx, watch: watch, changed: stamp(info.ModTime()), buckets: map[string]bucket{}, tallies: map[string]*tally{}, orphans: map[uint64]bool{}}
	c.plan.lost, c.plan.rescued = map[uint64]lost{}, map[uint64]bool{}
	before := int64(0) // what was read before it was known to be a file of ours
	c.walker = newWalker(pages, c.badPage, func(n int64) { before += n })
	c.stop = func() bool { return ctx.Err() != nil }
	err = c.top()
	if ctx.Err() != nil { // what it did not get to see is not for that another's, or damaged
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	meter := watch.begin("Checking", pages.inUse())
	defer meter.Close()
	meter.Add(before)
	c.walker.read = meter.Add
	c.records()
	c.indices()
	c.sources()
	c.contents()
	c.lostRecords()
	c.damagedRecords()
	c.lostBlobs()
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

// allBuckets are those of this version of the layout.
var allBuckets = [][]byte{
	metaBucket, imagesBucket, trashBucket, copiesBucket, recentBucket, digestsBucket,
	tokensBucket, deletedBucket, dueBucket, madeBucket, orphansBucket, chunksBucket,
}

// isOurs reports whether the layout has a bucket of that name.
func isOurs(name []byte) bool {
	return slices.ContainsFunc(allBuckets, func(b []byte) bool { return bytes.Equal(b, name) })
}

// top reads the pages that lead to all others and the bucket that says what
// kind of file it is.
func (c *checker) top() error {
	c.where = "file"
	if err := c.checkSize(); err != nil {
		c.Structural = true
		c.problem("", "restore your backup", "the file %v", err)
	}
	if c.torn != nil {
		c.problem("", "what was stored last may be missing", "%v", c.torn)
	}
	var other []byte
	c.bucket(c.meta.root, func(k, _ []byte, nested *bucket) {
		if nested != nil && isOurs(k) {
			b := *nested
			b.inline = bytes.Clone(b.inline)
			c.buckets[string(k)] = b
			return
		}
		other = bytes.Clone(k)
	})
	if len(c.buckets) == 0 && other != nil {
		return foreignFile(other)
	}
	var format []byte
	c.visit(metaBucket, func(k, v []byte) {
		switch string(k) {
		case string(formatKey):
			format = bytes.Clone(v)
		case string(usageKey):
			c.kept = bytes.Clone(v)
		}
	})
	if format != nil {
		have, err := parseFormat(format, len(upgrades))
		switch {
		case err != nil:
			return err
		case have < len(upgrades):
			return fmt.Errorf("made by an older version of this program (format %d, this one has %d); start the server with it once", have, len(upgrades))
		}
	} else if !c.Structural {
		return errors.New("a bbolt file of another program; choose another path")
	}
	for _, name := range allBuckets {
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
	c.bucket(b, func(k, v []byte, nested *bucket) {
		if nested != nil {
			c.badPage(fmt.Errorf("a bucket %q where none belongs", k))
			return
		}
		fn(k, v)
	})
}

// tally adds up what is in an index and what the records say should be: a
// count, and the sum of the hashes of the entries, which does not ask for their
// order.
type tally struct {
	have, want struct {
		n   int64
		sum uint64
	}
}

var tallySeed = maphash.MakeSeed()

func hashEntry(k, v []byte) uint64 {
	return maphash.Bytes(tallySeed, k) ^ 3*maphash.Bytes(tallySeed, v)
}

func (c *checker) tally(bucket []byte) *tally {
	t := c.tallies[string(bucket)]
	if t == nil {
		t = new(tally)
		c.tallies[string(bucket)] = t
	}
	return t
}

func (c *checker) expect(bucket, k, v []byte) {
	t := c.tally(bucket)
	t.want.n++
	t.want.sum += hashEntry(k, v)
}

// Advice on images whose bytes or records are damaged.
const (
	adviseBytes  = "upload the same bytes again, which mends it, or restore your backup"
	adviseShared = "--repair first: its record leads to the bytes of another; then " + adviseBytes
	adviseRelink = "--repair mends its record: the bytes are there"
	adviseRecord = "restore your backup"
	adviseCopy   = "--repair drops it, and it is made again when it is asked for"
)

// records reads all records, and notes what they refer to.
func (c *checker) records() {
	if kept, err := parseUsage(c.kept); err == nil { // room for as many as there are said to be and can be
		c.refs = make([]reference, 0, max(0, min(kept.Images+kept.Trash+kept.Copies, int64(c.meta.high)*16, 1<<22)))
	}
	for _, bucket := range [][]byte{imagesBucket, trashBucket} {
		c.visit(bucket, func(k, v []byte) {
			r, err := unmarshalRecord(title(bucket, k), v)
			if err == nil && bytes.Equal(bucket, trashBucket) {
				r.Name = trashName(k)
			}
			if err != nil || !bytes.Equal(r.key(), k) || !bytes.Equal(r.bucket(), bucket) {
				c.plan.unreadable = append(c.plan.unreadable, reference{bucket: bucket, key: string(k)})
				return
			}
			r.count(&c.Usage, 1)
			for _, e := range r.entries()[1:] {
				c.expect(e.bucket, e.key, e.value)
			}
			c.refer(r, bucket, k)
		})
	}
	c.visit(copiesBucket, func(k, v []byte) {
		r, err := unmarshalRecord(copyTitle(k), v)
		if err != nil || len(k) <= len(db.Digest{}) {
			c.badCopy(reference{bucket: copiesBucket, key: string(k)}, "its record cannot be read")
			return
		}
		c.Copies++
		c.CopyBytes += r.Size
		c.expect(madeBucket, idKey(r.blob), k)
		c.refer(r, copiesBucket, k)
	})
}

func (c *checker) refer(r *record, bucket, k []byte) {
	c.refs = append(c.refs, reference{
		blob: r.blob, chunkSize: r.chunkSize, size: r.Size, sum: r.SHA256, bucket: bucket, key: string(k),
	})
}

// title is what messages call the image or the copy under a key.
func title(bucket, k []byte) string {
	switch {
	case bytes.Equal(bucket, trashBucket):
		return trashName(k) + " (in the trash)"
	case bytes.Equal(bucket, copiesBucket):
		return "resized copy " + copyTitle(k)
	}
	return string(k)
}

func (c *checker) badCopy(r reference, what string) {
	c.plan.copies = append(c.plan.copies, r)
	c.problem(r.title(), adviseCopy, "%s", what)
}

// indices reads what can be made of the records, and compares.
func (c *checker) indices() {
	for _, name := range [][]byte{recentBucket, digestsBucket, tokensBucket, deletedBucket, dueBucket, madeBucket} {
		t := c.tally(name)
		c.visit(name, func(k, v []byte) {
			t.have.n++
			t.have.sum += hashEntry(k, v)
		})
		if t.have != t.want {
			c.plan.indices = append(c.plan.indices, name)
			c.problem("", "--repair rebuilds it", "the index %q has %d entries, and not the %d that the records ask for", name, t.have.n, t.want.n)
		}
	}
	c.visit(orphansBucket, func(k, _ []byte) {
		if len(k) != 8 {
			c.problem("", "--repair drops it", "an entry of the list of blobs to be deleted cannot be read")
			return
		}
		c.orphans[binary.BigEndian.Uint64(k)] = true
	})
}

// sources counts distinct contents and looks for the source of each copy.
func (c *checker) sources() {
	slices.SortFunc(c.refs, func(a, b reference) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	named := map[db.Digest]bool{} // of contents of which there are copies
	for _, r := range c.refs {
		if bytes.Equal(r.bucket, copiesBucket) {
			named[db.Digest([]byte(r.key[:len(db.Digest{})]))] = false
		}
	}
	var last *reference
	for i := range c.refs {
		r := &c.refs[i]
		if bytes.Equal(r.bucket, copiesBucket) {
			continue
		}
		if last == nil || last.sum != r.sum {
			c.Blobs++
			c.Stored += r.size
		}
		last = r
		if _, ok := named[r.sum]; ok && bytes.Equal(r.bucket, imagesBucket) {
			named[r.sum] = true
		}
	}
	for _, r := range c.refs {
		if bytes.Equal(r.bucket, copiesBucket) && !named[db.Digest([]byte(r.key[:len(db.Digest{})]))] {
			c.badCopy(r, "it is of no image that is there")
		}
	}
}

// blobCheck is the blob whose chunks are being read.
type blobCheck struct {
	id   uint64
	refs []reference // those to it, or none
	next int         // the number of the chunk that comes next
	size int64
	hash hash.Hash
	err  error // the first thing wrong with it

	chunkSize int // that of its first chunk, and of all others but the last
	last      int // that of the chunk before
}

// contents reads all chunks. They lie in the order of blobs, and so do then the
// references.
func (c *checker) contents() {
	slices.SortFunc(c.refs, func(a, b reference) int { return cmp.Compare(a.blob, b.blob) })
	c.blob.hash = sha256.New()
	c.where = string(chunksBucket)
	rest := c.refs
	if chunks, ok := c.buckets[string(chunksBucket)]; ok {
		c.bucket(chunks, func(place, _ []byte, nested *bucket) {
			if len(place) != len(chunkPlace(0, 0)) || nested == nil {
				c.badPage(fmt.Errorf("an entry %q that is no chunk", place))
				return
			}
			id := binary.BigEndian.Uint64(place)
			if id != c.blob.id {
				c.endBlob()
				rest = c.beginBlob(id, rest)
			}
			c.chunk(place, nested)
		})
	}
	c.endBlob()
	c.missing(rest)
	if id := c.plan.sequence; id > c.buckets[string(chunksBucket)].sequence {
		c.problem("", "--repair sets it right", "blobs would be given numbers that are in use")
	}
}

// beginBlob takes the references to a blob from the rest.
func (c *checker) beginBlob(id uint64, rest []reference) []reference {
	n, _ := slices.BinarySearchFunc(rest, id, func(r reference, id uint64) int { return cmp.Compare(r.blob, id) })
	c.missing(rest[:n])
	rest = rest[n:]
	n, _ = slices.BinarySearchFunc(rest, id+1, func(r reference, id uint64) int { return cmp.Compare(r.blob, id) })
	c.blob.hash.Reset()
	c.blob = blobCheck{id: id, refs: rest[:n], hash: c.blob.hash}
	c.plan.sequence = max(c.plan.sequence, id)
	return rest[n:]
}

// missing is for references to blobs of which there is no chunk.
func (c *checker) missing(refs []reference) {
	for i := range refs {
		if refs[i].size > 0 && c.ctx.Err() == nil {
			c.damaged(&refs[i], errors.New("its bytes are missing"))
		}
	}
}

// chunk reads one chunk.
func (c *checker) chunk(place []byte, b *bucket) {
	number := int(binary.BigEndian.Uint32(place[8:]))
	seen := false
	c.bucket(*b, func(k, v []byte, nested *bucket) {
		if nested != nil { // which bbolt would walk to delete the chunk
			c.badPage(fmt.Errorf("chunk %d of blob %d is a bucket", number, c.blob.id))
			return
		}
		if !bytes.Equal(k, chunkKey) || len(v) < crcSize {
			c.blob.fail(fmt.Errorf("chunk %d holds something else", number))
			return
		}
		seen = true
		if number != c.blob.next {
			c.blob.fail(fmt.Errorf("chunk %d is missing", c.blob.next))
		}
		if binary.BigEndian.Uint32(v) != checksum(place, v[crcSize:]) {
			c.blob.fail(fmt.Errorf("the checksum of chunk %d is wrong", number))
		}
		n := len(v) - crcSize
		if number == 0 {
			c.blob.chunkSize = n
		} else if c.blob.last != c.blob.chunkSize || n > c.blob.chunkSize {
			c.blob.fail(fmt.Errorf("chunk %d has %d bytes after one of %d", number, n, c.blob.last))
		}
		c.blob.last = n
		c.blob.hash.Write(v[crcSize:])
		c.blob.size += int64(n)
	})
	if !seen {
		c.blob.fail(fmt.Errorf("chunk %d cannot be read", number))
	}
	c.blob.next = number + 1
}

func (b *blobCheck) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// endBlob judges the blob whose chunks have been read.
func (c *checker) endBlob() {
	b := &c.blob
	if b.id == 0 || c.ctx.Err() != nil {
		return
	}
	l := lost{id: b.id, size: b.size, chunkSize: b.chunkSize, sound: b.err == nil}
	b.hash.Sum(l.sum[:0])
	if len(b.refs) == 0 {
		if !c.orphans[b.id] {
			c.plan.lost[b.id] = l
		}
		return
	}
	if c.orphans[b.id] {
		c.plan.rescued[b.id] = true
		c.problem(c.blob.refs[0].title(), "--repair takes it off that list; do not start the server before", "its bytes are listed to be deleted")
	}
	for i := range b.refs {
		r := &b.refs[i]
		switch {
		case b.err != nil:
			c.damaged(r, b.err)
		case b.size != r.size:
			c.damaged(r, fmt.Errorf("it has %d bytes, want %d", b.size, r.size))
		case r.chunkSize != b.chunkSize && (b.next > 1 || r.chunkSize < b.chunkSize):
			c.damaged(r, fmt.Errorf("its chunks have %d bytes, want %d", b.chunkSize, r.chunkSize))
		case l.sum != r.sum:
			c.damaged(r, errors.New("its SHA-256 is not that of the upload"))
		}
	}
	if b.err == nil && slices.ContainsFunc(b.refs, func(r reference) bool { return r.bad }) {
		c.astray = append(c.astray, l)
	}
}

func (r reference) title() string { return title(r.bucket, []byte(r.key)) }

// damage is an image whose bytes are not what its record says.
type damage struct {
	reference
	err error
}

func (c *checker) damaged(r *reference, err error) {
	r.bad = true
	if bytes.Equal(r.bucket, copiesBucket) {
		c.badCopy(*r, err.Error())
		return
	}
	c.plan.damaged = append(c.plan.damaged, damage{*r, err})
}

// counts compares the counts that the file keeps with what there is.
func (c *checker) counts() {
	kept, err := parseUsage(c.kept)
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
	free, own, err := c.freeList()
	if err != nil {
		c.plan.freeList = true
		c.problem("", advice, "%v", err)
		return
	}
	both := 0
	for _, id := range slices.Concat(free, own) {
		if id/64 >= uint64(len(c.used)) {
			continue // behind the end of a file that was cut short
		}
		if c.used.has(id) {
			both++
		}
		c.used.set(id)
	}
	if both > 0 {
		c.plan.freeList = true
		c.problem("", advice+"; do not start the server before", "list of free pages: %d of them are in use, and would be written over", both)
	}
	if c.Structural || c.meta.free == noFreeList {
		return // nobody knows which pages are missing, or the list is made when the file is opened
	}
	lost := 0
	for id := range c.meta.high {
		if !c.used.has(id) {
			lost++
		}
	}
	if lost > 0 {
		c.plan.freeList = true
		c.problem("", advice, "list of free pages: %d pages are missing", lost)
	}
}
