// Package order defines the orders of lists for every engine: keys that sort as the
// images in a list, cursors, and which names match a search.
//
// The keys are in cursors that clients have, and in data files of the embedded engine.
// Another form of a key needs a new format of these files.
package order

import (
	"encoding/binary"
	"time"
)

// TimeSize is the length of the time or the size at the start of a key, in bytes.
const TimeSize = 8

// TimeKey returns a key that sorts by time, newest first, and then by name.
func TimeKey(t time.Time, name string) []byte { return append(NewestFirst(t), name...) }

// KeyTime returns the time in a key made by TimeKey.
func KeyTime(key []byte) time.Time { return BitsTime(^binary.BigEndian.Uint64(key)) }

// AppendSizeKey appends a key to b that sorts by size, the largest first, and then by
// name.
func AppendSizeKey(b []byte, size int64, name []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, ^uint64(size)), name...)
}

// KeySize returns the size in a key made by AppendSizeKey.
func KeySize(key []byte) int64 { return int64(^binary.BigEndian.Uint64(key)) }

// KeyName returns the name in a key made by TimeKey or AppendSizeKey. It is empty for a
// key that is too short.
func KeyName(key []byte) []byte { return key[min(TimeSize, len(key)):] }

// NewestFirst returns a time as bytes that sort later times first.
func NewestFirst(t time.Time) []byte { return binary.BigEndian.AppendUint64(nil, ^TimeBits(t)) }

// TimeBits returns a number that sorts by time. The sign bit of the nanoseconds is
// flipped, so that times before 1970 sort first.
func TimeBits(t time.Time) uint64 { return uint64(t.UnixNano()) ^ 1<<63 }

// BitsTime is the inverse of TimeBits.
func BitsTime(bits uint64) time.Time { return time.Unix(0, int64(bits^1<<63)).UTC() }
