package db

import (
	"context"
	"io"
)

// Usage counts what is stored.
type Usage struct {
	Images int64 // names
	Bytes  int64 // the sum of their sizes
	Blobs  int64 // distinct contents, of images and of what rests in the trash
	Stored int64 // the sum of the distinct contents' sizes, bytes

	Trash      int64 // images in the trash, which Images does not count
	TrashBytes int64 // the sum of their sizes

	Variants     int64 // counted nowhere above
	VariantBytes int64 // the sum of their sizes
}

// Backuper is a Store that can variant itself whole while it goes on.
type Backuper interface {
	// Backup returns a copy of the store as it is at some moment after the call,
	// and its size in bytes: all that was acknowledged before is in it, and a
	// store that is opened on those bytes is like this one was then. The variant is
	// the caller's to close; however slowly it is read, the store goes on as
	// ever. Without room to make it the error is ErrFull, and no harm is done.
	// When ctx ends, Backup returns its error.
	Backup(ctx context.Context) (copy io.ReadCloser, size int64, err error)
}

// Measured is a Store that tells how it fares.
type Measured interface {
	// Stats is cheap, and tells what it can also of a store that has failed.
	Stats() Stats
}

// Stats is what a Store is like at a moment.
type Stats struct {
	FileSize int64 // bytes that the store takes on its disk
	FileFree int64 // bytes of them that are free for new images
	Waiting  int64 // uploads that wait for memory
}
