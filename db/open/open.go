// Package open opens a store by its name: the path of a data file, or the URL of a
// database.
package open

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/db/pg"
)

// DefaultUploadMemory is the default of Options.UploadMemory, in bytes.
const DefaultUploadMemory = bolt.DefaultUploadMemory

// Options tunes a store. The zero value is ready to use. See the options of the engines.
type Options struct {
	UploadMemory int64
	MaxSize      int64
	Committed    func(took time.Duration, changes int)
	Fatal        func(err error)   // only for a data file
	Settings     map[string]string // only for a database
	ReadOnly     bool              // open an existing store, and change nothing in it
	Log          *slog.Logger
}

// Copyable is a store whose whole content can be copied. All engines have these methods.
type Copyable interface {
	db.Store
	db.TrashCopier
}

// ErrInUse means that another process has the data file open.
var ErrInUse = bolt.ErrInUse

// Store opens the store with this name. If it does not exist, Store creates it, except
// with Options.ReadOnly. An error
// is one line of text without a password.
func Store(ctx context.Context, name string, o Options) (Copyable, error) {
	if IsURL(name) {
		s, err := pg.Open(ctx, name, pg.Options{UploadMemory: o.UploadMemory, MaxSize: o.MaxSize, Committed: o.Committed, Settings: o.Settings, ReadOnly: o.ReadOnly, Log: o.Log})
		if err != nil {
			return nil, err // not s: a nil *pg.Store in an interface is not nil
		}
		return s, nil
	}
	s, err := bolt.Open(name, bolt.Options{UploadMemory: o.UploadMemory, MaxSize: o.MaxSize, Committed: o.Committed, Fatal: o.Fatal, ReadOnly: o.ReadOnly, Log: o.Log})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// IsURL reports whether a name is the URL of a database. Otherwise it is the path of a
// data file.
func IsURL(name string) bool { return pg.IsURL(name) }

// HasPassword reports whether a name is a URL with a password.
func HasPassword(name string) bool { return pg.HasPassword(name) }

// Title returns a name for people: without a password, and with what it is.
func Title(name string) string {
	if IsURL(name) {
		return pg.Name(name)
	}
	return "the data file " + name
}

// Alive returns why a restart of the process may help, or nil. A restart does not help if
// the database or the bucket cannot be reached.
func Alive(ctx context.Context, s db.Status) error {
	err := s.Ready(ctx)
	if errors.Is(err, db.ErrUnavailable) || errors.Is(err, db.ErrBusy) {
		return nil
	}
	return err
}

// FileOnly returns an error if a name is a URL. `what` needs a data file. `instead` says
// what to do for a database.
func FileOnly(name, what, instead string) error {
	if IsURL(name) {
		return fmt.Errorf("%s works on a data file, not on %s; %s", what, Title(name), instead)
	}
	return nil
}
