package layout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt/internal/datafile"
)

// upgrades has a function for each format except the first. The function at index i
// converts a file of format i to format i+1. A file of format 0 is an empty bbolt file.
//
// All steps that a file needs run in one transaction. If a step fails, for example on a
// full disk, nothing changes: Open returns the error. The older program can still open
// the file.
//
// A new step must follow these rules:
//   - A step does not change a record that it cannot read. Check reports such a
//     record. If a step failed because of it, no other image could be served.
//   - A step puts keys into a new bucket in ascending order. In other orders, the
//     time that bbolt needs is quadratic: 100,000 keys in another order took 20 s.
//     200,000 keys that were sorted first took 0.6 s.
//   - A file of the previous format must be added to testdata; see the README there.
var upgrades = []func(tx *bbolt.Tx) error{
	func(tx *bbolt.Tx) error { // images
		if err := createBuckets(tx, MetaBucket, ImagesBucket, RecentBucket, DigestsBucket, ChunksBucket, OrphansBucket); err != nil {
			return err
		}
		return tx.Bucket(MetaBucket).Put(UsageKey, make([]byte, usageSize1))
	},
	func(tx *bbolt.Tx) error { // variants, and their two counts
		if err := createBuckets(tx, VariantsBucket, MadeBucket); err != nil {
			return err
		}
		return growUsage(tx, usageSize1, usageSize2)
	},
	func(tx *bbolt.Tx) error { // expiry, the trash and its two counts, and delete keys
		if err := createBuckets(tx, TrashBucket, DeletedBucket, ExpiryBucket, DeleteKeysBucket); err != nil {
			return err
		}
		return growUsage(tx, usageSize2, usageSize)
	},
	// Checksums of records. A record gets its checksum when it is next written. Some
	// files of format 3 have records with a checksum, because the first programs that
	// wrote checksums did not yet change the number 3.
	func(*bbolt.Tx) error { return nil },
	func(tx *bbolt.Tx) error { return createIndex(tx, SizesBucket) },
}

// OldestChecked is the oldest format that Check reads. From this format on, all files
// have the same buckets, except the indexes that a later format added (see
// Index.Since).
const OldestChecked = 3

// growUsage makes the stored counts longer: from `from` bytes to `to` bytes. New counts
// are 0.
func growUsage(tx *bbolt.Tx, from, to int) error {
	old := tx.Bucket(MetaBucket).Get(UsageKey)
	if len(old) < from {
		return errCounts
	}
	v := make([]byte, to)
	copy(v, old[:from])
	return tx.Bucket(MetaBucket).Put(UsageKey, v)
}

func createBuckets(tx *bbolt.Tx, names ...[]byte) error {
	for _, name := range names {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return nil
}

// createIndex creates the index with this bucket, and fills it.
func createIndex(tx *bbolt.Tx, bucket []byte) error {
	if err := createBuckets(tx, bucket); err != nil {
		return err
	}
	for _, ix := range Indexes {
		if bytes.Equal(ix.Bucket, bucket) {
			return fillIndex(tx, ix)
		}
	}
	return nil
}

// fillIndex adds the entries of all readable records to an empty index. It first sorts
// the entries, because bbolt inserts keys that are in order much faster.
func fillIndex(tx *bbolt.Tx, ix Index) error {
	type entry struct{ key, value []byte }
	var entries []entry
	for _, records := range RecordBuckets {
		err := tx.Bucket(records).ForEach(func(k, v []byte) error {
			r, err := ParseRecord(records, k, v)
			if err != nil {
				return nil // Check reports this record, and Repair replaces its entries
			}
			if key, value := ix.Entry(r); key != nil {
				entries = append(entries, entry{key, value})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	for _, e := range entries {
		if err := tx.Bucket(ix.Bucket).Put(e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

// formatValue returns the value of FormatKey in a file of this format.
func formatValue(format int) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(format))
}

// NewestFormat returns the number of the format that this program writes.
func NewestFormat() int { return len(upgrades) }

// ParseFormat returns the format number in a value of FormatKey. If the format is newer
// than this program, it returns an error.
func ParseFormat(v []byte) (int, error) { return parseFormat(v, len(upgrades)) }

func parseFormat(v []byte, newest int) (int, error) {
	if len(v) != 4 {
		return 0, errors.New("a bbolt file of another program; choose another path")
	}
	have := int(binary.BigEndian.Uint32(v))
	if have > newest {
		return 0, fmt.Errorf("written by a newer version of this program (format %d, but this version reads only up to format %d); start the newer version, or restore a backup that this version made", have, newest)
	}
	return have, nil
}

// ForeignFile is the error for a file that has a bucket of another program.
func ForeignFile(bucket []byte) error {
	return fmt.Errorf("a bbolt file of another program (it has a bucket %q); choose another path", bucket)
}

// Create makes the buckets of the newest format in an empty file.
func Create(tx *bbolt.Tx) error { return run(tx, upgrades, 0) }

// run runs the steps from format `have` to the newest format, and stores the number of
// the newest format.
func run(tx *bbolt.Tx, steps []func(*bbolt.Tx) error, have int) error {
	for i, step := range steps[have:] {
		if err := step(tx); err != nil {
			return fmt.Errorf("upgrade to format %d: %w", have+i+1, err)
		}
	}
	return tx.Bucket(MetaBucket).Put(FormatKey, formatValue(len(steps)))
}

// Upgrade converts the file to the newest format; see upgrade.
func Upgrade(bdb *bbolt.DB) error { return upgrade(bdb, upgrades) }

// oldestRead is the oldest format that can be read without an upgrade. A later format
// added only the index of sizes, so a list by size needs an upgrade.
const oldestRead = OldestChecked

// CheckReadable returns an error if the file cannot be read without an upgrade.
func CheckReadable(tx *bbolt.Tx) error {
	meta := tx.Bucket(MetaBucket)
	if meta == nil {
		return errors.New("is not a data file of this program; choose another path")
	}
	have, err := ParseFormat(meta.Get(FormatKey))
	if err == nil && have < oldestRead {
		err = fmt.Errorf("has the format %d, which this version must upgrade first; make a copy of the file, start and stop a server with the copy, and use the copy", have)
	}
	return err
}

// upgrade converts the file to the newest format that `steps` lead to. If the file has
// a newer format or belongs to another program, it returns an error. On a full disk it
// returns an error that wraps db.ErrFull.
func upgrade(bdb *bbolt.DB, steps []func(*bbolt.Tx) error) error {
	have := 0
	err := bdb.View(func(tx *bbolt.Tx) (err error) {
		meta := tx.Bucket(MetaBucket)
		if meta == nil {
			if k, _ := tx.Cursor().First(); k != nil {
				return ForeignFile(k)
			}
			return nil
		}
		have, err = parseFormat(meta.Get(FormatKey), len(steps))
		return err
	})
	if err != nil || have == len(steps) {
		return err
	}
	err = bdb.Update(func(tx *bbolt.Tx) error { return run(tx, steps, have) })
	if datafile.IsFull(err) {
		return fmt.Errorf("%w: upgrade from format %d to format %d: nothing was changed; free some disk space and start again", db.ErrFull, have, len(steps))
	}
	return err
}
