package offline

import (
	"bytes"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// plan is what Repair has to do.
type plan struct {
	unreadable []reference          // unreadable records: only their keys are known
	recover    []*layout.Record     // lost records, made from indexes and blobs
	damaged    []damage             // images whose bytes differ from their records
	relink     []reference          // records that must change; each reference says what the record should contain
	variants   []reference          // variants to delete, because they are damaged or have no original image
	indexes    bool                 // whether some index is wrong
	unowned    map[uint64]foundBlob // blobs to which no record leads, by id
	listed     map[uint64]bool      // ids of blobs that belong to images but are in the list of blobs to delete
	sequence   uint64               // the highest id of a blob
	freeList   bool                 // whether the list of free pages is wrong
}

// reference is what a record says about its blob. A blob is the bytes of images or of a
// variant.
type reference struct {
	blob      uint64
	chunkSize int
	size      int64
	sum       db.Digest
	bucket    []byte // of the record
	key       string // of the record
	damaged   bool   // whether the blob differs from the record
}

// isVariant reports whether the record belongs to a variant.
func (r reference) isVariant() bool { return bytes.Equal(r.bucket, layout.VariantsBucket) }

// isImage reports whether the record belongs to an image outside the trash.
func (r reference) isImage() bool { return bytes.Equal(r.bucket, layout.ImagesBucket) }

// title returns the name that messages use for the image or the variant.
func (r reference) title() string {
	k := []byte(r.key)
	switch {
	case r.isVariant():
		return "resized copy " + layout.VariantTitle(k)
	case bytes.Equal(r.bucket, layout.TrashBucket):
		return layout.TrashName(k) + " (in the trash)"
	}
	return r.key
}

// damage is an image whose bytes differ from its record.
type damage struct {
	reference
	err error
}

// foundBlob describes a blob by what its chunks contain.
type foundBlob struct {
	id        uint64
	size      int64
	chunkSize int
	sum       db.Digest
	sound     bool // whether all chunks are there and have the right checksums
}

// Advice for images whose bytes or records are damaged.
const (
	adviseBytes   = "upload the same bytes again to repair it, or restore your backup"
	adviseShared  = "run check --repair first, because its record leads to the bytes of another image; then " + adviseBytes
	adviseRelink  = "--repair corrects its record: the bytes are there"
	adviseRecord  = "restore your backup"
	adviseVariant = "--repair deletes it; it is made again when it is requested"
)
