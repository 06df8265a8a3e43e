// Package bolt stores images and variants in one bbolt file. A variant is a picture
// that was made from an image, such as a resized copy. Package layout describes what
// the file contains.
//
// These words are used in all files of this package:
//
//   - record: what the file says about an image or a variant, except its bytes.
//   - blob: the bytes of one or more images with the same content, or of one variant. A
//     blob has an id. It is stored in chunks.
//   - orphan: a blob that belongs to no image and no variant. It is deleted when the
//     file needs its space.
//   - pin: says that a blob is being read or uploaded. A pinned blob is not deleted.
//   - staging: a long upload stores its first chunks before it is complete. Until then,
//     its blob is an orphan with a pin.
//
// # Concurrency
//
// One goroutine writes: the committer (commit.go). While it commits, new changes arrive
// and wait. Its next commit has all of these changes. Readers use short transactions, and
// have no transaction open while they wait for a client. The reason: as long as a
// transaction is open, bbolt cannot use pages again that were freed after the transaction
// began. A reader remembers where the chunks of a blob are in the memory map (found.go).
// While the blob is pinned, they stay there, so the reader needs no further transaction.
//
// An expired image is never returned, even before it is deleted, because its record
// says when it expires. The sweeper (sweep.go) sleeps until the next image expires. It
// finds this image in the bucket "due". It deletes images in commits of limited size.
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
	// UploadMemory limits the bytes of all uploads that are buffered at the same time;
	// 0 means 64 MiB. When all of this memory is in use, a Put waits. Uploads whose
	// senders have stalled are then ended. If a Put has waited for UploadWait, it
	// returns db.ErrBusy.
	UploadMemory int64
	UploadWait   time.Duration // 0 means 10 s

	// MaxSize is the largest size of the data file, in bytes; 0 means that there is no
	// limit. If there is no space for an upload within MaxSize, Put returns db.ErrFull.
	// All other methods then work as on a full disk.
	MaxSize int64

	// If Committed is not nil, it is called after each commit. `took` is how long the
	// commit took. `changes` is how many changes the commit had. Committed must return
	// quickly.
	Committed func(took time.Duration, changes int)

	// Fatal is called when no transaction can begin any more, because another program
	// cut or overwrote the data file. bbolt then does not release its locks. So every
	// later call blocks, and Close blocks, too. Fatal is also called if the background
	// inspection of a large file finds pages on which bbolt would never end. Fatal must
	// therefore end the process.
	// The acknowledged images are as safe as after a crash. nil means to panic.
	Fatal func(err error)

	// ReadOnly opens an existing file without changing a byte of it: nothing is upgraded or
	// swept, and all changes return db.ErrReadOnly. A list by size needs the newest format.
	ReadOnly bool

	Now func() time.Time // the clock; nil means time.Now
	Log *slog.Logger     // for events that no caller gets as an error; nil means slog.Default

	// NoSync leaves syncing to the operating system. Then a power cut can lose
	// acknowledged images. NoSync is for tests that need to see such a loss.
	NoSync bool
}

// ErrInUse means that another process has the data file open.
var ErrInUse = datafile.ErrInUse

// Store is a db.Store in one bbolt file.
type Store struct {
	db   *bbolt.DB
	path string
	file *os.File // the file that bbolt has open; used to reserve disk space
	head *datafile.Head

	pageSize  int64 // bytes
	committed func(took time.Duration, changes int)

	fatal func(err error)

	now func() time.Time
	log *slog.Logger

	readOnly bool // see Options.ReadOnly
	committer
	lastBlob atomic.Uint64 // the highest id that a blob has had
	pins     pins
	lookups  lookups
	mapped   mapped
	memory   *receive.Memory
	sweep    sweeper
	inspect  inspector

	close    sync.Once
	closeErr error
}

var _ interface {
	db.Store
	db.Backuper
	db.Measured
	db.TrashCopier
} = (*Store)(nil)

// Open opens the data file at path. If there is no file, it creates one. An error is
// one line of text that says what to do.
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
	bdb, file, err := openFile(path, o)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	s := &Store{
		db:        bdb,
		path:      path,
		file:      file.File,
		pageSize:  int64(bdb.Info().PageSize),
		committed: o.Committed,
		fatal:     o.Fatal,
		now:       o.Now,
		log:       o.Log,
		readOnly:  o.ReadOnly,
	}
	s.limitSize(o.MaxSize)
	if err := s.prepare(); err != nil {
		datafile.Unlock(file.File) // not bdb.Close: after a panic it may wait forever for a lock
		file.Close()
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	s.head = datafile.MapHead(file.File, 2*bdb.Info().PageSize)
	if !o.ReadOnly {
		removeSpooled(path)
	}
	s.memory = receive.NewMemory(o.UploadMemory, o.UploadWait, layout.ChunkSize)
	s.pins.init()
	s.mapped.size = file.MapSize
	s.startCommitter()
	s.startSweeper()
	return s, nil
}

func openFile(path string, o Options) (*bbolt.DB, *datafile.File, error) {
	if o.ReadOnly {
		return datafile.OpenToRead(path)
	}
	return datafile.OpenOrCreate(path, o.NoSync, layout.Upgrade)
}

// prepare upgrades the file to the newest format, unless it is only read. It also reads the last ids of blobs
// and transactions from the file, and begins to inspect the file.
func (s *Store) prepare() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w (%v)", datafile.ErrDamaged, r)
		}
	}()
	before := s.txID()
	if s.readOnly {
		err = s.db.View(layout.CheckReadable)
	} else {
		err = layout.Upgrade(s.db)
	}
	if err != nil {
		return err
	}
	s.space.unlisted = s.txID() != before // the upgrade must succeed on a full disk
	err = s.db.View(func(tx *bbolt.Tx) error {
		s.lastBlob.Store(tx.Bucket(layout.ChunksBucket).Sequence())
		s.lastTx.Store(uint64(tx.ID()))
		orphans := tx.Bucket(layout.OrphansBucket)
		s.orphanBytes.Store(layout.OrphanBytes(orphans))
		s.supply = supply{high: tx.Size(), orphans: !isEmpty(tx, layout.OrphansBucket), damaged: map[uint64]bool{}}
		return nil
	})
	if err != nil {
		return err
	}
	return s.startInspector()
}

// txID returns the number of the last transaction in the file.
func (s *Store) txID() (id int) {
	_ = s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil })
	return id
}

// Close waits until the calls that have begun return, and then closes the file.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.stopCommitter()
		s.sweep.stop()
		s.inspect.stop()
		s.mapped.leave()
		s.head.Unmap()
		if s.stuck {
			datafile.Unlock(s.file) // not s.db.Close: it would wait forever for the lock
			s.closeErr = errors.Join(s.failure(), s.file.Close())
			return
		}
		if s.space.unlisted && s.named() == nil {
			// Write the list of free pages, so that the next Open is quick. If the disk
			// is still full, this fails. Then the next Open makes the list.
			s.db.NoFreelistSync = false
			_ = s.db.Update(func(*bbolt.Tx) error { return nil })
		}
		s.closeErr = s.db.Close()
	})
	return s.closeErr
}

// Ready reads from the file. If the file cannot be read or written, it returns the
// reason.
func (s *Store) Ready(context.Context) error {
	// The view may see a later transaction, even if lastTx does not yet have its id.
	last := s.lastTx.Load()
	err := s.view(func(tx *bbolt.Tx) error {
		_, err := layout.ReadUsage(tx)
		return errors.Join(err, s.inPlace(tx, last, s.lastTx.Load()+1))
	})
	return errors.Join(err, s.failure())
}

// Usage returns the counts that are stored in the file.
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
	FileFree int64 // bytes in the file that new images use first: free pages, and deleted images
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

// Stats measures the store at the moment of the call. The call is quick. It also works
// after the store has stopped writing.
func (s *Store) Stats() Stats {
	stats := Stats{Waiting: int64(s.memory.Waiting())}
	if info, err := s.file.Stat(); err == nil {
		stats.FileSize = info.Size()
	}
	pages := s.db.Stats()
	stats.FileFree = int64(pages.FreePageN+pages.PendingPageN)*s.pageSize + s.orphanBytes.Load()
	return stats
}

// view runs fn in a read transaction. If the file is damaged, bbolt may panic, or
// reading the memory map may panic. view returns such a panic as db.ErrDamaged.
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

// noTransaction explains a panic because of which bbolt did not begin a transaction.
func noTransaction(err error) error {
	return fmt.Errorf("%w; another program changed the data file while the server was running: restore a backup and start the server again", err)
}

// Format returns the number of the format in which this program writes data files. This
// program also reads all earlier formats, from format 1 on.
func Format() int { return layout.NewestFormat() }
