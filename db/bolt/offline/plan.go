package offline

import (
	"bytes"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
)

// plan is what repairing has to do.
type plan struct {
	unreadable []reference          // records, of which nothing but the key is known
	recover    []*layout.Record     // records that are lost, made of what else there is
	damaged    []damage             // images whose bytes are not what their records say
	relink     []reference          // records of those, as they should be
	copies     []reference          // to be dropped: damaged, or of no image
	indexes    [][]byte             // those that are wrong
	unowned    map[uint64]foundBlob // blobs that nothing refers to
	listed     map[uint64]bool      // blobs that are to be deleted and are an image's
	sequence   uint64               // the highest blob
	freeList   bool                 // it is wrong
}

// reference is a record's, to a blob.
type reference struct {
	blob      uint64
	chunkSize int
	size      int64
	sum       db.Digest
	bucket    []byte // the record's
	key       string
	damaged   bool // the blob is not what the record says
}

// lost is a blob that no record refers to, or none that is right.
type foundBlob struct {
	id        uint64
	size      int64
	chunkSize int
	sum       db.Digest
	sound     bool
}

// Advice on images whose bytes or records are damaged.
const (
	adviseBytes  = "upload the same bytes again, which mends it, or restore your backup"
	adviseShared = "--repair first: its record leads to the bytes of another; then " + adviseBytes
	adviseRelink = "--repair mends its record: the bytes are there"
	adviseRecord = "restore your backup"
	adviseCopy   = "--repair drops it, and it is made again when it is asked for"
)

// title is what messages call the image or the copy under a key.
func title(bucket, k []byte) string {
	switch {
	case bytes.Equal(bucket, layout.TrashBucket):
		return layout.TrashName(k) + " (in the trash)"
	case bytes.Equal(bucket, layout.CopiesBucket):
		return "resized copy " + layout.CopyTitle(k)
	}
	return string(k)
}

func (r reference) title() string { return title(r.bucket, []byte(r.key)) }

// damage is an image whose bytes are not what its record says.
type damage struct {
	reference
	err error
}
