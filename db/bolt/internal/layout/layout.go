package layout

var (
	MetaBucket    = []byte("meta")
	ImagesBucket  = []byte("images")
	RecentBucket  = []byte("recent")
	DigestsBucket = []byte("digests")
	ChunksBucket  = []byte("chunks")
	OrphansBucket = []byte("orphans")
	CopiesBucket  = []byte("copies")
	MadeBucket    = []byte("made")
	TrashBucket   = []byte("trash")
	DeletedBucket = []byte("deleted")
	DueBucket     = []byte("due")
	TokensBucket  = []byte("tokens")

	FormatKey     = []byte("format")
	UsageKey      = []byte("usage")
	ChunkValueKey = []byte("c")
)
