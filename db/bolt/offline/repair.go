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
)

// RepairOptions tunes Repair. The zero value is ready to use.
type RepairOptions struct {
	Watch

	// Inspect finds out what kind of image it is whose record was lost, as in
	// db.PutOptions. Where it is nil or returns an error, that stays unknown.
	Inspect func(r io.ReaderAt, img *db.Image) error
}

// Repaired is what Repair did.
type Repaired struct {
	Before *Report
	After  *Report
	Kept   string // where the damaged file is kept, or empty: it was mended in place
}

// Repair checks the data file at path as Check does and mends what it can:
// it makes indices, counts and the list of free pages again from the records,
// makes lost records again from the indices, and deletes bytes that belong to
// no image, and copies that are damaged or of no image. A sound image is left
// as it is. The record of a damaged one is led back to its bytes where they are
// there, and off the bytes of another; else it stays: when the same bytes are
// uploaded again they take the place of the damaged ones.
//
// All this is done in bbolt's transactions, each of which is of use by itself:
// it may be interrupted at any moment and run again. A file with damaged pages
// is not written to. What can be read of it is put in a new file, and that in
// its place; the damaged one is kept under another name.
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
	if c.Problems == 0 {
		return &Repaired{Before: &c.Report, After: &c.Report}, nil
	}
	if c.Structural {
		return rebuildFile(ctx, path, f, c, o)
	}
	if err := c.mend(ctx, path, f, o); err != nil {
		return nil, err
	}
	after, err := recheck(ctx, path, o.Watch)
	return &Repaired{Before: &c.Report, After: after}, err
}

// recheck checks a file that has been mended.
func recheck(ctx context.Context, path string, watch Watch) (*Report, error) {
	f, err := datafile.OpenLocked(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := check(ctx, f, watch)
	if err != nil {
		return nil, err
	}
	return &c.Report, nil
}

var errChanged = errors.New("was changed by another program meanwhile; run this again")

// mend does what c has planned for the file at path, whose lock f holds. It
// closes f, for bbolt takes the lock.
func (c *checker) mend(ctx context.Context, path string, f *os.File, o RepairOptions) error {
	txid := c.Meta.TxID
	if c.plan.freeList {
		if err := c.DropFreeList(f); err != nil {
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
	m := &repairer{ctx: ctx, db: bdb, checker: c, inspect: o.Inspect}
	err = m.run(txid)
	if errors.Is(err, db.ErrDamaged) {
		datafile.Unlock(file) // a panic may have left bbolt's locks, for which Close would wait
		return errors.Join(err, file.Close())
	}
	return errors.Join(err, bdb.Close())
}

// mend does all that is planned for a file whose last transaction was txid.
func (m *repairer) run(txid uint64) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer datafile.RecoverDamage(&err)
	m.db.NoFreelistSync = false
	err = m.db.View(func(tx *bbolt.Tx) error {
		if uint64(tx.ID()) != txid {
			return errChanged
		}
		return nil
	})
	for _, step := range []func() error{m.upgrade, m.protect, m.recoverRecords, m.relinkRecords, m.dropCopies, m.addEntries, m.dropEntries, m.dropLost, m.count} {
		if err == nil {
			err = step()
		}
	}
	return err
}

// mender writes what a checker has planned.
type repairer struct {
	ctx     context.Context
	db      *bbolt.DB
	inspect func(r io.ReaderAt, img *db.Image) error
	*checker
}

// upgrade brings a file of an older format to the newest one: what the other
// steps write may not be left to an older program.
func (m *repairer) upgrade() error { return layout.Upgrade(m.db) }

// keep takes images off the list of what is to be deleted, and what cannot be
// read of that list, and sees to it that no number of a blob is used twice.
// This comes first: whoever starts the server next loses nothing.
func (m *repairer) protect() error {
	return m.db.Update(func(tx *bbolt.Tx) error {
		orphans, chunks := tx.Bucket(layout.OrphansBucket), tx.Bucket(layout.ChunksBucket)
		var gone [][]byte
		err := orphans.ForEach(func(k, _ []byte) error {
			if len(k) != 8 || m.plan.listed[binary.BigEndian.Uint64(k)] {
				gone = append(gone, bytes.Clone(k))
			}
			return nil
		})
		for _, k := range gone {
			err = errors.Join(err, orphans.Delete(k))
		}
		if chunks.Sequence() < m.plan.sequence {
			err = errors.Join(err, chunks.SetSequence(m.plan.sequence))
		}
		return err
	})
}

// rescueRecords writes records that were lost. Their entries follow with all
// others.
func (m *repairer) recoverRecords() error {
	if len(m.plan.recover) == 0 {
		return nil
	}
	return m.db.Update(func(tx *bbolt.Tx) error {
		for _, r := range m.plan.recover {
			img := r.Image
			if m.inspect != nil && m.inspect(blobReader{tx, r}, &img) == nil {
				r.ContentType, r.Width, r.Height, r.Orientation = img.ContentType, img.Width, img.Height, img.Orientation
			}
			if err := tx.Bucket(layout.ImagesBucket).Put(r.Key(), r.Marshal()); err != nil {
				return err
			}
		}
		return nil
	})
}

// relinkRecords has records say where their bytes are.
func (m *repairer) relinkRecords() error {
	if len(m.plan.relink) == 0 {
		return nil
	}
	return m.db.Update(func(tx *bbolt.Tx) error {
		for _, to := range m.plan.relink {
			b := tx.Bucket(to.bucket)
			r, err := layout.ParseRecord(to.bucket, []byte(to.key), b.Get([]byte(to.key)))
			if err != nil {
				return err
			}
			r.Blob, r.ChunkSize, r.Size, r.SHA256 = to.blob, to.chunkSize, to.size, to.sum
			if err := b.Put([]byte(to.key), r.Marshal()); err != nil {
				return err
			}
		}
		return nil
	})
}

// blobReader reads a blob in a transaction.
type blobReader struct {
	tx *bbolt.Tx
	r  *layout.Record
}

func (b blobReader) ReadAt(p []byte, off int64) (int, error) {
	return layout.ReadChunks(p, off, b.r.Size, b.r.ChunkSize, func(number int, read func([]byte)) error {
		v, err := layout.GetChunk(b.tx, b.r.Blob, number)
		if err == nil {
			read(v[layout.ChecksumSize:])
		}
		return err
	})
}

// dropCopies drops the records of copies. Their blobs belong to no one then, if
// no other record refers to them: that of a damaged copy may lead anywhere.
func (m *repairer) dropCopies() error {
	dropped := map[string]bool{}
	for _, r := range m.plan.copies {
		dropped[r.key] = true
		if r.blob != 0 {
			m.plan.unowned[r.blob] = foundBlob{id: r.blob}
		}
	}
	for _, r := range m.refs {
		if !bytes.Equal(r.bucket, layout.CopiesBucket) || !dropped[r.key] {
			delete(m.plan.unowned, r.blob)
		}
	}
	for _, r := range m.plan.recover {
		delete(m.plan.unowned, r.Blob)
	}
	for _, r := range m.plan.relink {
		delete(m.plan.unowned, r.blob)
	}
	return m.db.Update(func(tx *bbolt.Tx) error {
		for _, r := range m.plan.copies {
			if err := tx.Bucket(layout.CopiesBucket).Delete([]byte(r.key)); err != nil {
				return err
			}
		}
		return nil
	})
}

// mendStep is how many entries one transaction looks at.
const repairStep = 10000

type keyValue struct{ key, value []byte }

// each calls fn with all entries of a bucket, so many to a transaction that each
// takes little memory. fn may change any bucket, also this one.
func (m *repairer) each(bucket []byte, fn func(tx *bbolt.Tx, k, v []byte) error) error {
	var after []byte
	for more := true; more; {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		err := m.db.Update(func(tx *bbolt.Tx) error {
			var step []keyValue
			c := tx.Bucket(bucket).Cursor()
			k, v := c.Seek(after)
			for ; k != nil && len(step) < repairStep; k, v = c.Next() {
				step = append(step, keyValue{bytes.Clone(k), bytes.Clone(v)})
			}
			more = k != nil
			after = bytes.Clone(k)
			for _, e := range step {
				if err := fn(tx, e.key, e.value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// addEntries enters what the records ask for and is missing.
func (m *repairer) addEntries() error {
	if len(m.plan.indexes) == 0 && len(m.plan.recover) == 0 && len(m.plan.relink) == 0 && len(m.plan.copies) == 0 {
		return nil
	}
	for _, bucket := range layout.RecordBuckets {
		err := m.each(bucket, func(tx *bbolt.Tx, k, v []byte) error {
			r, err := layout.ParseRecord(bucket, k, v)
			if err != nil {
				return nil // it stays as it is
			}
			return addEntries(tx, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// addEntries enters what a record asks for and is missing.
func addEntries(tx *bbolt.Tx, r *layout.Record) error {
	for _, ix := range layout.Indexes {
		k, v := ix.Entry(r)
		if k == nil {
			continue
		}
		b := tx.Bucket(ix.Bucket)
		if have := b.Get(k); have != nil && bytes.Equal(have, v) {
			continue
		}
		if err := b.Put(k, v); err != nil {
			return err
		}
	}
	return nil
}

// dropEntries deletes what no record asks for. What is said of an image whose
// record cannot be read stays: it may be all that is left of it.
func (m *repairer) dropEntries() error {
	if len(m.plan.indexes) == 0 && len(m.plan.relink) == 0 && len(m.plan.copies) == 0 {
		return nil
	}
	for _, ix := range layout.Indexes {
		err := m.each(ix.Bucket, func(tx *bbolt.Tx, k, v []byte) error {
			bucket, owner := ix.Owner(k, v)
			r, err := layout.RecordAt(tx, bucket, owner)
			if err != nil {
				return nil
			}
			if r != nil {
				if wantKey, wantValue := ix.Entry(r); bytes.Equal(wantKey, k) && bytes.Equal(wantValue, v) {
					return nil
				}
			}
			return tx.Bucket(ix.Bucket).Delete(k)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteStep is how many chunks one transaction deletes at most.
const deleteStep = 1024

// dropLost deletes bytes that belong to no image, unless an image has lost its
// record: they may be its.
func (m *repairer) dropLost() error {
	if len(m.plan.unreadable) > 0 {
		return nil
	}
	for id := range m.plan.unowned {
		for gone := false; !gone; {
			err := m.db.Update(func(tx *bbolt.Tx) (err error) {
				_, gone, err = layout.DeleteChunks(tx, id, deleteStep)
				return err
			})
			if err == nil {
				err = m.ctx.Err()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// count counts anew, in the last transaction.
func (m *repairer) count() error {
	return m.db.Update(func(tx *bbolt.Tx) error {
		u, err := countAll(tx)
		if err != nil {
			return err
		}
		return layout.WriteUsage(tx, u)
	})
}

// countAll counts what the records say is there.
func countAll(tx *bbolt.Tx) (u db.Usage, err error) {
	for _, bucket := range layout.RecordBuckets {
		err := tx.Bucket(bucket).ForEach(func(k, v []byte) error {
			if r, err := layout.ParseRecord(bucket, k, v); err == nil {
				r.Count(&u, 1)
			}
			return nil
		})
		if err != nil {
			return u, err
		}
	}
	var last db.Digest
	err = tx.Bucket(layout.DigestsBucket).ForEach(func(k, v []byte) error {
		bucket, owner := layout.DigestOwner(k, v)
		if r, err := layout.RecordAt(tx, bucket, owner); err == nil && r != nil && r.SHA256 != last {
			last = r.SHA256
			u.Blobs++
			u.Stored += r.Size
		}
		return nil
	})
	return u, err
}
