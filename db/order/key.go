// Package order defines the orders of lists for all engines. It has keys and cursors.
// The sorted keys have the same order as the images in the list. The package also
// decides which names match a search.
//
// Clients have cursors with these keys, and the data files of the engine bolt
// contain these keys. If the form of a key changes, the data files need a new format.
package order

import (
	"encoding/binary"
	"time"
)

// NumberSize is the length in bytes of the number at the start of a key. The number is a
// time or a size.
const NumberSize = 8

// TimeKey returns a key that sorts by time, newest first, and then by name.
func TimeKey(t time.Time, name string) []byte { return append(NewestFirst(t), name...) }

// KeyTime returns the time in a key made by TimeKey.
func KeyTime(key []byte) time.Time { return BitsTime(^binary.BigEndian.Uint64(key)) }

// AppendSizeKey appends a key to b. These keys sort by size, the largest first, and
// then by name.
func AppendSizeKey(b []byte, size int64, name []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, ^uint64(size)), name...)
}

// KeySize returns the size in a key made by AppendSizeKey.
func KeySize(key []byte) int64 { return int64(^binary.BigEndian.Uint64(key)) }

// KeyName returns the name in a key made by TimeKey or AppendSizeKey. If the key is too
// short, the name is empty.
func KeyName(key []byte) []byte { return key[min(NumberSize, len(key)):] }

// NewestFirst converts a time to bytes. If such bytes are sorted, later times are
// first.
func NewestFirst(t time.Time) []byte { return binary.BigEndian.AppendUint64(nil, ^TimeBits(t)) }

// TimeBits converts a time to a number. A later time has a higher number. The sign bit
// of the nanoseconds is inverted, so that times before 1970 have lower numbers than
// later times.
func TimeBits(t time.Time) uint64 { return uint64(t.UnixNano()) ^ 1<<63 }

// BitsTime is the inverse of TimeBits.
func BitsTime(bits uint64) time.Time { return time.Unix(0, int64(bits^1<<63)).UTC() }
