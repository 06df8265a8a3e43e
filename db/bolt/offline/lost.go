package offline

import (
	"bytes"
	"maps"
	"slices"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/bolt/internal/page"
)

// lostRecords looks for images whose record is gone or unreadable, and makes it
// again where the indices know the name and the digest, and the bytes are there.
// What kind of image it is they do not know.
func (c *checker) lostRecords() {
	if len(c.plan.unreadable) > 0 || len(c.plan.indexes) > 0 || c.Structural {
		var gone []string
		c.plan.recover, gone = c.recoverable()
		c.lostImages(gone)
	}
	found := map[string]bool{}
	for _, r := range c.plan.recover {
		found[r.Name] = true
		c.Damaged++
		c.problem(r.Name, "--repair makes it again", "its record is lost, and its bytes are there")
	}
	c.plan.unreadable = slices.DeleteFunc(c.plan.unreadable, func(r reference) bool {
		return bytes.Equal(r.bucket, layout.ImagesBucket) && found[r.key]
	})
	for _, r := range c.plan.unreadable {
		c.Damaged++
		c.problem(r.title(), adviseRecord, "its record cannot be read")
	}
	for _, r := range c.plan.recover {
		delete(c.plan.unowned, r.Blob)
	}
}

// goneImages tells of the images of which nothing but the name is left. Where no
// page is damaged, it is the list that is wrong.
func (c *checker) lostImages(names []string) {
	if !c.Structural {
		return
	}
	for _, name := range names {
		unreadable := func(r reference) bool { return r.key == name && bytes.Equal(r.bucket, layout.ImagesBucket) }
		if !slices.ContainsFunc(c.plan.unreadable, unreadable) { // of which is told anyway
			c.Damaged++
			c.problem(name, adviseRecord, "its record is lost, and its bytes cannot be told from others")
		}
	}
}

// damagedRecords tells of the images whose bytes are not what their records
// say. It may be the record that is damaged: then what it should say is planned,
// where the bytes are found by their digest. A record that leads to the bytes of
// another image is taken off them: uploading its own bytes again, or deleting
// it, would delete those.
func (c *checker) damagedRecords() {
	if len(c.plan.damaged) == 0 {
		return
	}
	whole, listed := c.wholeBlobs(), c.listedDigests()
	taken := map[uint64]bool{} // blobs that are what a record says
	for _, r := range c.refs {
		taken[r.blob] = taken[r.blob] || !r.damaged
	}
	for _, r := range c.plan.recover {
		taken[r.Blob] = true
	}
	var rest []damage
	for _, d := range c.plan.damaged {
		found, ok := whole[d.sum]
		if !ok { // where the record is wrong in the digest alone, its list and its bytes agree
			found, ok = whole[listed[string(d.bucket)+d.key]]
			ok = ok && found.id == d.blob
		}
		if !ok {
			rest = append(rest, d)
			continue
		}
		c.relink(d, found, adviseRelink)
		taken[found.id] = true
		delete(c.plan.unowned, found.id)
	}
	next := max(c.plan.sequence, c.buckets[string(layout.ChunksBucket)].Sequence)
	for _, d := range rest {
		if !taken[d.blob] {
			c.Damaged++
			c.problem(d.title(), adviseBytes, "%v", d.err)
			continue
		}
		next++
		c.relink(d, foundBlob{id: next, size: d.size, chunkSize: d.chunkSize, sum: d.sum}, adviseShared)
		c.plan.sequence = next
	}
}

// relink plans that the record of a damaged image leads to a blob.
func (c *checker) relink(d damage, to foundBlob, advice string) {
	c.Damaged++
	c.problem(d.title(), advice, "%v", d.err)
	r := d.reference
	r.blob, r.chunkSize, r.size, r.sum = to.id, to.chunkSize, to.size, to.sum
	c.plan.relink = append(c.plan.relink, r)
}

// lostBlobs tells of the blobs that no record refers to, nor will.
func (c *checker) unownedBlobs() {
	for _, id := range slices.Sorted(maps.Keys(c.plan.unowned)) {
		c.problem("", "--repair deletes them", "blob %d: %d bytes that belong to no image", id, c.plan.unowned[id].size)
	}
}

// wholeBlobs returns a sound blob for each content: that of a record which says
// so, where there is one.
func (c *checker) wholeBlobs() map[db.Digest]foundBlob {
	whole := map[db.Digest]foundBlob{}
	for _, l := range c.plan.unowned {
		if l.sound {
			whole[l.sum] = l
		}
	}
	for _, l := range c.mismatched {
		whole[l.sum] = l
	}
	for _, bucket := range [][]byte{layout.TrashBucket, layout.ImagesBucket} {
		for _, r := range c.refs {
			if !r.damaged && bytes.Equal(r.bucket, bucket) {
				whole[r.sum] = foundBlob{id: r.blob, size: r.size, chunkSize: r.chunkSize, sum: r.sum}
			}
		}
	}
	return whole
}

// listedDigests returns the digests that damaged images have in the list of
// digests, by the bucket and the key of their records.
func (c *checker) listedDigests() map[string]db.Digest {
	listed := map[string]db.Digest{}
	for _, d := range c.plan.damaged {
		listed[string(d.bucket)+d.key] = d.sum
	}
	c.again().visit(layout.DigestsBucket, func(k, v []byte) {
		bucket, owner := layout.DigestOwner(k, v)
		key := string(bucket) + string(owner)
		if sum, ok := listed[key]; ok && !bytes.HasPrefix(k, sum[:]) {
			listed[key] = db.Digest(k[:len(db.Digest{})])
		}
	})
	return listed
}

// again returns a checker that visits pages which have been visited, and what
// is wrong with them told.
func (c *checker) again() *checker {
	again := *c
	again.Walker = page.NewWalker(c.File, func(error) {}, func(int64) {})
	again.Stop = c.Stop
	return &again
}

// rescuable returns the records that can be made again, and the names of other
// images that are in the list and have none.
func (c *checker) recoverable() (all []*layout.Record, gone []string) {
	known := map[string]bool{}
	for _, r := range c.refs {
		if bytes.Equal(r.bucket, layout.ImagesBucket) {
			known[r.key] = true
		}
	}
	whole, again := c.wholeBlobs(), c.again()
	missing := map[string]*layout.Record{} // by name; of those in the list, without a blob for now
	again.visit(layout.RecentBucket, func(k, _ []byte) {
		if name := string(layout.RecentName(k)); len(k) > layout.TimeSize && !known[name] {
			missing[name] = &layout.Record{Image: db.Image{Name: name, Uploaded: layout.RecentTime(k)}}
		}
	})
	again.visit(layout.DigestsBucket, func(k, _ []byte) {
		if len(k) <= len(db.Digest{}) {
			return
		}
		have, ok := whole[db.Digest(k[:len(db.Digest{})])]
		_, owner := layout.DigestOwner(k, nil)
		name := string(owner)
		if _, lost := c.plan.unowned[have.id]; ok && lost && !known[name] && missing[name] == nil {
			// When it was uploaded nobody knows, but not later.
			missing[name] = &layout.Record{Image: db.Image{Name: name, Uploaded: c.changed}}
		}
		if r := missing[name]; r != nil && ok {
			r.Blob, r.ChunkSize, r.Size, r.SHA256 = have.id, have.chunkSize, have.size, have.sum
		}
	})
	for _, ix := range layout.Indexes {
		if ix.Recall == nil {
			continue
		}
		again.visit(ix.Bucket, func(k, v []byte) {
			bucket, owner := ix.Owner(k, v)
			if r := missing[string(owner)]; r != nil && bytes.Equal(bucket, layout.ImagesBucket) {
				ix.Recall(r, k)
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		valid, err := db.CheckName(name)
		switch r := missing[name]; {
		case err != nil || valid != name: // what damaged pages hold may be anything
		case r.Blob != 0:
			all = append(all, r)
		default:
			gone = append(gone, name)
		}
	}
	return all, gone
}
