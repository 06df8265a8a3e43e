package layout

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"imageserver/db"
	"imageserver/db/order"
)

// IDKey returns the key of a blob in the made and orphans buckets. The keys of its chunks begin
// with it.
func IDKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// ExpiryKey returns a key that sorts by time, the earliest first, and then by the key
// of the record.
func ExpiryKey(t time.Time, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, order.TimeBits(t)), key...)
}

// ExpiryTime returns the time in a key made by ExpiryKey.
func ExpiryTime(key []byte) time.Time { return order.BitsTime(binary.BigEndian.Uint64(key)) }

// trashMark is a byte in the keys of images in the trash. Other keys do not contain it,
// because a name has no NUL.
const trashMark = 0

// TrashKey returns the key of an image in the trash bucket. The keys of images with the
// same name are neighbours. The image that was deleted last is first.
func TrashKey(name string, deleted time.Time) []byte {
	return append(TrashPrefix(name), order.NewestFirst(deleted)...)
}

// TrashPrefix returns the prefix of the keys of all images in the trash that have this
// name.
func TrashPrefix(name string) []byte { return append([]byte(name), trashMark) }

// TrashName returns the name in a key made by TrashKey.
func TrashName(key []byte) string { return string(key[:max(0, len(key)-order.NumberSize-1)]) }

// TrashTime returns the time in a key made by TrashKey.
func TrashTime(key []byte) time.Time {
	return order.BitsTime(^binary.BigEndian.Uint64(key[len(key)-order.NumberSize:]))
}

// TrashKeyOf converts a key of the deleted bucket to the key of the same image in the
// trash bucket.
func TrashKeyOf(deleted []byte) []byte {
	return slices.Concat(order.KeyName(deleted), []byte{trashMark}, deleted[:min(order.NumberSize, len(deleted))])
}

// DigestKey returns the key of an image in the digests bucket.
func DigestKey(d db.Digest, name string) []byte {
	return append(d[:len(d):len(d)], name...)
}

// VariantKey returns the key of a variant in the variants bucket.
func VariantKey(source db.Digest, key string) []byte { return DigestKey(source, key) }

// VariantTitle returns the name that messages use for the variant with the key k.
func VariantTitle(k []byte) string {
	n := min(len(db.Digest{}), len(k))
	return fmt.Sprintf("%x/%s", k[:n], k[n:])
}

// NamesOf returns the first key in the digests bucket that an image outside the trash
// with this digest can have. The keys of images in the trash come before this key.
func NamesOf(sum db.Digest) []byte { return append(sum[:len(sum):len(sum)], trashMark+1) }

// trashedDigestKey returns the key in the digests bucket for an image in the trash.
// `key` is the key of the image in the trash bucket.
func trashedDigestKey(sum db.Digest, key []byte) []byte {
	return append(append(sum[:len(sum):len(sum)], trashMark), key...)
}

// DigestOwner returns the bucket and the key of the record to which an entry in the
// digests bucket belongs; see Index.Owner.
func DigestOwner(k, _ []byte) (bucket, owner []byte) {
	owner = k[min(len(db.Digest{}), len(k)):]
	if len(owner) > 0 && owner[0] == trashMark {
		return TrashBucket, owner[1:]
	}
	return ImagesBucket, owner
}
