package layout

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"imageserver/db"
)

func IDKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// TimeSize is the length of a time in a key.
const TimeSize = 8

// RecentKey sorts by time, newest first, then by name.
func RecentKey(t time.Time, name string) []byte {
	return append(NewestFirst(t), name...)
}

// RecentName returns the name in a key made by RecentKey.
func RecentName(key []byte) []byte { return key[min(TimeSize, len(key)):] }

// RecentTime returns the time in a key made by RecentKey.
func RecentTime(key []byte) time.Time { return bitsTime(^binary.BigEndian.Uint64(key)) }

// NewestFirst is a time as a key in which later ones sort before earlier ones.
func NewestFirst(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, ^timeBits(t))
}

// DueKey sorts by time, the earliest first, and then by the key of what is due.
func DueKey(t time.Time, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, timeBits(t)), key...)
}

// DueTime returns the time in a key made by DueKey.
func DueTime(key []byte) time.Time { return bitsTime(binary.BigEndian.Uint64(key)) }

// timeBits sorts by time: flipping the sign bit makes those before 1970 sort
// before later ones.
func timeBits(t time.Time) uint64 { return uint64(t.UnixNano()) ^ 1<<63 }

// bitsTime returns the time of which timeBits made bits.
func bitsTime(bits uint64) time.Time { return time.Unix(0, int64(bits^1<<63)).UTC() }

// Stamp returns t as a record keeps it: in UTC, to the nanosecond, and no
// later than the last time that takes, which is in the year 2262. Zero stays.
func Stamp(t time.Time) time.Time {
	switch {
	case t.IsZero():
		return time.Time{}
	case t.Before(FirstTime):
		return FirstTime
	case t.After(LastTime):
		return LastTime
	}
	return time.Unix(0, t.UnixNano()).UTC()
}

var (
	FirstTime = time.Unix(0, math.MinInt64).UTC()
	LastTime  = time.Unix(0, math.MaxInt64).UTC()
)

// trashMark stands in keys where a name cannot: no name holds a NUL, so a key
// with one is that of an image in the trash.
const trashMark = 0

// TrashKey is the key of an image in the trash bucket. Those of one name stand
// together, the one deleted last first.
func TrashKey(name string, deleted time.Time) []byte {
	return append(TrashPrefix(name), NewestFirst(deleted)...)
}

// TrashPrefix is what the keys of all images in the trash called name begin with.
func TrashPrefix(name string) []byte { return append([]byte(name), trashMark) }

// TrashName returns the name in a key made by TrashKey.
func TrashName(key []byte) string { return string(key[:max(0, len(key)-TimeSize-1)]) }

// TrashTime returns the time in a key made by TrashKey.
func TrashTime(key []byte) time.Time {
	return bitsTime(^binary.BigEndian.Uint64(key[len(key)-TimeSize:]))
}

// TrashKeyOf returns the key in the trash bucket that goes with one in the
// deleted bucket.
func TrashKeyOf(deleted []byte) []byte {
	return slices.Concat(RecentName(deleted), []byte{trashMark}, deleted[:min(TimeSize, len(deleted))])
}

func DigestKey(d db.Digest, name string) []byte {
	return append(d[:len(d):len(d)], name...)
}

// CopyKey is the key of a copy in the copies bucket.
func CopyKey(source db.Digest, key string) []byte { return DigestKey(source, key) }

// CopyTitle is what messages call the copy under k.
func CopyTitle(k []byte) string {
	n := min(len(db.Digest{}), len(k))
	return fmt.Sprintf("%x/%s", k[:n], k[n:])
}

// NamesOf is where the names of a content begin among its keys in the digests
// bucket: behind those of the images in the trash.
func NamesOf(sum db.Digest) []byte { return append(sum[:len(sum):len(sum)], trashMark+1) }

// trashedDigestKey is the key in the digests bucket of an image in the trash.
func trashedDigestKey(sum db.Digest, key []byte) []byte {
	return append(append(sum[:len(sum):len(sum)], trashMark), key...)
}

// DigestOwner is the owner of an entry of the digests bucket.
func DigestOwner(k, _ []byte) (bucket, owner []byte) {
	owner = k[min(len(db.Digest{}), len(k)):]
	if len(owner) > 0 && owner[0] == trashMark {
		return TrashBucket, owner[1:]
	}
	return ImagesBucket, owner
}
