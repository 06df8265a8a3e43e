// Package layout says what the data file contains: its buckets, keys and values. It
// also converts a file of an earlier format to the newest format.
//
//	meta     "format" → number of the format; "usage" → the counts of db.Usage
//	images   name → record (see Record)
//	recent   upload time, newest first, + name → nothing: the order of List
//	sizes    size, largest first, + name → nothing: the order of List by size
//	digests  SHA-256 + name → nothing: the images that have this content;
//	         SHA-256 + NUL + key in trash → nothing: the images in the trash that have it
//	tokens   hash of the delete key + name → nothing: for ByDeleteKeyHash
//	trash    name + NUL + time of deletion, newest first → record
//	deleted  time of deletion, newest first, + name → nothing: the order of List
//	         for the trash
//	due      expiry, earliest first, + name or key in trash → nothing: what the
//	         sweeper deletes next
//	chunks   blob id + chunk number → bucket { "c" → CRC-32C + bytes }
//	orphans  blob id → size in bytes, or nothing: blobs that no record uses. They are
//	         unfinished uploads, which have no size here, and deleted blobs. They are
//	         deleted when the file needs their space.
//	copies   SHA-256 of the original + key of the variant → record of a variant
//	made     blob id → key in copies: the order in which variants were made, because
//	         ids only rise
//
// Three buckets have the names that earlier versions of this program gave them:
// "copies" has variants, "tokens" has hashes of delete keys, and "due" has expiries.
// Package order defines how the keys of "recent", "deleted" and "due" contain times.
//
// A blob is the content of one or more images, or of one variant. A blob never changes,
// and no other blob ever gets its id. A blob is stored in chunks. Each chunk is alone
// in its own bucket. The reason: bbolt puts at least two entries into a page. If chunks
// were neighbours in a page, bbolt would write the neighbour of a chunk again with each
// change.
package layout

// The names of the buckets, of the keys FormatKey and UsageKey in the meta bucket, and of the
// key ChunkValueKey in the bucket of a chunk. The program must not change them.
var (
	MetaBucket       = []byte("meta")
	ImagesBucket     = []byte("images")
	RecentBucket     = []byte("recent")
	DigestsBucket    = []byte("digests")
	ChunksBucket     = []byte("chunks")
	OrphansBucket    = []byte("orphans")
	VariantsBucket   = []byte("copies")
	MadeBucket       = []byte("made")
	TrashBucket      = []byte("trash")
	DeletedBucket    = []byte("deleted")
	ExpiryBucket     = []byte("due")
	DeleteKeysBucket = []byte("tokens")
	SizesBucket      = []byte("sizes")

	FormatKey     = []byte("format")
	UsageKey      = []byte("usage")
	ChunkValueKey = []byte("c")
)
