package bolt

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
