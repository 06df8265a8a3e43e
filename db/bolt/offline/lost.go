package offline

import (
	"bytes"
	"maps"
	"slices"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/order"
)

// lostRecords reports images whose record is lost or unreadable. If the indexes have
// the name and the digest, and a blob has the bytes, Repair can make the record again.
// Only the type and the dimensions of the image are then missing.
func (c *checker) lostRecords() {
	if len(c.plan.unreadable) > 0 || c.plan.indexes || c.report.Structural {
		var gone []string
		c.plan.recover, gone = c.recoverable()
		c.lostImages(gone)
	}
	found := map[string]bool{}
	for _, r := range c.plan.recover {
		found[r.Name] = true
		c.report.Damaged++
		c.problem(r.Name, "--repair makes the record again", "its record is lost, but its bytes are there")
		delete(c.plan.unowned, r.Blob)
	}
	c.plan.unreadable = slices.DeleteFunc(c.plan.unreadable, func(r reference) bool { return r.isImage() && found[r.key] })
	for _, r := range c.plan.unreadable {
		c.report.Damaged++
		c.problem(r.title(), adviseRecord, "its record cannot be read")
	}
}

// lostImages reports images of which only the name is left. If no page is damaged, it
// reports nothing: then there was no such image, and the index is wrong.
func (c *checker) lostImages(names []string) {
	if !c.report.Structural {
		return
	}
	for _, name := range names {
		unreadable := func(r reference) bool { return r.key == name && r.isImage() }
		if !slices.ContainsFunc(c.plan.unreadable, unreadable) { // lostRecords reports unreadable records
			c.report.Damaged++
			c.problem(name, adviseRecord, "its record is lost, and nothing says which bytes are its own")
		}
	}
}

// damagedRecords reports the images whose bytes differ from their records. Perhaps a
// blob without damage has the digest in the record, or the digest in the index. Then
// the record is damaged, and the plan is that the record leads to that blob.
//
// A record may also lead to the blob of another image. Then the plan is that the record
// leads to no blob. Otherwise, the blob of the other image would be deleted when the
// damaged image is uploaded again or deleted.
func (c *checker) damagedRecords() {
	if len(c.plan.damaged) == 0 {
		return
	}
	whole, listed := c.wholeBlobs(), c.listedDigests()
	taken := map[uint64]bool{} // ids of the blobs that a record describes correctly
	for _, r := range c.refs {
		taken[r.blob] = taken[r.blob] || !r.damaged
	}
	for _, r := range c.plan.recover {
		taken[r.Blob] = true
	}
	var rest []damage
	for _, d := range c.plan.damaged {
		found, ok := whole[d.sum]
		if !ok { // if only the digest of the record is wrong, the index agrees with the blob
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
			c.report.Damaged++
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
	c.report.Damaged++
	c.problem(d.title(), advice, "%v", d.err)
	r := d.reference
	r.blob, r.chunkSize, r.size, r.sum = to.id, to.chunkSize, to.size, to.sum
	c.plan.relink = append(c.plan.relink, r)
}

// unownedBlobs reports the blobs to which no record leads, and to which no record will
// lead after Repair.
func (c *checker) unownedBlobs() {
	for _, id := range slices.Sorted(maps.Keys(c.plan.unowned)) {
		c.problem("", "--repair deletes these bytes", "blob %d: %d bytes that belong to no image", id, c.plan.unowned[id].size)
	}
}

// wholeBlobs returns a blob without damage for each content. If it can choose, it
// returns the blob of an image whose record is right.
func (c *checker) wholeBlobs() map[db.Digest]foundBlob {
	whole := map[db.Digest]foundBlob{}
	for _, b := range c.plan.unowned {
		if b.sound {
			whole[b.sum] = b
		}
	}
	for _, b := range c.mismatched {
		whole[b.sum] = b
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

// listedDigests returns the digest that each damaged image has in the index of digests.
// The key of the map is the bucket and the key of the record.
func (c *checker) listedDigests() map[string]db.Digest {
	listed := map[string]db.Digest{}
	for _, d := range c.plan.damaged {
		listed[string(d.bucket)+d.key] = d.sum
	}
	c.visitAgain(layout.DigestsBucket, func(k, v []byte) {
		bucket, owner := layout.DigestOwner(k, v)
		key := string(bucket) + string(owner)
		if sum, ok := listed[key]; ok && !bytes.HasPrefix(k, sum[:]) {
			listed[key] = db.Digest(k[:len(db.Digest{})])
		}
	})
	return listed
}

// recoverable returns the records that can be made again. It also returns the names of
// the other images that are in an index but have no record.
func (c *checker) recoverable() (all []*layout.Record, gone []string) {
	missing := c.missingRecords()
	for _, ix := range layout.Indexes {
		if ix.Recall == nil {
			continue
		}
		c.visitAgain(ix.Bucket, func(k, v []byte) {
			bucket, owner := ix.Owner(k, v)
			if r := missing[string(owner)]; r != nil && bytes.Equal(bucket, layout.ImagesBucket) {
				ix.Recall(r, k)
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		valid, err := db.CheckName(name)
		switch r := missing[name]; {
		case err != nil || valid != name: // damaged pages may contain anything
		case r.Blob != 0:
			all = append(all, r)
		default:
			gone = append(gone, name)
		}
	}
	return all, gone
}

// missingRecords returns records for the images that are in an index but have no
// readable record. The key of the map is the name. If the bytes of an image are not
// found, its record has no blob.
func (c *checker) missingRecords() map[string]*layout.Record {
	known := map[string]bool{}
	for _, r := range c.refs {
		if r.isImage() {
			known[r.key] = true
		}
	}
	whole, missing := c.wholeBlobs(), map[string]*layout.Record{}
	c.visitAgain(layout.RecentBucket, func(k, _ []byte) {
		if name := string(order.KeyName(k)); len(k) > order.NumberSize && !known[name] {
			missing[name] = &layout.Record{Image: db.Image{Name: name, Uploaded: order.KeyTime(k)}}
		}
	})
	c.visitAgain(layout.DigestsBucket, func(k, v []byte) {
		if len(k) <= len(db.Digest{}) {
			return
		}
		blob, ok := whole[db.Digest(k[:len(db.Digest{})])]
		_, owner := layout.DigestOwner(k, v)
		name := string(owner)
		if _, unowned := c.plan.unowned[blob.id]; ok && unowned && !known[name] && missing[name] == nil {
			// The time of the upload is not known. But the upload was not later than
			// the last change of the file.
			missing[name] = &layout.Record{Image: db.Image{Name: name, Uploaded: c.changed}}
		}
		if r := missing[name]; r != nil && ok {
			r.Blob, r.ChunkSize, r.Size, r.SHA256 = blob.id, blob.chunkSize, blob.size, blob.sum
		}
	})
	return missing
}
