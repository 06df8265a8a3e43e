package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"

	bbolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"

	"imageserver/db"
)

var (
	metaBucket    = []byte("meta")
	imagesBucket  = []byte("images")
	recentBucket  = []byte("recent")
	digestsBucket = []byte("digests")
	chunksBucket  = []byte("chunks")
	orphansBucket = []byte("orphans")
	copiesBucket  = []byte("copies")
	madeBucket    = []byte("made")
	trashBucket   = []byte("trash")
	deletedBucket = []byte("deleted")
	dueBucket     = []byte("due")
	tokensBucket  = []byte("tokens")

	formatKey = []byte("format")
	usageKey  = []byte("usage")
	chunkKey  = []byte("c")
)

// chunkSize is how many bytes of an image one chunk holds: with its checksum,
// its key and bbolt's headers it fills 128 KiB of pages to the last byte
// (page header 16, leaf element 16, key 1, checksum 4). Larger chunks read no
// faster, and each client that reads slowly holds one of them in memory.
const chunkSize = 128<<10 - 16 - 16 - 1 - crcSize

const crcSize = 4

// chunk is one chunk as the file holds it: the checksum, then the bytes.
type chunk struct {
	buf   []byte
	n     int      // bytes in use after the checksum
	place [12]byte // the key it is checked against
}

// newChunk returns an empty chunk with a buffer of size bytes.
func newChunk(size int) *chunk { return &chunk{buf: make([]byte, size)} }

// data returns the bytes in use.
func (c *chunk) data() []byte { return c.buf[crcSize : crcSize+c.n] }

// seal puts the checksum in front of the data.
func (c *chunk) seal(id uint64, number int) {
	binary.BigEndian.PutUint32(c.buf, c.checksum(id, number))
}

// sealed returns the checksum and the data, as the file holds them.
func (c *chunk) sealed() []byte { return c.buf[:crcSize+c.n] }

// sound reports whether the chunk holds what was sealed under id and number.
func (c *chunk) sound(id uint64, number int) bool {
	return binary.BigEndian.Uint32(c.buf) == c.checksum(id, number)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC-32C of the chunk's place and its bytes. With the place in
// it, a chunk that ends up where another belongs is found out too.
func (c *chunk) checksum(id uint64, number int) uint32 {
	c.place = chunkPlace(id, number)
	return checksum(c.place[:], c.data())
}

// checksum is that of a chunk with the key place.
func checksum(place, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(place, castagnoli), castagnoli, data)
}

// chunkPlace is the key of a chunk in the chunks bucket.
func chunkPlace(id uint64, number int) (k [12]byte) {
	binary.BigEndian.PutUint64(k[:], id)
	binary.BigEndian.PutUint32(k[8:], uint32(number))
	return k
}

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

// record is the value under a key in the images, trash and copies buckets: an
// image or a copy, and where its bytes are. The Name of a copy's is what
// messages call it. A record is written in protobuf's wire format, which says
// for every field where it ends, so that later versions can add fields and
// earlier ones keep what they do not know.
type record struct {
	db.Image
	blob      uint64
	chunkSize int // of the blob's chunks, the last one may be shorter
	unknown   []byte
}

// The numbers of record's fields. A number, once used, keeps its meaning. A
// time that is zero is missing.
const (
	fieldBlob        = 1  // varint
	fieldSHA256      = 2  // bytes
	fieldSize        = 3  // varint
	fieldContentType = 4  // string
	fieldWidth       = 5  // varint
	fieldHeight      = 6  // varint
	fieldUploaded    = 7  // sfixed64, nanoseconds since 1970 UTC
	fieldChunkSize   = 8  // varint
	fieldOrientation = 9  // varint; missing for 0
	fieldExpires     = 10 // sfixed64, as fieldUploaded
	fieldDeleteHash  = 11 // bytes; missing for none
	fieldDeleted     = 12 // sfixed64
	fieldKeptUntil   = 13 // sfixed64
	fieldChecksum    = 14 // fixed32, CRC-32C of all that stands before it; the last, and missing in older records
)

func (r *record) marshal() []byte {
	b := make([]byte, 0, 96)
	varint := func(n protowire.Number, v uint64) {
		b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	varint(fieldBlob, r.blob)
	b = protowire.AppendBytes(protowire.AppendTag(b, fieldSHA256, protowire.BytesType), r.SHA256[:])
	varint(fieldSize, uint64(r.Size))
	b = protowire.AppendString(protowire.AppendTag(b, fieldContentType, protowire.BytesType), r.ContentType)
	varint(fieldWidth, uint64(r.Width))
	varint(fieldHeight, uint64(r.Height))
	varint(fieldChunkSize, uint64(r.chunkSize))
	if r.Orientation != 0 {
		varint(fieldOrientation, uint64(r.Orientation))
	}
	if r.DeleteHash != (db.Digest{}) {
		b = protowire.AppendBytes(protowire.AppendTag(b, fieldDeleteHash, protowire.BytesType), r.DeleteHash[:])
	}
	at := func(n protowire.Number, t time.Time) {
		if !t.IsZero() {
			b = protowire.AppendFixed64(protowire.AppendTag(b, n, protowire.Fixed64Type), uint64(t.UnixNano()))
		}
	}
	at(fieldUploaded, r.Uploaded)
	at(fieldExpires, r.Expires)
	at(fieldDeleted, r.Deleted)
	at(fieldKeptUntil, r.KeptUntil)
	b = append(b, r.unknown...)
	sum := crc32.Checksum(b, castagnoli)
	return protowire.AppendFixed32(protowire.AppendTag(b, fieldChecksum, protowire.Fixed32Type), sum)
}

var errRecord = errors.New("unreadable record")

func unmarshalRecord(name string, b []byte) (*record, error) {
	r := &record{Image: db.Image{Name: name}}
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
		case number == fieldDeleteHash && kind == protowire.BytesType:
			if !setDigest(&r.DeleteHash, value) {
				return nil, damagedRecord(name)
			}
		case number == fieldContentType && kind == protowire.BytesType:
			v, _ := protowire.ConsumeBytes(value)
			r.ContentType = contentType(v)
		case kind == protowire.Fixed64Type && r.setTime(number, value):
		case kind == protowire.VarintType && r.setVarint(number, value):
		default:
			r.unknown = append(r.unknown, field...)
		}
	}
	if r.blob == 0 || r.Size < 0 || r.chunkSize <= 0 || r.chunkSize > chunkSize {
		return nil, damagedRecord(name)
	}
	return r, nil
}

// recordSize returns the size in a record without reading the rest, and reports
// whether it is there.
func recordSize(b []byte) (int64, bool) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			break
		}
		if number == fieldSize && kind == protowire.VarintType {
			v, m := protowire.ConsumeVarint(b[n:])
			return int64(v), m >= 0
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			break
		}
		b = b[n+size:]
	}
	return 0, false
}

// setDigest stores a digest and reports whether value is one.
func setDigest(d *db.Digest, value []byte) bool {
	v, _ := protowire.ConsumeBytes(value)
	return len(v) == len(d) && copy(d[:], v) == len(d)
}

// setTime stores a time and reports whether it knows the field.
func (r *record) setTime(number protowire.Number, value []byte) bool {
	v, _ := protowire.ConsumeFixed64(value)
	t := time.Unix(0, int64(v)).UTC()
	switch number {
	case fieldUploaded:
		r.Uploaded = t
	case fieldExpires:
		r.Expires = t
	case fieldDeleted:
		r.Deleted = t
	case fieldKeptUntil:
		r.KeptUntil = t
	default:
		return false
	}
	return true
}

// setVarint stores an integer field and reports whether it knows it.
func (r *record) setVarint(number protowire.Number, value []byte) bool {
	v, _ := protowire.ConsumeVarint(value)
	switch number {
	case fieldBlob:
		r.blob = v
	case fieldSize:
		r.Size = int64(v)
	case fieldWidth:
		r.Width = int(v)
	case fieldHeight:
		r.Height = int(v)
	case fieldChunkSize:
		r.chunkSize = int(v)
	case fieldOrientation:
		r.Orientation = int(v)
	default:
		return false
	}
	return true
}

// contentType returns b as a string, without an allocation for the types that
// nearly every image has.
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
	return fmt.Errorf("%w: %q: %w", db.ErrDamaged, name, errRecord)
}

// getRecord returns the record under name, or nil when there is none.
func getRecord(tx *bbolt.Tx, name string) (*record, error) {
	v := tx.Bucket(imagesBucket).Get([]byte(name))
	if v == nil {
		return nil, nil
	}
	return unmarshalRecord(name, v)
}

// getTrashed returns the record under k in the trash bucket, or nil when there
// is none.
func getTrashed(tx *bbolt.Tx, k []byte) (*record, error) {
	v := tx.Bucket(trashBucket).Get(k)
	if v == nil {
		return nil, nil
	}
	return unmarshalRecord(trashName(k), v)
}

// mustRecord returns the record under a key that an index holds: the name of an
// image, or the key of one in the trash.
func mustRecord(tx *bbolt.Tx, k []byte) (r *record, err error) {
	if bytes.IndexByte(k, trashMark) < 0 {
		r, err = getRecord(tx, string(k))
	} else {
		r, err = getTrashed(tx, k)
	}
	if r == nil && err == nil {
		err = damagedRecord(string(k))
	}
	return r, err
}

// getCopy returns the record under k in the copies bucket, or nil when there
// is none.
func getCopy(tx *bbolt.Tx, k []byte) (*record, error) {
	v := tx.Bucket(copiesBucket).Get(k)
	if v == nil {
		return nil, nil
	}
	return unmarshalRecord(copyTitle(k), v)
}

// copyTitle is what messages call the copy under k.
func copyTitle(k []byte) string {
	n := min(len(db.Digest{}), len(k))
	return fmt.Sprintf("%x/%s", k[:n], k[n:])
}

const (
	usageSize  = 8 * 8 // eight big-endian numbers
	usageSize1 = 4 * 8 // in version 1 of the layout, which had no copies
	usageSize2 = 6 * 8 // in version 2, which had no trash
)

var errCounts = fmt.Errorf("%w: no counts", db.ErrDamaged)

func readUsage(tx *bbolt.Tx) (db.Usage, error) {
	return parseUsage(tx.Bucket(metaBucket).Get(usageKey))
}

func parseUsage(v []byte) (db.Usage, error) {
	if len(v) < usageSize {
		return db.Usage{}, errCounts
	}
	n := func(i int) int64 { return int64(binary.BigEndian.Uint64(v[8*i:])) }
	return db.Usage{
		Images: n(0), Bytes: n(1), Blobs: n(2), Stored: n(3),
		Copies: n(4), CopyBytes: n(5), Trash: n(6), TrashBytes: n(7),
	}, nil
}

func writeUsage(tx *bbolt.Tx, u db.Usage) error {
	v := make([]byte, 0, usageSize)
	for _, n := range []int64{u.Images, u.Bytes, u.Blobs, u.Stored, u.Copies, u.CopyBytes, u.Trash, u.TrashBytes} {
		v = binary.BigEndian.AppendUint64(v, uint64(n))
	}
	return tx.Bucket(metaBucket).Put(usageKey, v)
}

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
