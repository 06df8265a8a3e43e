package offline

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// tally compares the entries of an index with the entries that the records should have
// there. It compares how many entries there are, and the sum of their hashes. The sum
// does not depend on the order of the entries.
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

func (c *checker) tally(index []byte) *tally {
	t := c.tallies[string(index)]
	if t == nil {
		t = new(tally)
		c.tallies[string(index)] = t
	}
	return t
}

// records reads all records.
func (c *checker) records() {
	// Make space for as many references as the counts say, if such a number is possible.
	if kept, err := layout.ParseUsage(c.keptCounts); err == nil {
		c.refs = make([]reference, 0, max(0, min(kept.Images+kept.Trash+kept.Variants, int64(c.file.Meta.High)*16, 1<<22)))
	}
	for _, bucket := range layout.RecordBuckets {
		c.visit(bucket, func(k, v []byte) { c.record(bucket, k, v) })
	}
}

// record reads one record. It remembers the blob of the record, and the index entries
// that the record should have.
func (c *checker) record(bucket, k, v []byte) {
	r, err := layout.ParseRecord(bucket, k, v)
	if err != nil {
		unreadable := reference{bucket: bucket, key: string(k)}
		if unreadable.isVariant() {
			c.badVariant(unreadable, "its record cannot be read")
		} else {
			c.plan.unreadable = append(c.plan.unreadable, unreadable)
		}
		return
	}
	r.Count(&c.report.Usage, 1)
	for _, ix := range layout.Indexes {
		if k, v := ix.Entry(r); k != nil {
			t := c.tally(ix.Bucket)
			t.want.n++
			t.want.sum += hashEntry(k, v)
		}
	}
	c.refs = append(c.refs, reference{
		blob: r.Blob, chunkSize: r.ChunkSize, size: r.Size, sum: r.SHA256, bucket: bucket, key: string(k),
	})
}

func (c *checker) badVariant(r reference, what string) {
	c.plan.variants = append(c.plan.variants, r)
	c.problem(r.title(), adviseVariant, "%s", what)
}

// indexes reads the indexes and compares them with the records. It also reads the list
// of orphans, which are blobs to delete.
func (c *checker) indexes() {
	for _, ix := range layout.Indexes {
		if ix.Since > c.format {
			continue // the upgrade creates this index
		}
		t := c.tally(ix.Bucket)
		c.visit(ix.Bucket, func(k, v []byte) {
			t.have.n++
			t.have.sum += hashEntry(k, v)
		})
		c.plan.indexes = c.plan.indexes || t.have != t.want
		switch {
		case t.have.n != t.want.n:
			c.problem("", "--repair corrects it", "index %q has %d entries, want %d", ix.Bucket, t.have.n, t.want.n)
		case t.have != t.want:
			c.problem("", "--repair corrects it", "index %q has wrong entries", ix.Bucket)
		}
	}
	c.visit(layout.OrphansBucket, func(k, _ []byte) {
		if len(k) != 8 {
			c.problem("", "--repair deletes it", "an entry in the list of blobs to delete cannot be read")
			return
		}
		c.orphans[binary.BigEndian.Uint64(k)] = true
	})
}

// sources counts the distinct contents. It also looks for the original image of each
// variant.
func (c *checker) sources() {
	slices.SortFunc(c.refs, func(a, b reference) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	source := func(r reference) db.Digest { return db.Digest([]byte(r.key[:len(db.Digest{})])) }
	hasImage := map[db.Digest]bool{} // the contents that have variants
	for _, r := range c.refs {
		if r.isVariant() {
			hasImage[source(r)] = false
		}
	}
	var last *reference
	for i := range c.refs {
		r := &c.refs[i]
		if r.isVariant() {
			continue
		}
		if last == nil || last.sum != r.sum {
			c.report.Blobs++
			c.report.Stored += r.size
		}
		last = r
		if _, ok := hasImage[r.sum]; ok && r.isImage() {
			hasImage[r.sum] = true
		}
	}
	for _, r := range c.refs {
		if r.isVariant() && !hasImage[source(r)] {
			c.badVariant(r, "its original image does not exist")
		}
	}
}
