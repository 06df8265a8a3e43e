package offline

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"

	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

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
	c.where = string(layout.ChunksBucket)
	rest := c.refs
	if chunks, ok := c.buckets[string(layout.ChunksBucket)]; ok {
		c.Bucket(chunks, func(place, _ []byte, nested *page.Bucket) {
			if len(place) != len(layout.ChunkKey(0, 0)) || nested == nil {
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
	if id := c.plan.sequence; id > c.buckets[string(layout.ChunksBucket)].Sequence {
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
			c.damagedBlob(&refs[i], errors.New("its bytes are missing"))
		}
	}
}

// chunk reads one chunk.
func (c *checker) chunk(place []byte, b *page.Bucket) {
	number := int(binary.BigEndian.Uint32(place[8:]))
	seen := false
	c.Bucket(*b, func(k, v []byte, nested *page.Bucket) {
		if nested != nil { // which bbolt would walk to delete the chunk
			c.badPage(fmt.Errorf("chunk %d of blob %d is a bucket", number, c.blob.id))
			return
		}
		if !bytes.Equal(k, layout.ChunkValueKey) || len(v) < layout.ChecksumSize {
			c.blob.fail(fmt.Errorf("chunk %d holds something else", number))
			return
		}
		seen = true
		if number != c.blob.next {
			c.blob.fail(fmt.Errorf("chunk %d is missing", c.blob.next))
		}
		if binary.BigEndian.Uint32(v) != layout.Checksum(place, v[layout.ChecksumSize:]) {
			c.blob.fail(fmt.Errorf("the checksum of chunk %d is wrong", number))
		}
		n := len(v) - layout.ChecksumSize
		if number == 0 {
			c.blob.chunkSize = n
		} else if c.blob.last != c.blob.chunkSize || n > c.blob.chunkSize {
			c.blob.fail(fmt.Errorf("chunk %d has %d bytes after one of %d", number, n, c.blob.last))
		}
		c.blob.last = n
		c.blob.hash.Write(v[layout.ChecksumSize:])
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
	l := foundBlob{id: b.id, size: b.size, chunkSize: b.chunkSize, sound: b.err == nil}
	b.hash.Sum(l.sum[:0])
	if len(b.refs) == 0 {
		if !c.orphans[b.id] {
			c.plan.unowned[b.id] = l
		}
		return
	}
	if c.orphans[b.id] {
		c.plan.listed[b.id] = true
		c.problem(c.blob.refs[0].title(), "--repair takes it off that list; do not start the server before", "its bytes are listed to be deleted")
	}
	for i := range b.refs {
		r := &b.refs[i]
		switch {
		case b.err != nil:
			c.damagedBlob(r, b.err)
		case b.size != r.size:
			c.damagedBlob(r, fmt.Errorf("it has %d bytes, want %d", b.size, r.size))
		case r.chunkSize != b.chunkSize && (b.next > 1 || r.chunkSize < b.chunkSize):
			c.damagedBlob(r, fmt.Errorf("its chunks have %d bytes, want %d", b.chunkSize, r.chunkSize))
		case l.sum != r.sum:
			c.damagedBlob(r, errors.New("its SHA-256 is not that of the upload"))
		}
	}
	if b.err == nil && slices.ContainsFunc(b.refs, func(r reference) bool { return r.damaged }) {
		c.mismatched = append(c.mismatched, l)
	}
}

func (c *checker) damagedBlob(r *reference, err error) {
	r.damaged = true
	if bytes.Equal(r.bucket, layout.CopiesBucket) {
		c.badCopy(*r, err.Error())
		return
	}
	c.plan.damaged = append(c.plan.damaged, damage{*r, err})
}
