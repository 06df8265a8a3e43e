package bolt

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"imageserver/db"
)

func idKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// timeSize is the length of a time in a key.
const timeSize = 8

// recentKey sorts by time, newest first, then by name.
func recentKey(t time.Time, name string) []byte {
	return append(newestFirst(t), name...)
}

// recentName returns the name in a key made by recentKey.
func recentName(key []byte) []byte { return key[min(timeSize, len(key)):] }

// recentTime returns the time in a key made by recentKey.
func recentTime(key []byte) time.Time { return bitsTime(^binary.BigEndian.Uint64(key)) }

// newestFirst is a time as a key in which later ones sort before earlier ones.
func newestFirst(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, ^timeBits(t))
}

// dueKey sorts by time, the earliest first, and then by the key of what is due.
func dueKey(t time.Time, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, timeBits(t)), key...)
}

// dueTime returns the time in a key made by dueKey.
func dueTime(key []byte) time.Time { return bitsTime(binary.BigEndian.Uint64(key)) }

// timeBits sorts by time: flipping the sign bit makes those before 1970 sort
// before later ones.
func timeBits(t time.Time) uint64 { return uint64(t.UnixNano()) ^ 1<<63 }

// bitsTime returns the time of which timeBits made bits.
func bitsTime(bits uint64) time.Time { return time.Unix(0, int64(bits^1<<63)).UTC() }

// stamp returns t as a record keeps it: in UTC, to the nanosecond, and no
// later than the last time that takes, which is in the year 2262. Zero stays.
func stamp(t time.Time) time.Time {
	switch {
	case t.IsZero():
		return time.Time{}
	case t.Before(firstTime):
		return firstTime
	case t.After(lastTime):
		return lastTime
	}
	return time.Unix(0, t.UnixNano()).UTC()
}

var (
	firstTime = time.Unix(0, math.MinInt64).UTC()
	lastTime  = time.Unix(0, math.MaxInt64).UTC()
)

// trashMark stands in keys where a name cannot: no name holds a NUL, so a key
// with one is that of an image in the trash.
const trashMark = 0

// trashKey is the key of an image in the trash bucket. Those of one name stand
// together, the one deleted last first.
func trashKey(name string, deleted time.Time) []byte {
	return append(trashPrefix(name), newestFirst(deleted)...)
}

// trashPrefix is what the keys of all images in the trash called name begin with.
func trashPrefix(name string) []byte { return append([]byte(name), trashMark) }

// trashName returns the name in a key made by trashKey.
func trashName(key []byte) string { return string(key[:max(0, len(key)-timeSize-1)]) }

// trashTime returns the time in a key made by trashKey.
func trashTime(key []byte) time.Time {
	return bitsTime(^binary.BigEndian.Uint64(key[len(key)-timeSize:]))
}

// trashKeyOf returns the key in the trash bucket that goes with one in the
// deleted bucket.
func trashKeyOf(deleted []byte) []byte {
	return slices.Concat(recentName(deleted), []byte{trashMark}, deleted[:min(timeSize, len(deleted))])
}

func digestKey(d db.Digest, name string) []byte {
	return append(d[:len(d):len(d)], name...)
}

// copyKey is the key of a copy in the copies bucket.
func copyKey(source db.Digest, key string) []byte { return digestKey(source, key) }

// copyTitle is what messages call the copy under k.
func copyTitle(k []byte) string {
	n := min(len(db.Digest{}), len(k))
	return fmt.Sprintf("%x/%s", k[:n], k[n:])
}

// nameless is where the names of a content begin among its keys in the digests
// bucket: behind those of the images in the trash.
func nameless(sum db.Digest) []byte { return append(sum[:len(sum):len(sum)], trashMark+1) }

// trashedDigestKey is the key in the digests bucket of an image in the trash.
func trashedDigestKey(sum db.Digest, key []byte) []byte {
	return append(append(sum[:len(sum):len(sum)], trashMark), key...)
}

// digestOwner is the owner of an entry of the digests bucket.
func digestOwner(k, _ []byte) (bucket, owner []byte) {
	owner = k[min(len(db.Digest{}), len(k)):]
	if len(owner) > 0 && owner[0] == trashMark {
		return trashBucket, owner[1:]
	}
	return imagesBucket, owner
}
