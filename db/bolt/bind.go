package bolt

import (
	"bytes"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
)

// entry is one key that a record has in the file.
type entry struct {
	bucket, key, value []byte
}

// inTrash reports whether the record is that of an image in the trash.
func (r *record) inTrash() bool { return !r.Deleted.IsZero() }

// key is the record's key in its own bucket and, after what they sort by, in
// the indices.
func (r *record) key() []byte {
	if r.inTrash() {
		return trashKey(r.Name, r.Deleted)
	}
	return []byte(r.Name)
}

// bucket is where the record stands.
func (r *record) bucket() []byte {
	if r.inTrash() {
		return trashBucket
	}
	return imagesBucket
}

// entries are the record itself and all that refers to it; see the layout.
func (r *record) entries() (all []entry) {
	add := func(bucket, key, value []byte) { all = append(all, entry{bucket, key, value}) }
	key := r.key()
	add(r.bucket(), key, r.marshal())
	if r.inTrash() {
		add(deletedBucket, recentKey(r.Deleted, r.Name), nil)
		add(digestsBucket, trashedDigestKey(r.SHA256, key), nil)
	} else {
		add(recentBucket, recentKey(r.Uploaded, r.Name), nil)
		add(digestsBucket, digestKey(r.SHA256, r.Name), nil)
		if r.DeleteHash != (db.Digest{}) {
			add(tokensBucket, digestKey(r.DeleteHash, r.Name), nil)
		}
	}
	if end := r.End(); !end.IsZero() {
		add(dueBucket, dueKey(end, key), nil)
	}
	return all
}

// count adds the record to the counts, n times.
func (r *record) count(u *db.Usage, n int64) {
	if r.inTrash() {
		u.Trash += n
		u.TrashBytes += n * r.Size
		return
	}
	u.Images += n
	u.Bytes += n * r.Size
}

// bind enters a record, whose key must be free. Its blob is counted elsewhere.
func bind(tx *txn, r *record) error {
	r.count(&tx.usage, 1)
	tx.expect(r.End())
	for _, e := range r.entries() {
		if err := tx.Bucket(e.bucket).Put(e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

// unbind takes a record out, as it is in the file, and with it what nobody
// else has of its content.
func unbind(tx *txn, r *record) error {
	if err := tx.takeOut(r); err != nil {
		return err
	}
	return tx.letGo(r)
}

// takeOut is unbind for a record whose content stays.
func (tx *txn) takeOut(r *record) error {
	r.count(&tx.usage, -1)
	for _, e := range r.entries() {
		if err := tx.Bucket(e.bucket).Delete(e.key); err != nil {
			return err
		}
	}
	return nil
}

// letGo drops what nobody has any more of the content of r, which was taken
// out: the copies with the last name, the blob with the last record.
func (tx *txn) letGo(r *record) error {
	if firstWith(tx.Tx, nameless(r.SHA256)) == nil {
		if err := tx.dropCopies(r.SHA256); err != nil {
			return err
		}
	}
	if firstWith(tx.Tx, r.SHA256[:]) != nil {
		return nil
	}
	tx.usage.Blobs--
	tx.usage.Stored -= r.Size
	return tx.drop(r.blob)
}

// vacate makes room for a record under name: what stands there goes to the
// trash for rest, or is deleted where that is 0 or it has expired.
func (tx *txn) vacate(name string, rest time.Duration) error {
	r, err := getRecord(tx.Tx, name)
	if r == nil || err != nil {
		return err
	}
	return tx.remove(r, rest)
}

// remove takes an image from its name, to the trash for rest, or for good.
func (tx *txn) remove(r *record, rest time.Duration) error {
	if rest <= 0 || r.Ended(tx.now) {
		return unbind(tx, r)
	}
	return tx.discard(r, rest)
}

// prolong gives the image under name the later of its own end and another, and
// returns its record.
func (tx *txn) prolong(name string, end time.Time) (*record, error) {
	r, err := mustRecord(tx.Tx, []byte(name))
	if err != nil || !outlives(end, r) {
		return r, err
	}
	if err := tx.takeOut(r); err != nil {
		return nil, err
	}
	r.Expires = end
	return r, bind(tx, r)
}

// outlives reports whether end is later than that of r.
func outlives(end time.Time, r *record) bool {
	return !db.LaterEnd(end, r.Expires).Equal(r.Expires)
}

// sameContent returns a record whose blob has the digest sum, or nil: that of
// an image where there is one, since a damaged one in the trash must not keep
// its bytes from being stored again.
func sameContent(tx *bbolt.Tx, sum db.Digest) (*record, error) {
	k := firstWith(tx, sum[:])
	if k == nil {
		return nil, nil
	}
	if name := firstWith(tx, nameless(sum)); name != nil {
		k = name
	}
	return mustRecord(tx, digestOwner(k))
}

// firstWith returns the first key in the digests bucket from the one given on
// that has its digest, or nil.
func firstWith(tx *bbolt.Tx, from []byte) []byte {
	k, _ := tx.Bucket(digestsBucket).Cursor().Seek(from)
	if !bytes.HasPrefix(k, from[:len(db.Digest{})]) {
		return nil
	}
	return k
}

// nameless is where the names of a content begin among its keys in the digests
// bucket: behind those of the images in the trash.
func nameless(sum db.Digest) []byte { return append(sum[:len(sum):len(sum)], trashMark+1) }

// trashedDigestKey is the key in the digests bucket of an image in the trash.
func trashedDigestKey(sum db.Digest, key []byte) []byte {
	return append(append(sum[:len(sum):len(sum)], trashMark), key...)
}

// digestOwner returns the key of the record that a key in the digests bucket
// stands for.
func digestOwner(k []byte) []byte {
	k = k[len(db.Digest{}):]
	if len(k) > 0 && k[0] == trashMark {
		return k[1:]
	}
	return k
}
