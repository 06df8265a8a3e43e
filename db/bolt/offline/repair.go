package offline

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
)

// RepairOptions tunes Repair. The zero value is ready to use.
type RepairOptions struct {
	Watch

	// Inspect finds the type and the dimensions of an image whose record was lost, as
	// in db.PutOptions. If Inspect is nil or returns an error, the type and the
	// dimensions stay unknown.
	Inspect func(r io.ReaderAt, img *db.Image) error
}

// Repaired is what Repair did.
type Repaired struct {
	Before *Report
	After  *Report
	Kept   string // the path of the damaged file, or empty if Repair has not made a new file
}

// Repair checks the data file at path as Check does, and repairs what it can repair. It
// makes indexes, counts and the list of free pages again from the records. It makes
// lost records again from the indexes. It deletes bytes that belong to no image. It
// also deletes variants that are damaged or whose original image does not exist. It
// never changes an image without damage.
//
// If the bytes of a damaged image are elsewhere in the file, Repair corrects the record
// of the image. Otherwise the record stays. Then an upload of the same bytes repairs
// the image.
//
// Repair works in bbolt transactions, and each transaction improves the file. It may be
// interrupted at any moment and run again. If the file has damaged pages, Repair does
// not write to it. Instead it copies everything that can be read to a new file. The
// damaged file gets another name, and the new file gets the name of the damaged file.
func Repair(ctx context.Context, path string, o RepairOptions) (*Repaired, error) {
	r, err := repair(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	return r, nil
}

func repair(ctx context.Context, path string, o RepairOptions) (*Repaired, error) {
	f, err := datafile.OpenLocked(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := check(ctx, f, o.Watch)
	if err != nil {
		return nil, err
	}
	if c.report.Problems == 0 {
		return &Repaired{Before: &c.report, After: &c.report}, nil
	}
	if c.report.Structural {
		return rebuildFile(ctx, path, f, c, o)
	}
	if err := c.repairInPlace(path, f, o); err != nil {
		return nil, err
	}
	after, err := checkPath(ctx, path, o.Watch, false)
	return &Repaired{Before: &c.report, After: after}, err
}

var errChanged = errors.New("was changed by another program meanwhile; run this command again")

// repairInPlace does what the plan says with the file at path. The caller has locked
// the file through f. repairInPlace unlocks and closes f, because bbolt locks the file
// again.
func (c *checker) repairInPlace(path string, f *os.File, o RepairOptions) error {
	txid := c.file.Meta.TxID
	if c.plan.freeList {
		if err := c.file.DropFreeList(f); err != nil {
			return datafile.Plain(err)
		}
		txid++
	}
	datafile.Unlock(f)
	f.Close()
	bdb, file, err := datafile.OpenExisting(path, false)
	if err != nil {
		return err
	}
	c.unownVariants()
	r := &repairer{ctx: c.ctx, db: bdb, plan: &c.plan, inspect: o.Inspect}
	err = r.run(txid)
	if errors.Is(err, db.ErrDamaged) {
		datafile.Unlock(file.File) // not bdb.Close: after a panic, it may wait forever for a lock
		return errors.Join(err, file.Close())
	}
	return errors.Join(err, bdb.Close())
}

// unownVariants adds the blobs of the variants that are deleted to the blobs to which
// no record leads. The record of a damaged variant may lead to the blob of another
// image or variant. So unownVariants leaves out a blob to which another record leads.
func (c *checker) unownVariants() {
	deleted := map[string]bool{}
	for _, r := range c.plan.variants {
		deleted[r.key] = true
		if r.blob != 0 {
			c.plan.unowned[r.blob] = foundBlob{id: r.blob}
		}
	}
	for _, r := range c.refs {
		if !r.isVariant() || !deleted[r.key] {
			delete(c.plan.unowned, r.blob)
		}
	}
	for _, r := range c.plan.recover {
		delete(c.plan.unowned, r.Blob)
	}
	for _, r := range c.plan.relink {
		delete(c.plan.unowned, r.blob)
	}
}

// repairer does what a plan says.
type repairer struct {
	ctx     context.Context
	db      *bbolt.DB
	plan    *plan
	inspect func(r io.ReaderAt, img *db.Image) error
}

// run does what the plan says. `txid` is the id of the last transaction of the file. If
// Repair is interrupted and a server is started after that, the server must not lose
// anything. The first steps make sure of this.
func (r *repairer) run(txid uint64) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer datafile.RecoverDamage(&err)
	r.db.NoFreelistSync = false
	err = r.db.View(func(tx *bbolt.Tx) error {
		if uint64(tx.ID()) != txid {
			return errChanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Everything below is written in the newest format. An older program must not
	// change it, and cannot open a file of the newest format.
	if err := layout.Upgrade(r.db); err != nil {
		return err
	}
	for _, step := range []func(*bbolt.Tx) error{r.protectBlobs, r.recoverRecords, r.relinkRecords, r.deleteVariants} {
		if err := r.db.Update(step); err != nil {
			return err
		}
	}
	for _, step := range []func() error{r.addEntries, r.deleteEntries, r.deleteUnowned} {
		if err := step(); err != nil {
			return err
		}
	}
	return r.db.Update(writeCounts)
}

// protectBlobs removes the blobs of images from the list of blobs to delete. It also
// removes entries of this list that cannot be read. It makes sure that a new blob does
// not get the id of another blob.
func (r *repairer) protectBlobs(tx *bbolt.Tx) error {
	orphans, chunks := tx.Bucket(layout.OrphansBucket), tx.Bucket(layout.ChunksBucket)
	var remove [][]byte
	err := orphans.ForEach(func(k, _ []byte) error {
		if len(k) != 8 || r.plan.listed[binary.BigEndian.Uint64(k)] {
			remove = append(remove, bytes.Clone(k))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range remove {
		if err := orphans.Delete(k); err != nil {
			return err
		}
	}
	if chunks.Sequence() < r.plan.sequence {
		return chunks.SetSequence(r.plan.sequence)
	}
	return nil
}

// recoverRecords writes the records that were lost. Later, addEntries adds their index
// entries.
func (r *repairer) recoverRecords(tx *bbolt.Tx) error {
	for _, lost := range r.plan.recover {
		img := lost.Image
		if r.inspect != nil && r.inspect(blobReader{tx, lost}, &img) == nil {
			lost.ContentType, lost.Width, lost.Height, lost.Orientation = img.ContentType, img.Width, img.Height, img.Orientation
		}
		if err := tx.Bucket(layout.ImagesBucket).Put(lost.Key(), lost.Marshal()); err != nil {
			return err
		}
	}
	return nil
}

// blobReader reads a blob in a transaction.
type blobReader struct {
	tx *bbolt.Tx
	r  *layout.Record
}

func (b blobReader) ReadAt(p []byte, off int64) (int, error) {
	return chunk.ReadAt(p, off, b.r.Size, b.r.ChunkSize, func(number int, read func([]byte)) error {
		v, err := layout.GetChunk(b.tx, b.r.Blob, number)
		if err == nil {
			read(v[chunk.ChecksumSize:])
		}
		return err
	})
}

// relinkRecords changes records so that they lead to other blobs.
func (r *repairer) relinkRecords(tx *bbolt.Tx) error {
	for _, to := range r.plan.relink {
		b := tx.Bucket(to.bucket)
		record, err := layout.ParseRecord(to.bucket, []byte(to.key), b.Get([]byte(to.key)))
		if err != nil {
			return err
		}
		record.Blob, record.ChunkSize, record.Size, record.SHA256 = to.blob, to.chunkSize, to.size, to.sum
		if err := b.Put([]byte(to.key), record.Marshal()); err != nil {
			return err
		}
	}
	return nil
}

// deleteVariants deletes the records of variants. Later, deleteUnowned deletes their
// blobs.
func (r *repairer) deleteVariants(tx *bbolt.Tx) error {
	for _, c := range r.plan.variants {
		if err := tx.Bucket(layout.VariantsBucket).Delete([]byte(c.key)); err != nil {
			return err
		}
	}
	return nil
}

// deleteStep is how many chunks one transaction deletes at most.
const deleteStep = 1024

// deleteUnowned deletes the blobs to which no record leads. If a record cannot be read,
// it does nothing, because one of the blobs may belong to the image of this record.
func (r *repairer) deleteUnowned() error {
	if len(r.plan.unreadable) > 0 {
		return nil
	}
	for id := range r.plan.unowned {
		for done := false; !done; {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			err := r.db.Update(func(tx *bbolt.Tx) (err error) {
				_, done, err = layout.DeleteChunks(tx, id, deleteStep)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// writeCounts counts the records and stores the counts.
func writeCounts(tx *bbolt.Tx) error {
	var u db.Usage
	for _, bucket := range layout.RecordBuckets {
		err := tx.Bucket(bucket).ForEach(func(k, v []byte) error {
			if r, err := layout.ParseRecord(bucket, k, v); err == nil {
				r.Count(&u, 1)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	var last db.Digest
	err := tx.Bucket(layout.DigestsBucket).ForEach(func(k, v []byte) error {
		bucket, owner := layout.DigestOwner(k, v)
		if r, err := layout.RecordAt(tx, bucket, owner); err == nil && r != nil && r.SHA256 != last {
			last = r.SHA256
			u.Blobs++
			u.Stored += r.Size
		}
		return nil
	})
	if err != nil {
		return err
	}
	return layout.WriteUsage(tx, u)
}
