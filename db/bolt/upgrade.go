package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"

	bbolt "go.etcd.io/bbolt"
)

// upgrades takes a file from each version of the layout to the next: the
// function at index i makes version i+1 of version i. A file of version 0 is
// an empty one. All that are needed run in one transaction.
var upgrades = []func(tx *bbolt.Tx) error{
	func(tx *bbolt.Tx) error { // images
		if err := createBuckets(tx, metaBucket, imagesBucket, recentBucket, digestsBucket, chunksBucket, orphansBucket); err != nil {
			return err
		}
		return tx.Bucket(metaBucket).Put(usageKey, make([]byte, usageSize1))
	},
	func(tx *bbolt.Tx) error { // copies, and their two counts
		if err := createBuckets(tx, copiesBucket, madeBucket); err != nil {
			return err
		}
		return growUsage(tx, usageSize1, usageSize2)
	},
	func(tx *bbolt.Tx) error { // ends, the trash and its two counts, and delete tokens
		if err := createBuckets(tx, trashBucket, deletedBucket, dueBucket, tokensBucket); err != nil {
			return err
		}
		return growUsage(tx, usageSize2, usageSize)
	},
}

// growUsage gives the counts, which take from bytes, zeros up to to bytes.
func growUsage(tx *bbolt.Tx, from, to int) error {
	old := tx.Bucket(metaBucket).Get(usageKey)
	if len(old) < from {
		return errCounts
	}
	v := make([]byte, to)
	copy(v, old[:from])
	return tx.Bucket(metaBucket).Put(usageKey, v)
}

func createBuckets(tx *bbolt.Tx, names ...[]byte) error {
	for _, name := range names {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return nil
}

// formatValue is what stands in a file of that version.
func formatValue(version int) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(version))
}

// parseFormat returns the version that a file says it has, of which newest is
// the highest that is known.
func parseFormat(v []byte, newest int) (int, error) {
	if len(v) != 4 {
		return 0, errors.New("a bbolt file of another program; choose another path")
	}
	have := int(binary.BigEndian.Uint32(v))
	if have > newest {
		return 0, fmt.Errorf("made by a newer version of this program (format %d, this one reads up to %d); use that version", have, newest)
	}
	return have, nil
}

// foreignFile is the error for a file with a bucket that is none of ours.
func foreignFile(bucket []byte) error {
	return fmt.Errorf("a bbolt file of another program (it has a bucket %q); choose another path", bucket)
}

// upgrade brings the file to the newest version that steps lead to. A newer
// file, and one that holds something else, it refuses.
func upgrade(bdb *bbolt.DB, steps []func(*bbolt.Tx) error) error {
	have := 0
	err := bdb.View(func(tx *bbolt.Tx) (err error) {
		meta := tx.Bucket(metaBucket)
		if meta == nil {
			if k, _ := tx.Cursor().First(); k != nil {
				return foreignFile(k)
			}
			return nil
		}
		have, err = parseFormat(meta.Get(formatKey), len(steps))
		return err
	})
	if err != nil || have == len(steps) {
		return err
	}
	return bdb.Update(func(tx *bbolt.Tx) error {
		for i, step := range steps[have:] {
			if err := step(tx); err != nil {
				return fmt.Errorf("upgrade to format %d: %w", have+i+1, err)
			}
		}
		return tx.Bucket(metaBucket).Put(formatKey, formatValue(len(steps)))
	})
}
