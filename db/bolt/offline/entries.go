package offline

import (
	"bytes"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db/bolt/internal/layout"
)

// entriesWrong reports whether some entries of indexes must be corrected.
func (p *plan) entriesWrong() bool { return p.indexes || len(p.relink) > 0 || len(p.variants) > 0 }

// addEntries adds the missing index entries of all records.
func (r *repairer) addEntries() error {
	if !r.plan.entriesWrong() && len(r.plan.recover) == 0 {
		return nil
	}
	for _, bucket := range layout.RecordBuckets {
		err := r.each(bucket, func(tx *bbolt.Tx, k, v []byte) error {
			record, err := layout.ParseRecord(bucket, k, v)
			if err != nil {
				return nil // the record stays as it is
			}
			return addEntries(tx, record)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

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

// deleteEntries deletes the index entries that belong to no record. It does not delete
// entries of a record that cannot be read, because perhaps they are all that is left of
// the image.
func (r *repairer) deleteEntries() error {
	if !r.plan.entriesWrong() {
		return nil
	}
	for _, ix := range layout.Indexes {
		err := r.each(ix.Bucket, func(tx *bbolt.Tx, k, v []byte) error {
			bucket, owner := ix.Owner(k, v)
			record, err := layout.RecordAt(tx, bucket, owner)
			if err != nil {
				return nil
			}
			if record != nil {
				if wantKey, wantValue := ix.Entry(record); bytes.Equal(wantKey, k) && bytes.Equal(wantValue, v) {
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

// repairStep is how many entries one transaction reads at most.
const repairStep = 10000

// each calls fn with all entries of a bucket, in transactions that need little memory.
// fn may change any bucket, also the bucket that each reads.
func (r *repairer) each(bucket []byte, fn func(tx *bbolt.Tx, k, v []byte) error) error {
	var next []byte
	for more := true; more; {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		err := r.db.Update(func(tx *bbolt.Tx) error {
			var keys, values [][]byte
			c := tx.Bucket(bucket).Cursor()
			k, v := c.Seek(next)
			for ; k != nil && len(keys) < repairStep; k, v = c.Next() {
				keys, values = append(keys, bytes.Clone(k)), append(values, bytes.Clone(v))
			}
			more, next = k != nil, bytes.Clone(k)
			for i := range keys {
				if err := fn(tx, keys[i], values[i]); err != nil {
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
