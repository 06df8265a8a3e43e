package offline

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

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

// records reads all records, and notes what they refer to.
func (c *checker) records() {
	if kept, err := layout.ParseUsage(c.keptCounts); err == nil { // room for as many as there are said to be and can be
		c.refs = make([]reference, 0, max(0, min(kept.Images+kept.Trash+kept.Copies, int64(c.Meta.High)*16, 1<<22)))
	}
	for _, bucket := range layout.RecordBuckets {
		c.visit(bucket, func(k, v []byte) { c.record(bucket, k, v) })
	}
}

// record reads one record.
func (c *checker) record(bucket, k, v []byte) {
	r, err := layout.ParseRecord(bucket, k, v)
	switch unreadable := (reference{bucket: bucket, key: string(k)}); {
	case err != nil && bytes.Equal(bucket, layout.CopiesBucket):
		c.badCopy(unreadable, "its record cannot be read")
		return
	case err != nil:
		c.plan.unreadable = append(c.plan.unreadable, unreadable)
		return
	}
	r.Count(&c.Usage, 1)
	for _, ix := range layout.Indexes {
		if k, v := ix.Entry(r); k != nil {
			c.expect(ix.Bucket, k, v)
		}
	}
	c.refer(r, bucket, k)
}

func (c *checker) refer(r *layout.Record, bucket, k []byte) {
	c.refs = append(c.refs, reference{
		blob: r.Blob, chunkSize: r.ChunkSize, size: r.Size, sum: r.SHA256, bucket: bucket, key: string(k),
	})
}

func (c *checker) badCopy(r reference, what string) {
	c.plan.copies = append(c.plan.copies, r)
	c.problem(r.title(), adviseCopy, "%s", what)
}

// indices reads what can be made of the records, and compares.
func (c *checker) indexes() {
	for _, ix := range layout.Indexes {
		name := ix.Bucket
		t := c.tally(name)
		c.visit(name, func(k, v []byte) {
			t.have.n++
			t.have.sum += hashEntry(k, v)
		})
		if t.have != t.want {
			c.plan.indexes = append(c.plan.indexes, name)
			c.problem("", "--repair rebuilds it", "the index %q has %d entries, and not the %d that the records ask for", name, t.have.n, t.want.n)
		}
	}
	c.visit(layout.OrphansBucket, func(k, _ []byte) {
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
		if bytes.Equal(r.bucket, layout.CopiesBucket) {
			named[db.Digest([]byte(r.key[:len(db.Digest{})]))] = false
		}
	}
	var last *reference
	for i := range c.refs {
		r := &c.refs[i]
		if bytes.Equal(r.bucket, layout.CopiesBucket) {
			continue
		}
		if last == nil || last.sum != r.sum {
			c.Blobs++
			c.Stored += r.size
		}
		last = r
		if _, ok := named[r.sum]; ok && bytes.Equal(r.bucket, layout.ImagesBucket) {
			named[r.sum] = true
		}
	}
	for _, r := range c.refs {
		if bytes.Equal(r.bucket, layout.CopiesBucket) && !named[db.Digest([]byte(r.key[:len(db.Digest{})]))] {
			c.badCopy(r, "it is of no image that is there")
		}
	}
}
