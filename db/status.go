package db

import (
	"context"
	"io"
)

// Status reports what is stored, and whether the store works.
type Status interface {
	// Usage returns counts of what is stored. It is cheap: the store keeps these counts
	// up to date.
	Usage(ctx context.Context) (Usage, error)

	// Ready reads from the store. It returns nil if the store can be read and can take
	// uploads, and otherwise the reason.
	Ready(ctx context.Context) error
}

// Usage counts what is stored.
type Usage struct {
	Images int64 // without those in the trash
	Bytes  int64 // the sum of their sizes
	Blobs  int64 // distinct contents of all images, with those in the trash
	Stored int64 // the sum of the sizes of these contents, in bytes

	Trash      int64 // images in the trash
	TrashBytes int64 // the sum of their sizes

	Variants     int64 // none of the counts above includes them
	VariantBytes int64 // the sum of their sizes
}

// Backuper is a Store that can make a backup of itself while it is in use.
type Backuper interface {
	// Backup returns a snapshot of the store and its size in bytes. The snapshot is from
	// some moment after the call, so it has everything that was acknowledged before.
	// A store that is opened with these bytes equals this store at that moment. The
	// caller must close the snapshot. However slowly it is read, the store works as
	// usual. If there is no space for the snapshot, Backup returns ErrFull, and the
	// store works as usual. When ctx ends, Backup returns its error.
	Backup(ctx context.Context) (snapshot io.ReadCloser, size int64, err error)
}

// Measured is a Store that measures itself. What it measures depends on the engine.
type Measured interface {
	// Gauges returns the measurements of this moment. It is cheap. If the store has
	// failed, Gauges leaves out what it cannot measure. It is safe for concurrent
	// use, and every call returns gauges with the same meaning.
	Gauges() []Gauge
}

// Gauge is one number that an engine measures.
type Gauge struct {
	Name  string // such as file_bytes: lower case, and the unit at the end
	Help  string // one sentence for an operator
	Value int64
}
