package db

import (
	"context"
	"io"
	"time"
)

// Status reports what is stored, and whether the store works.
type Status interface {
	// Usage returns how much is stored. The call is quick, because the store updates
	// these numbers with every change.
	Usage(ctx context.Context) (Usage, error)

	// Ready reads from the store. It returns nil if the store can be read and can
	// accept uploads. Otherwise it returns the reason.
	Ready(ctx context.Context) error
}

// Usage counts what is stored.
type Usage struct {
	Images int64 // images outside the trash
	Bytes  int64 // the sum of the sizes of these images
	Blobs  int64 // distinct contents of all images, inside and outside the trash
	Stored int64 // the sum of the sizes of these contents, in bytes

	Trash      int64 // images in the trash
	TrashBytes int64 // the sum of the sizes of these images

	Variants     int64 // variants; the numbers above do not include them
	VariantBytes int64 // the sum of the sizes of all variants
}

// Backuper is a Store that can be backed up while it is in use.
type Backuper interface {
	// Backup returns a snapshot of the store and the size of the snapshot in bytes. The
	// snapshot shows the store at a moment after the call of Backup. So it has
	// everything that was acknowledged before the call. A store that is opened with the
	// bytes of the snapshot equals this store at that moment. The caller must close the
	// snapshot. The store works as usual even if the caller reads the snapshot slowly.
	// If there is no space for the snapshot, Backup returns ErrFull, and the store
	// works as usual. If ctx ends, Backup returns the error of ctx.
	Backup(ctx context.Context) (snapshot io.ReadCloser, size int64, err error)
}

// Measured is a Store that measures itself. What it measures depends on the engine.
type Measured interface {
	// Gauges measures the store at the moment of the call. The call is quick. If the
	// store has failed, Gauges omits the values that it cannot measure. Gauges is safe
	// for concurrent use. Two gauges with the same Name from different calls have the
	// same meaning.
	Gauges() []Gauge
}

// Gauge is one number that an engine measures.
type Gauge struct {
	Name  string // such as file_bytes: lower case, and the unit at the end
	Help  string // one sentence for an operator
	Value int64
}

// Checker is a Store that can check itself while it is in use.
type Checker interface {
	// Check compares the counters with the records, and reads every content and every
	// variant. It calls found for each problem, one call at a time, and changes nothing.
	// It returns how many problems there were. What changes during the check may be left
	// out. If ctx ends, Check returns the error of ctx.
	Check(ctx context.Context, o CheckOptions) (problems int64, err error)
}

// CheckOptions says how to check a store. With the zero value, Check reads everything and
// reports only the number of problems.
type CheckOptions struct {
	Quick   bool                 // only ask whether the bytes exist, and how many there are
	Unknown bool                 // also look for stored bytes that no record knows; needs memory for a list of all keys
	Begin   func(bytes int64)    // if not nil, called once with the number of bytes to check
	Read    func(bytes int64)    // if not nil, called after so many more bytes were checked; safe for concurrent use
	Found   func(problem string) // if not nil, called with each problem
}

// Meter is a Store that limits clients together with all servers that use it.
type Meter interface {
	// Take counts one action of the client `key`. A client may do `count` actions within
	// `per`, also all at once. If the client must wait, Take counts nothing, and returns
	// how long.
	Take(ctx context.Context, key string, count int, per time.Duration) (wait time.Duration, err error)
}
