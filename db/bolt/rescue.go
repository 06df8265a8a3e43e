package bolt

import (
	"bytes"
	"maps"
	"slices"

	"imageserver/db"
)

// lost is a blob that no record refers to.
type lost struct {
	id        uint64
	size      int64
	chunkSize int
	sum       db.Digest
	sound     bool
}

// lostRecords looks for images whose record is gone or unreadable, and makes it
// again where the indices know the name, the time and the digest, and the bytes
// are there. What kind of image it is they do not know.
func (c *checker) lostRecords() {
	if len(c.plan.unreadable) > 0 || len(c.plan.indices) > 0 || c.Structural {
		c.plan.rescue = c.rescuable()
	}
	found := map[string]bool{}
	for _, r := range c.plan.rescue {
		found[r.Name] = true
		c.Damaged++
		c.problem(r.Name, "--repair makes it again", "its record is lost, and its bytes are there")
	}
	c.plan.unreadable = slices.DeleteFunc(c.plan.unreadable, func(r reference) bool {
		return bytes.Equal(r.bucket, imagesBucket) && found[r.key]
	})
	for _, r := range c.plan.unreadable {
		c.Damaged++
		c.problem(r.title(), adviseRecord, "its record cannot be read")
	}
	for _, r := range c.plan.rescue {
		delete(c.plan.lost, r.blob)
	}
	for _, id := range slices.Sorted(maps.Keys(c.plan.lost)) {
		c.problem("", "--repair deletes them", "blob %d: %d bytes that belong to no image", id, c.plan.lost[id].size)
	}
}

// rescuable returns the records that can be made again.
func (c *checker) rescuable() (all []*record) {
	known := map[string]bool{}
	contents := map[db.Digest]*record{}
	for _, r := range c.refs {
		if bytes.Equal(r.bucket, imagesBucket) {
			known[r.key] = true
			contents[r.sum] = &record{Image: db.Image{Size: r.size, SHA256: r.sum}, blob: r.blob, chunkSize: r.chunkSize}
		}
	}
	for _, l := range c.plan.lost {
		if l.sound {
			contents[l.sum] = &record{Image: db.Image{Size: l.size, SHA256: l.sum}, blob: l.id, chunkSize: l.chunkSize}
		}
	}
	// The pages have been visited and what is wrong with them told.
	again := *c
	again.walker = newWalker(c.pageFile, func(error) {}, func(int64) {})
	again.stop = c.stop

	missing := map[string]*record{} // by name; of those in the list, without a blob for now
	again.visit(recentBucket, func(k, _ []byte) {
		if name := string(recentName(k)); len(k) > timeSize && !known[name] {
			missing[name] = &record{Image: db.Image{Name: name, Uploaded: recentTime(k)}}
		}
	})
	again.visit(digestsBucket, func(k, _ []byte) {
		if len(k) <= len(db.Digest{}) {
			return
		}
		have, ok := contents[db.Digest(k[:len(db.Digest{})])]
		if r := missing[string(digestOwner(k))]; r != nil && ok {
			r.blob, r.chunkSize, r.Size, r.SHA256 = have.blob, have.chunkSize, have.Size, have.SHA256
		}
	})
	again.visit(tokensBucket, func(k, _ []byte) {
		if r := missing[string(k[min(len(k), len(db.Digest{})):])]; r != nil {
			copy(r.DeleteHash[:], k)
		}
	})
	again.visit(dueBucket, func(k, _ []byte) {
		if r := missing[string(recentName(k))]; r != nil {
			r.Expires = dueTime(k)
		}
	})
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		if r := missing[name]; r.blob != 0 {
			all = append(all, r)
		}
	}
	return all
}
