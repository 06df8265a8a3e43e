// Package bolt keeps images in one bbolt file.
//
// # Layout
//
//	meta     "format" → version of this layout; "usage" → the counts of db.Usage
//	images   name → record (protobuf wire format, see record)
//	recent   upload time, newest first, + name → nothing: the order of List
//	digests  SHA-256 + name → nothing: which names share one content
//	chunks   blob id + chunk number → bucket { "c" → CRC-32C + bytes }
//	orphans  blob id → nothing: uploads under way, and contents that were
//	         being read when they lost their last name
//
// A blob is the content of one or more images, immutable, under an id that is
// never used again. It is cut into chunks, and each chunk is alone in a bucket
// of its own: bbolt keeps at least two entries in a leaf, so a chunk that had
// a neighbour would be written again whenever the neighbour is.
//
// # Concurrency
//
// All writing is done by one goroutine (commit.go), which commits whatever
// queued up during its last commit. Readers use one short transaction for
// each chunk and never hold one while they wait for a client: a transaction
// that stays open keeps every page freed since from being used again.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	bbolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"imageserver/db"
)

// Options tunes a Store. The zero value is ready to use.
type Options struct {
	// UploadMemory bounds the bytes of uploads held in memory at once; 0 means
	// 64 MiB. Past it a Put waits, and after UploadWait gives db.ErrBusy.
	UploadMemory int64
	UploadWait   time.Duration // 0 means 10 s

	Now func() time.Time // the clock; nil means time.Now
	Log *slog.Logger     // what happens in the background; nil means slog.Default

	// NoSync leaves syncing to the operating system. A power cut then loses
	// acknowledged images: it exists for tests that must see that happen.
	NoSync bool
}

// Store is a db.Store in one bbolt file.
type Store struct {
	db   *bbolt.DB
	file *os.File // bbolt's own, for reading and for reserving disk space
	now  func() time.Time
	log  *slog.Logger

	committer
	lastBlob atomic.Uint64 // the highest id given to a blob
	pins     pins
	memory   memory
	sweep    sweeper
}

var _ db.Store = (*Store)(nil)

// Open opens the data file at path, or makes a new one. Errors are one line
// that says what to do.
func Open(path string, o Options) (*Store, error) {
	if o.UploadMemory == 0 {
		o.UploadMemory = 64 << 20
	}
	if o.UploadWait == 0 {
		o.UploadWait = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	bdb, file, err := openFile(path, o.NoSync)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	if err := upgrade(bdb, upgrades); err != nil {
		bdb.Close()
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	s := &Store{db: bdb, file: file, now: o.Now, log: o.Log}
	err = s.view(func(tx *bbolt.Tx) error {
		s.lastBlob.Store(tx.Bucket(chunksBucket).Sequence())
		return nil
	})
	if err != nil {
		bdb.Close()
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	s.memory.init(o.UploadMemory, o.UploadWait)
	s.pins.init()
	s.startCommitter()
	s.startSweeper()
	return s, nil
}

// Close waits for calls under way and closes the file.
func (s *Store) Close() error {
	if !s.stopCommitter() {
		return nil
	}
	s.sweep.stop()
	return s.db.Close()
}

// Ready reads from the file and returns why it cannot be read or written.
func (s *Store) Ready(ctx context.Context) error {
	if _, err := s.Usage(ctx); err != nil {
		return err
	}
	return s.failure()
}

// Usage returns the counts kept in the file.
func (s *Store) Usage(ctx context.Context) (u db.Usage, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		u, err = readUsage(tx)
		return err
	})
	return u, err
}

// view runs fn in a read transaction of its own. Damage that makes bbolt, or
// the memory map it reads through, panic becomes db.ErrDamaged.
func (s *Store) view(fn func(tx *bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage(&err)
	err = s.db.View(fn)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return db.ErrClosed
	}
	return err
}

// recoverDamage turns a panic into an error that wraps db.ErrDamaged.
func recoverDamage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", db.ErrDamaged, r)
	}
}

// memory lends the buffers that uploads are read into, a bounded number of
// them at once.
type memory struct {
	free chan struct{} // a token for each buffer that may yet be lent
	wait time.Duration
	pool sync.Pool
}

func (m *memory) init(bytes int64, wait time.Duration) {
	n := max(1, int(bytes/chunkSize))
	m.free = make(chan struct{}, n)
	for range n {
		m.free <- struct{}{}
	}
	m.wait = wait
	m.pool.New = func() any { return new(chunk) }
}

// get waits for a buffer, no longer than m.wait: then it returns db.ErrBusy.
func (m *memory) get(ctx context.Context) (*chunk, error) {
	if c := m.tryGet(); c != nil {
		return c, nil
	}
	timeout := time.NewTimer(m.wait)
	defer timeout.Stop()
	select {
	case <-m.free:
		return m.pool.Get().(*chunk), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timeout.C:
		return nil, db.ErrBusy
	}
}

// tryGet returns a buffer, or nil when none can be had at once.
func (m *memory) tryGet() *chunk {
	select {
	case <-m.free:
		return m.pool.Get().(*chunk)
	default:
		return nil
	}
}

func (m *memory) put(c *chunk) {
	m.pool.Put(c)
	m.free <- struct{}{}
}
