// Package bolt stores images, and variants of them (such as resized copies), in one
// bbolt file. Package layout describes what is in the file.
//
// # Concurrency
//
// One goroutine writes (commit.go). It commits all changes that arrived during its
// last commit. Readers use one short transaction for each chunk, and have none open
// while they wait for a client: an open transaction keeps all pages that are freed
// after its beginning from being used again.
//
// An expired image is never returned, even before it is deleted, because its record
// says when it expires. The sweeper (sweep.go) sleeps until the next image in due
// expires, and deletes in commits of bounded size.
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
	"imageserver/db/bolt/internal/datafile"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/receive"
)

// DefaultUploadMemory is the default of Options.UploadMemory, in bytes.
const DefaultUploadMemory = 64 << 20

// Options tunes a Store. The zero value is ready to use.
type Options struct {
	// UploadMemory bounds the bytes of uploads that are buffered at once; 0 means
	// 64 MiB. When it is used up a Put waits, and uploads whose senders have
	// stalled must give way. After UploadWait it returns db.ErrBusy.
	UploadMemory int64
	UploadWait   time.Duration // 0 means 10 s

	// MaxSize is the largest size of the data file, in bytes; 0 means no limit. A
	// Put for which there is no room returns db.ErrFull. Everything else behaves
	// as on a full disk.
	MaxSize int64

	// Committed, if not nil, is called after each commit with its duration and its
	// number of changes. It must be quick.
	Committed func(took time.Duration, changes int)

	// Fatal is called when no transaction can begin any more, because another
	// program cut or overwrote the data file. The locks of bbolt stay held, so
	// every later call blocks, Close too: Fatal must end the process. What was
	// acknowledged stays as safe as in a crash. nil means to panic.
	Fatal func(err error)

	Now func() time.Time // the clock; nil means time.Now
	Log *slog.Logger     // for events in the background; nil means slog.Default

	// NoSync leaves syncing to the operating system, so that a power cut loses
	// acknowledged images. It is for tests that need to see that.
	NoSync bool
}

// ErrInUse means that another process has the data file open.
var ErrInUse = datafile.ErrInUse

// Store is a db.Store in one bbolt file.
type Store struct {
	db   *bbolt.DB
	path string
	file *os.File // the one that bbolt has open, for reserving disk space
	head *datafile.Head

	pageSize  int64 // bytes
	committed func(took time.Duration, changes int)

	fatal func(err error)

	now func() time.Time
	log *slog.Logger

	committer
	lastBlob atomic.Uint64 // the highest id given to a blob
	pins     pins
	memory   *receive.Memory
	sweep    sweeper

	close    sync.Once
	closeErr error
}

var _ interface {
	db.Store
	db.Backuper
	db.Measured
} = (*Store)(nil)

// Open opens the data file at path, or creates one. An error is one line that says
// what to do.
func Open(path string, o Options) (*Store, error) {
	if o.UploadMemory == 0 {
		o.UploadMemory = DefaultUploadMemory
	}
	if o.UploadWait == 0 {
		o.UploadWait = 10 * time.Second
	}
	if o.Committed == nil {
		o.Committed = func(time.Duration, int) {}
	}
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	bdb, file, err := datafile.OpenOrCreate(path, o.NoSync, layout.Upgrade)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	s := &Store{
		db:        bdb,
		path:      path,
		file:      file,
		pageSize:  int64(bdb.Info().PageSize),
		committed: o.Committed,
		fatal:     o.Fatal,
		now:       o.Now,
		log:       o.Log,
	}
	s.limitSize(o.MaxSize)
	if err := s.prepare(); err != nil {
		datafile.Unlock(file) // after a panic the Close of bbolt may wait forever for a lock
		file.Close()
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	s.head = datafile.MapHead(file, 2*bdb.Info().PageSize)
	removeSpooled(path)
	s.memory = receive.NewMemory(o.UploadMemory, o.UploadWait, layout.ChunkSize)
	s.pins.init()
	s.startCommitter()
	s.startSweeper()
	return s, nil
}

// prepare upgrades the file to the newest format, and reads its last ids.
func (s *Store) prepare() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w (%v)", datafile.ErrDamaged, r)
		}
	}()
	if err := layout.Upgrade(s.db); err != nil {
		return err
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		s.lastBlob.Store(tx.Bucket(layout.ChunksBucket).Sequence())
		s.lastTx.Store(uint64(tx.ID()))
		return nil
	})
}

// Close waits for calls under way and closes the file.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.stopCommitter()
		s.sweep.stop()
		s.head.Unmap()
		if s.space.tight && s.named() == nil {
			// Write the list of free pages, so that the next Open is quick. If the
			// disk is still full this fails, and Open makes the list.
			s.db.NoFreelistSync = false
			_ = s.db.Update(func(*bbolt.Tx) error { return nil })
		}
		s.closeErr = s.db.Close()
	})
	return s.closeErr
}

// Ready reads from the file and returns why it cannot be read or written.
func (s *Store) Ready(context.Context) error {
	last := s.lastTx.Load() // the view may see a later transaction, even one that is not yet noted
	err := s.view(func(tx *bbolt.Tx) error {
		_, err := layout.ReadUsage(tx)
		return errors.Join(err, s.inPlace(tx, last, s.lastTx.Load()+1))
	})
	return errors.Join(err, s.failure())
}

// Usage returns the counts kept in the file.
func (s *Store) Usage(ctx context.Context) (u db.Usage, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		u, err = layout.ReadUsage(tx)
		return err
	})
	return u, err
}

// Stats are measurements of a Store.
type Stats struct {
	FileSize int64 // bytes
	FileFree int64 // bytes in free pages of the file, which new images use first
	Waiting  int64 // uploads that wait for memory
}

// Gauges returns the Stats for operators; see db.Measured.
func (s *Store) Gauges() []db.Gauge {
	stats := s.Stats()
	return []db.Gauge{
		{Name: "file_bytes", Help: "Size of the data file.", Value: stats.FileSize},
		{Name: "file_free_bytes", Help: "Free space in the data file.", Value: stats.FileFree},
		{Name: "uploads_waiting", Help: "Uploads that wait for memory.", Value: stats.Waiting},
	}
}

// Stats returns the measurements of this moment. It is cheap, and works after the store
// has stopped writing, too.
func (s *Store) Stats() Stats {
	stats := Stats{Waiting: int64(s.memory.Waiting())}
	if info, err := s.file.Stat(); err == nil {
		stats.FileSize = info.Size()
	}
	pages := s.db.Stats()
	stats.FileFree = int64(pages.FreePageN+pages.PendingPageN) * s.pageSize
	return stats
}

// view runs fn in a read transaction of its own. Damage that makes bbolt, or
// the memory map it reads through, panic becomes db.ErrDamaged.
func (s *Store) view(fn func(tx *bbolt.Tx) error) (err error) {
	begun := false
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if !begun && errors.Is(err, db.ErrDamaged) {
			s.fatal(noTransaction(err))
		}
	}()
	defer datafile.RecoverDamage(&err)
	err = s.db.View(func(tx *bbolt.Tx) error {
		begun = true
		return fn(tx)
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return db.ErrClosed
	}
	return err
}

// noTransaction explains the panic with which bbolt did not begin a transaction.
func noTransaction(err error) error {
	return fmt.Errorf("%w; another program changed the data file while the server was running: restore a backup and start the server again", err)
}

// Format returns the number of the format in which this program writes data files. It
// also reads every earlier format, from 1 on.
func Format() int { return layout.NewestFormat() }
