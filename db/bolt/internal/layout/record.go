package layout

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	bbolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"

	"imageserver/db"
)

// Record is what the file says about an image or a variant, and where the bytes are.
// The Name of a variant is its title in messages. A record is stored in protobuf's wire
// format. In this format every field has its length. So a program can keep fields that
// it does not know.
type Record struct {
	db.Image
	Blob       uint64
	ChunkSize  int    // of all chunks of the blob; only the last chunk may be shorter
	VariantKey []byte // the key in the variants bucket, or nil for an image
	unknown    []byte
}

// The field numbers of a record. The meaning of a number never changes after it was
// used. A zero time is not stored.
//
// If an older program does not know a field, it keeps the field. When it changes
// another field, it writes the unknown field back unchanged. For some new fields this
// would be wrong. One example is a field that depends on other fields, such as a
// checksum. Another example is a field that must not be copied for another reason. Such
// a field needs a new format number (see upgrades), because older programs cannot open
// a file of a new format. Any other new field needs no new format.
const (
	fieldBlob          = 1  // varint
	fieldSHA256        = 2  // bytes
	fieldSize          = 3  // varint
	fieldContentType   = 4  // string
	fieldWidth         = 5  // varint
	fieldHeight        = 6  // varint
	fieldUploaded      = 7  // sfixed64, nanoseconds since 1970 UTC
	fieldChunkSize     = 8  // varint
	fieldOrientation   = 9  // varint; missing for 0
	fieldExpires       = 10 // sfixed64, as fieldUploaded
	fieldDeleteKeyHash = 11 // bytes; missing for none
	fieldDeleted       = 12 // sfixed64
	fieldTrashExpires  = 13 // sfixed64
	fieldPlaceholder   = 15 // bytes; missing for none. It depends only on the content, which an older program never changes, so it needs no new format.
	fieldChecksum      = 14 // fixed32, CRC-32C of all bytes before this field; the last field; missing in records from before format 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Marshal returns the bytes of the record, with its checksum. ParseRecord reads them.
func (r *Record) Marshal() []byte {
	b := make([]byte, 0, 192) // enough for all fields but an unusual content type
	varint := func(n protowire.Number, v uint64) {
		b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	varint(fieldBlob, r.Blob)
	b = protowire.AppendBytes(protowire.AppendTag(b, fieldSHA256, protowire.BytesType), r.SHA256[:])
	varint(fieldSize, uint64(r.Size))
	b = protowire.AppendString(protowire.AppendTag(b, fieldContentType, protowire.BytesType), r.ContentType)
	varint(fieldWidth, uint64(r.Width))
	varint(fieldHeight, uint64(r.Height))
	varint(fieldChunkSize, uint64(r.ChunkSize))
	if r.Orientation != 0 {
		varint(fieldOrientation, uint64(r.Orientation))
	}
	if r.DeleteKeyHash != (db.Digest{}) {
		b = protowire.AppendBytes(protowire.AppendTag(b, fieldDeleteKeyHash, protowire.BytesType), r.DeleteKeyHash[:])
	}
	at := func(n protowire.Number, t time.Time) {
		if !t.IsZero() {
			b = protowire.AppendFixed64(protowire.AppendTag(b, n, protowire.Fixed64Type), uint64(t.UnixNano()))
		}
	}
	at(fieldUploaded, r.Uploaded)
	at(fieldExpires, r.Expires)
	at(fieldDeleted, r.Deleted)
	at(fieldTrashExpires, r.TrashExpires)
	if r.Placeholder != "" {
		b = protowire.AppendString(protowire.AppendTag(b, fieldPlaceholder, protowire.BytesType), r.Placeholder)
	}
	b = append(b, r.unknown...)
	sum := crc32.Checksum(b, castagnoli)
	return protowire.AppendFixed32(protowire.AppendTag(b, fieldChecksum, protowire.Fixed32Type), sum)
}

// ErrRecord means that the bytes of a record are damaged.
var ErrRecord = errors.New("unreadable record")

func unmarshalRecord(name string, b []byte) (*Record, error) {
	r := &Record{Image: db.Image{Name: name}}
	whole := b
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, damagedRecord(name)
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return nil, damagedRecord(name)
		}
		field, value := b[:n+size], b[n:n+size]
		b = b[n+size:]
		switch {
		case number == fieldChecksum && kind == protowire.Fixed32Type:
			sum, _ := protowire.ConsumeFixed32(value)
			if len(b) > 0 || sum != crc32.Checksum(whole[:len(whole)-len(field)], castagnoli) {
				return nil, damagedRecord(name)
			}
		case number == fieldSHA256 && kind == protowire.BytesType:
			if !setDigest(&r.SHA256, value) {
				return nil, damagedRecord(name)
			}
		case number == fieldDeleteKeyHash && kind == protowire.BytesType:
			if !setDigest(&r.DeleteKeyHash, value) {
				return nil, damagedRecord(name)
			}
		case number == fieldContentType && kind == protowire.BytesType:
			v, _ := protowire.ConsumeBytes(value)
			r.ContentType = contentType(v)
		case number == fieldPlaceholder && kind == protowire.BytesType:
			v, _ := protowire.ConsumeBytes(value)
			r.Placeholder = string(v)
		case kind == protowire.Fixed64Type && r.setTime(number, value):
		case kind == protowire.VarintType && r.setVarint(number, value):
		default:
			r.unknown = append(r.unknown, field...)
		}
	}
	if r.Blob == 0 || r.Size < 0 || r.ChunkSize <= 0 || r.ChunkSize > ChunkSize {
		return nil, damagedRecord(name)
	}
	return r, nil
}

// ParseRecord returns the record with the key k in one of RecordBuckets. It returns an
// error that wraps db.ErrDamaged if the record is unreadable or belongs to another key.
// It panics for another bucket, because that is a mistake in the program.
func ParseRecord(bucket, k, v []byte) (*Record, error) {
	name, variantKey := string(k), []byte(nil)
	switch string(bucket) {
	case string(ImagesBucket):
	case string(TrashBucket):
		name = TrashName(k)
	case string(VariantsBucket):
		name, variantKey = VariantTitle(k), bytes.Clone(k)
	default:
		panic(fmt.Sprintf("the bucket %q has no records", bucket))
	}
	r, err := unmarshalRecord(name, v)
	if err != nil {
		return nil, err
	}
	r.VariantKey = variantKey
	if !bytes.Equal(r.Bucket(), bucket) || r.Name != string(k) && !bytes.Equal(r.Key(), k) || r.IsVariant() && len(k) <= len(db.Digest{}) {
		return nil, damagedRecord(name)
	}
	return r, nil
}

// RecordAt returns the record with the key k in one of RecordBuckets. If there is none,
// it returns nil.
func RecordAt(tx *bbolt.Tx, bucket, k []byte) (*Record, error) {
	v := tx.Bucket(bucket).Get(k)
	if v == nil {
		return nil, nil
	}
	return ParseRecord(bucket, k, v)
}

// bucketOf returns the bucket of the image with this key: ImagesBucket or TrashBucket.
func bucketOf(k []byte) []byte {
	if bytes.IndexByte(k, trashMark) >= 0 {
		return TrashBucket
	}
	return ImagesBucket
}

// setDigest stores a digest in d. It reports whether `value` is a digest.
func setDigest(d *db.Digest, value []byte) bool {
	v, _ := protowire.ConsumeBytes(value)
	return len(v) == len(d) && copy(d[:], v) == len(d)
}

// setTime stores the time of a field. It reports whether it knows the number of the
// field.
func (r *Record) setTime(number protowire.Number, value []byte) bool {
	v, _ := protowire.ConsumeFixed64(value)
	t := time.Unix(0, int64(v)).UTC()
	switch number {
	case fieldUploaded:
		r.Uploaded = t
	case fieldExpires:
		r.Expires = t
	case fieldDeleted:
		r.Deleted = t
	case fieldTrashExpires:
		r.TrashExpires = t
	default:
		return false
	}
	return true
}

// setVarint stores the integer of a field. It reports whether it knows the number of
// the field.
func (r *Record) setVarint(number protowire.Number, value []byte) bool {
	v, _ := protowire.ConsumeVarint(value)
	switch number {
	case fieldBlob:
		r.Blob = v
	case fieldSize:
		r.Size = int64(v)
	case fieldWidth:
		r.Width = int(v)
	case fieldHeight:
		r.Height = int(v)
	case fieldChunkSize:
		r.ChunkSize = int(v)
	case fieldOrientation:
		r.Orientation = int(v)
	default:
		return false
	}
	return true
}

// contentType returns b as a string. For the most frequent types it needs no
// allocation.
func contentType(b []byte) string {
	switch string(b) {
	case "image/jpeg":
		return "image/jpeg"
	case "image/png":
		return "image/png"
	case "image/webp":
		return "image/webp"
	}
	return string(b)
}

func damagedRecord(name string) error {
	return fmt.Errorf("%w: %q: %w", db.ErrDamaged, name, ErrRecord)
}

// ImageRecord returns the record of the image with this name, or nil if there is none.
// It does the same as RecordAt, but needs two allocations less. It is for the most
// frequent request.
func ImageRecord(tx *bbolt.Tx, name string) (*Record, error) {
	v := tx.Bucket(ImagesBucket).Get([]byte(name))
	if v == nil {
		return nil, nil
	}
	r, err := unmarshalRecord(name, v)
	if err == nil && r.InTrash() {
		return nil, damagedRecord(name)
	}
	return r, err
}

// MustRecord returns the record to which an index leads. k is the name of an image, or
// the key of an image in the trash. If the record is missing, the file is damaged, and
// MustRecord returns an error.
func MustRecord(tx *bbolt.Tx, k []byte) (*Record, error) {
	r, err := RecordAt(tx, bucketOf(k), k)
	if r == nil && err == nil {
		err = damagedRecord(string(k))
	}
	return r, err
}

// IsVariant reports whether the record belongs to a variant.
func (r *Record) IsVariant() bool { return r.VariantKey != nil }

// InTrash reports whether the record belongs to an image in the trash.
func (r *Record) InTrash() bool { return !r.IsVariant() && !r.Deleted.IsZero() }

// IsImage reports whether the record belongs to an image that is not in the trash.
func (r *Record) IsImage() bool { return !r.IsVariant() && !r.InTrash() }

// Bucket returns the bucket of the record.
func (r *Record) Bucket() []byte {
	switch {
	case r.IsVariant():
		return VariantsBucket
	case r.InTrash():
		return TrashBucket
	}
	return ImagesBucket
}

// Key returns the key of the record in its bucket.
func (r *Record) Key() []byte {
	switch {
	case r.IsVariant():
		return r.VariantKey
	case r.InTrash():
		return TrashKey(r.Name, r.Deleted)
	}
	return []byte(r.Name)
}

// Count adds the record n times to the counts of images, of the trash or of variants.
// It does not change the counts of distinct contents.
func (r *Record) Count(u *db.Usage, n int64) {
	number, bytes := &u.Images, &u.Bytes
	switch {
	case r.IsVariant():
		number, bytes = &u.Variants, &u.VariantBytes
	case r.InTrash():
		number, bytes = &u.Trash, &u.TrashBytes
	}
	*number += n
	*bytes += n * r.Size
}

// ImageOrNil returns the image of the record, or nil for a nil record.
func (r *Record) ImageOrNil() *db.Image {
	if r == nil {
		return nil
	}
	return &r.Image
}
