// Package pg stores images and variants for several servers at once. PostgreSQL has the
// records, and a bucket of an S3 server has the bytes. If the store has no bucket, the
// bytes are in the database, too.
//
// These words are used in all files of this package:
//
//   - content: the bytes of one or more images, and the row about them. Equal bytes are
//     stored once.
//   - object: where the bytes of a content or of a variant are. Its key is random and is
//     never used for other bytes.
//   - garbage: objects that are being written, and objects that nobody has any more. An
//     object is in the table garbage before its bytes are written, and it leaves the
//     table in the transaction that gives it to a content or a variant.
//
// # Concurrency
//
// The database decides: all servers of a store are equal, and no server knows the others.
// A transaction takes its locks in this order: names (advisory locks, sorted), rows of
// images, contents (sorted), slot 0 of the table usage, other slots (sorted). If a
// transaction loses a race, PostgreSQL reports a unique or foreign key violation or a
// deadlock. Then the transaction runs again.
//
// No transaction is open while the store waits for a client. A transaction of a change
// needs two round trips: the first takes the locks and reads, the second writes and
// commits.
//
// An object that nobody has any more is deleted after the time Options.Grace. So a body
// that is open stays readable, on every server.
package pg

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"imageserver/db"
	"imageserver/db/receive"
)

const (
	// DefaultUploadMemory is the default of Options.UploadMemory, in bytes.
	DefaultUploadMemory = 64 << 20
	// DefaultGrace is the default of Options.Grace.
	DefaultGrace = 6 * time.Hour

	defaultConns = 16 // connections to the database; see pool_max_conns of pgxpool
	defaultPoll  = 10 * time.Second
)

// Options tunes a Store. The zero value is ready to use.
type Options struct {
	// UploadMemory limits the bytes of all uploads that are buffered at the same time;
	// 0 means 64 MiB. A Put waits for memory at most as long as UploadWait; 0 means
	// 10 s.
	UploadMemory int64
	UploadWait   time.Duration

	// MaxSize is how many bytes all contents and variants may have together; 0 means
	// that there is no limit. All servers of a store should have the same limit.
	MaxSize int64

	// ReadOnly opens an existing store only to read it: Open creates no tables, and this
	// process sweeps nothing. The servers of the store go on with that. All changes
	// return db.ErrReadOnly.
	ReadOnly bool

	// Grace is how long an object without an owner is kept; 0 means 6 hours. A body
	// that is read for a longer time may end with an error.
	Grace time.Duration
	// Poll is how often a server looks for work of other servers, such as images that
	// expire soon; 0 means 10 s.
	Poll time.Duration

	// Endpoint is the URL of the S3 server. Empty means the one in the environment; see
	// the README of this package.
	Endpoint string

	// If Committed is not nil, it is called after each transaction of a change. `took`
	// is how long the transaction took. Committed must return quickly.
	Committed func(took time.Duration, changes int)

	// Settings are the flags that all servers of a store should have in common, by their
	// names. Open warns if they differ from those of the server that started last.
	Settings map[string]string

	times times // zero means defaultTimes; for tests

	Log *slog.Logger // for events that no caller gets as an error; nil means slog.Default
}

// Store is a db.Store in a PostgreSQL database.
type Store struct {
	o       Options
	log     *slog.Logger
	place   *place
	pool    *pgxpool.Pool
	objects objects
	memory  *receive.Memory
	id      string // of the store; random

	gate      gate
	sweep     sweeper
	nearLimit atomic.Bool // whether the last upload found the store near Options.MaxSize; see fits
	trigrams  atomic.Bool // whether the names have an index of trigrams
	queries   sync.Map    // text with @ → text with the name of the schema

	noPlaceholders bool // the tables are from before placeholders; only with Options.ReadOnly

	ctx  context.Context // ends when the store is closed
	stop context.CancelFunc
}

var _ interface {
	db.Store
	db.Measured
	db.TrashCopier
	db.Checker
	db.Meter
} = (*Store)(nil)

// Open opens the store at a URL; see the README of this package. It creates the tables
// if they are missing. An error is one line of text without a password.
func Open(ctx context.Context, target string, o Options) (*Store, error) {
	p, err := parseURL(target)
	if err != nil {
		return nil, err
	}
	s := &Store{o: o, place: p}
	s.defaults()
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.open(ctx); err != nil {
		s.stop()
		if s.pool != nil {
			s.pool.Close()
		}
		return nil, err
	}
	s.memory = receive.NewMemory(s.o.UploadMemory, s.o.UploadWait, chunkSize)
	if s.sweep.init(); !o.ReadOnly {
		s.startSweeper()
	}
	return s, nil
}

func (s *Store) defaults() {
	o := &s.o
	if o.UploadMemory == 0 {
		o.UploadMemory = DefaultUploadMemory
	}
	if o.UploadWait == 0 {
		o.UploadWait = 10 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	if o.times == (times{}) {
		o.times = defaultTimes
	}
	if o.Committed == nil {
		o.Committed = func(time.Duration, int) {}
	}
	if s.log = o.Log; s.log == nil {
		s.log = slog.Default()
	}
}

// open connects to the database and to the bucket, and checks both.
func (s *Store) open(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.times.change)
	defer cancel()
	// A connection that was lost while it was idle is found by its next use; see again.
	// A ping before each use would be one more round trip.
	s.place.pool.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	if s.pool, err = pgxpool.NewWithConfig(s.ctx, s.place.pool); err != nil {
		return fmt.Errorf("%s: %s", s.database(), oneLine(err))
	}
	if err := s.checkDatabase(ctx); err != nil {
		return fmt.Errorf("%s: %s", s.database(), oneLine(s.advice(err)))
	}
	if s.id, err = s.migrate(ctx); err != nil {
		return fmt.Errorf("%s: %s", s.database(), oneLine(s.advice(err)))
	}
	if !s.o.ReadOnly {
		if err := s.compareSettings(ctx, s.o.Settings); err != nil {
			return fmt.Errorf("%s: %s", s.database(), oneLine(s.advice(err)))
		}
		s.indexNames(ctx)
	}
	s.objects = &tableObjects{s}
	if s.place.bucket != "" {
		s.objects, err = openBucket(ctx, s.o.Endpoint, s.place.bucket, s.place.prefix, s.id, s.o.ReadOnly, s.o.times)
	}
	return err
}

// checkDatabase returns why the database cannot be used, or nil.
func (s *Store) checkDatabase(ctx context.Context) error {
	var standby bool
	var encoding string
	err := s.pool.QueryRow(ctx, `select pg_is_in_recovery(), current_setting('server_encoding')`).Scan(&standby, &encoding)
	switch {
	case err != nil:
		return err
	case standby:
		return errStandby
	case encoding != "UTF8":
		return fmt.Errorf("the encoding of the database is %s; create the database with the encoding UTF8", encoding)
	}
	return nil
}

var errStandby = errors.New("this is a standby, which cannot be written; give the address of the primary")

// advice adds what the operator can do about an error at the start.
func (s *Store) advice(err error) error {
	switch codeOf(err) {
	case codeNoRight:
		user, schema := s.place.pool.ConnConfig.User, s.place.schema
		return fmt.Errorf("%w; an administrator can create the schema with: create schema %s authorization %q", cause(err), schema, user)
	case codeReadOnly:
		return fmt.Errorf("%w; the store must be writable", cause(err))
	}
	return cause(err)
}

// Close waits until the calls that have begun return, and then closes all connections.
func (s *Store) Close() error {
	if s.gate.close() {
		s.sweep.stop()
		s.stop()
		s.pool.Close()
		s.objects.close()
	}
	return nil
}

// Ready asks the database and the bucket whether they can be used. The error names the
// part that cannot.
func (s *Store) Ready(ctx context.Context) error {
	err := s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		var standby bool
		var version int
		err := c.QueryRow(ctx, s.sql(`select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean, version from @store`)).Scan(&standby, &version)
		if err == nil && standby {
			return fmt.Errorf("%w: %s: %w", db.ErrDatabase, s.database(), errStandby)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.objects.ready(ctx)
}

// Usage returns the sum of the counters.
func (s *Store) Usage(ctx context.Context) (u db.Usage, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		u, err = s.readUsage(ctx, c)
		return err
	})
	return u, err
}

// Gauges returns what operators watch; see db.Measured.
func (s *Store) Gauges() []db.Gauge {
	stat := s.pool.Stat()
	return []db.Gauge{
		{Name: "database_connections", Help: "Open connections to the database.", Value: int64(stat.TotalConns())},
		{Name: "database_connections_used", Help: "Connections to the database that are in use.", Value: int64(stat.AcquiredConns())},
		{Name: "uploads_waiting", Help: "Uploads that wait for memory.", Value: int64(s.memory.Waiting())},
	}
}

// sql returns a statement with the name of the schema in place of each @. The statements
// name the schema, because a pooler such as PgBouncer gives each transaction another
// connection, so a search_path would be lost.
func (s *Store) sql(text string) string {
	if q, ok := s.queries.Load(text); ok {
		return q.(string)
	}
	q := text
	if s.noPlaceholders {
		q = strings.ReplaceAll(q, placeholderColumn, "null::bytea")
	}
	q = strings.ReplaceAll(q, "@", s.place.schema+".")
	s.queries.Store(text, q)
	return q
}

// lockKey returns the key of the advisory lock of a name. Stores with other schemas in
// the same database have other keys.
func (s *Store) lockKey(kind, name string) int64 {
	sum := sha256.Sum256([]byte(s.place.schema + "\x00" + kind + "\x00" + name))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// gate lets calls in until the store is closed.
type gate struct {
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// enter returns db.ErrClosed if the store is closed. Otherwise the caller must call
// leave.
func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return db.ErrClosed
	}
	g.calls.Add(1)
	return nil
}

func (g *gate) leave() { g.calls.Done() }

func (g *gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// close lets no more calls in, and waits for those inside. It reports whether it is the
// first call of close.
func (g *gate) close() (first bool) {
	g.mu.Lock()
	first = !g.closed
	g.closed = true
	g.mu.Unlock()
	g.calls.Wait()
	return first
}
