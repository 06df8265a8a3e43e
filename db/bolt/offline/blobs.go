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
	"imageserver/db/chunk"
)

// blobCheck is the blob whose chunks are being read. A blob is the bytes of one or more
// images with the same content, or of one variant.
type blobCheck struct {
	id   uint64
	refs []reference // the references to this blob; there may be none
	next int         // the number of the next chunk
	size int64
	hash hash.Hash
	err  error // the first error of the blob, or nil

	chunkSize int // the size of the first chunk; only the last chunk may have another size
	last      int // the size of the previous chunk
}

func (b *blobCheck) fail(err error) { b.err = cmp.Or(b.err, err) }

// contents reads all chunks. The chunks are in the order of the ids of their blobs. So
// contents sorts the references in this order, too.
func (c *checker) contents() {
	slices.SortFunc(c.refs, func(a, b reference) int { return cmp.Compare(a.blob, b.blob) })
	c.blob.hash = sha256.New()
	c.where = string(layout.ChunksBucket)
	rest := c.refs
	chunks, ok := c.buckets[c.where]
	if ok {
		c.walk.Bucket(chunks, func(key, _ []byte, nested *page.Bucket) {
			if len(key) != len(layout.ChunkKey(0, 0)) || nested == nil {
				c.badPage(fmt.Errorf("the entry %q is not a chunk", key))
				return
			}
			if id := binary.BigEndian.Uint64(key); id != c.blob.id {
				c.endBlob()
				rest = c.beginBlob(id, rest)
			}
			c.chunk(key, nested)
		})
	}
	c.endBlob()
	c.missing(rest)
	if c.plan.sequence > chunks.Sequence {
		c.problem("", "--repair corrects this", "new blobs would get numbers that are in use")
	}
}

// beginBlob begins the blob with this id. It uses the references to this blob from
// `rest`, and returns the references after them. It reports references to blobs before
// this blob, because these blobs have no chunks.
func (c *checker) beginBlob(id uint64, rest []reference) []reference {
	before := func(id uint64) int {
		n, _ := slices.BinarySearchFunc(rest, id, func(r reference, id uint64) int { return cmp.Compare(r.blob, id) })
		return n
	}
	n := before(id)
	c.missing(rest[:n])
	rest = rest[n:]
	n = before(id + 1)
	c.blob.hash.Reset()
	c.blob = blobCheck{id: id, refs: rest[:n], hash: c.blob.hash}
	c.plan.sequence = max(c.plan.sequence, id)
	return rest[n:]
}

// missing reports references to blobs that have no chunks.
func (c *checker) missing(refs []reference) {
	for i := range refs {
		if refs[i].size > 0 && c.ctx.Err() == nil {
			c.damagedBlob(&refs[i], errors.New("its bytes are missing"))
		}
	}
}

// chunk reads one chunk, which is alone in its bucket.
func (c *checker) chunk(key []byte, b *page.Bucket) {
	number := int(binary.BigEndian.Uint32(key[8:]))
	seen := false
	c.walk.Bucket(*b, func(k, v []byte, nested *page.Bucket) {
		switch {
		case nested != nil: // to delete the chunk, bbolt would visit this bucket
			c.badPage(fmt.Errorf("chunk %d of blob %d is a bucket", number, c.blob.id))
		case !bytes.Equal(k, layout.ChunkValueKey) || len(v) < chunk.ChecksumSize:
			c.blob.fail(fmt.Errorf("chunk %d contains other data", number))
		default:
			seen = true
			c.blob.add(number, key, v)
		}
	})
	if !seen {
		c.blob.fail(fmt.Errorf("chunk %d cannot be read", number))
	}
	c.blob.next = number + 1
}

// add checks the next chunk. `number` and `key` are those of the chunk. v has the
// checksum, and then the bytes of the chunk.
func (b *blobCheck) add(number int, key, v []byte) {
	sum, data := binary.BigEndian.Uint32(v), v[chunk.ChecksumSize:]
	if number != b.next {
		b.fail(fmt.Errorf("chunk %d is missing", b.next))
	}
	if sum != chunk.Checksum(key, data) {
		b.fail(fmt.Errorf("the checksum of chunk %d is wrong", number))
	}
	if number == 0 {
		b.chunkSize = len(data)
	} else if b.last != b.chunkSize || len(data) > b.chunkSize {
		b.fail(fmt.Errorf("chunk %d has %d bytes after a chunk of %d", number, len(data), b.last))
	}
	b.last = len(data)
	b.hash.Write(data)
	b.size += int64(len(data))
}

// endBlob compares a blob with its references, after all chunks of the blob were read.
func (c *checker) endBlob() {
	b := &c.blob
	if b.id == 0 || c.ctx.Err() != nil {
		return
	}
	found := foundBlob{id: b.id, size: b.size, chunkSize: b.chunkSize, sound: b.err == nil}
	b.hash.Sum(found.sum[:0])
	if len(b.refs) == 0 {
		if !c.orphans[b.id] {
			c.plan.unowned[b.id] = found
		}
		return
	}
	if c.orphans[b.id] {
		c.plan.listed[b.id] = true
		c.problem(b.refs[0].title(), "--repair corrects the list; do not start the server before that", "its bytes are in the list of blobs to delete")
	}
	for i := range b.refs {
		if err := b.compare(&b.refs[i], found); err != nil {
			c.damagedBlob(&b.refs[i], err)
		}
	}
	if found.sound && slices.ContainsFunc(b.refs, func(r reference) bool { return r.damaged }) {
		c.mismatched = append(c.mismatched, found)
	}
}

// compare returns an error if the blob differs from a reference, or nil.
func (b *blobCheck) compare(r *reference, found foundBlob) error {
	switch {
	case b.err != nil:
		return b.err
	case b.size != r.size:
		return fmt.Errorf("it has %d bytes, want %d", b.size, r.size)
	case r.chunkSize != b.chunkSize && (b.next > 1 || r.chunkSize < b.chunkSize):
		return fmt.Errorf("its chunks have %d bytes, want %d", b.chunkSize, r.chunkSize)
	case found.sum != r.sum:
		return errors.New("its SHA-256 is not that of the upload")
	}
	return nil
}

// damagedBlob is for an image or a variant whose bytes differ from its record. It
// reports a variant. An image is reported later, because perhaps the bytes are right
// and the record is damaged.
func (c *checker) damagedBlob(r *reference, err error) {
	r.damaged = true
	if r.isVariant() {
		c.badVariant(*r, err.Error())
		return
	}
	c.plan.damaged = append(c.plan.damaged, damage{*r, err})
}
