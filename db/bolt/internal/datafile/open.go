// Package datafile creates, opens and locks the data file.
package datafile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	bbolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"imageserver/db/bolt/internal/page"
)

// LockTimeout is how long this package waits for another process to close the file.
const LockTimeout = time.Second

// OpenOrCreate opens the bbolt file at path. If there is no file, it creates one, and
// calls `init` to fill it.
func OpenOrCreate(path string, noSync bool, init func(*bbolt.DB) error) (*bbolt.DB, *File, error) {
	if err := look(path); errors.Is(err, fs.ErrNotExist) {
		if path, err = linkTarget(path); err != nil {
			return nil, nil, err
		}
		if err := create(path, init); err != nil {
			return nil, nil, err
		}
	} else if err != nil {
		return nil, nil, err
	}
	return OpenExisting(path, noSync)
}

// OpenToRead opens an existing bbolt file for reading. It does not change the file.
func OpenToRead(path string) (*bbolt.DB, *File, error) {
	if err := look(path); err != nil {
		return nil, nil, err
	}
	return openExisting(path, bbolt.Options{ReadOnly: true})
}

// File is the file that a bbolt.DB has open.
type File struct {
	*os.File

	// MapSize is the size of the memory map in bytes, or 0. As long as the file is
	// smaller, the map stays where it is.
	MapSize int64
}

// look returns an error if the file at path cannot be a data file. It does not open the
// file. If there is no file, the error wraps fs.ErrNotExist.
func look(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return errLoop
	case err != nil:
		return Plain(err)
	case info.IsDir():
		return errors.New("is a folder; name a file in it")
	case !info.Mode().IsRegular(): // a device has size 0, but the advice to delete it would be wrong
		return errors.New("is not a file; choose another path")
	case info.Size() == 0:
		// bbolt would make a new, empty store of this file. But perhaps a full disk or
		// a failed copy has cut the file. Then its images would be missing without a
		// message.
		return errors.New("is empty (0 bytes), so it is not a data file; restore your backup, or delete it to start with an empty store")
	}
	return nil
}

// linkTarget returns the path to which a symbolic link leads, if there is no file at
// that path. The store is created at that path, and the link stays. If path is not a
// link, linkTarget returns path.
func linkTarget(path string) (string, error) {
	for range 40 { // Linux also follows at most 40 links
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // not a link
		}
		if !filepath.IsAbs(target) {
			target = filepath.Dir(path) + string(filepath.Separator) + target // not cleaned: the folder can be a link
		}
		path = target
	}
	return "", errLoop
}

var errLoop = errors.New("is one of symbolic links that lead in a circle; choose another path")

// create creates an empty store at path. Even after a crash, the whole store is there
// or no file. It writes and syncs a file with another name. Then it renames this file
// and syncs the folder.
func create(path string, init func(*bbolt.DB) error) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".new-*")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no folder %s; make it first", dir)
		}
		return Plain(err)
	}
	defer os.Remove(tmp.Name()) // after the rename, this removes nothing
	if err := tmp.Close(); err != nil {
		return err
	}
	bdb, err := bbolt.Open(tmp.Name(), 0o600, &bbolt.Options{Timeout: LockTimeout})
	if err != nil {
		return Plain(err)
	}
	err = init(bdb)
	if err := errors.Join(err, bdb.Close()); err != nil {
		return Plain(err)
	}
	// A rename would replace a file that another process has just created at path. A
	// link does not replace it. But some file systems have no links.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(tmp.Name(), path); err != nil {
			return Plain(err)
		}
	}
	return SyncDir(dir)
}

// OpenExisting opens an existing file with the largest memory map that the system
// allows. If a file becomes larger than its memory map, bbolt must map the file again.
// For that, it waits for all readers and blocks new readers.
func OpenExisting(path string, noSync bool) (bdb *bbolt.DB, file *File, err error) {
	return openExisting(path, bbolt.Options{NoSync: noSync})
}

func openExisting(path string, o bbolt.Options) (bdb *bbolt.DB, file *File, err error) {
	for _, size := range mapSizes() {
		bdb, file, err = openBolt(path, size, o)
		if err == nil || !errors.Is(err, errMap) {
			break
		}
	}
	if err == nil && !isAt(file.File, path) {
		// Compact replaced the file while this call waited for the lock.
		err = bdb.Close()
		if err == nil {
			return openExisting(path, o)
		}
	}
	return bdb, file, explain(err)
}

// OpenLocked opens an existing data file without bbolt, and locks it. If `toRead` is
// true, the caller only reads the file, so the file need not be writable.
func OpenLocked(path string, toRead bool) (*os.File, error) {
	if err := look(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil && toRead {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, Plain(err)
	}
	if err := waitLock(f, LockTimeout); err != nil {
		f.Close()
		return nil, err
	}
	if !isAt(f, path) {
		f.Close()
		return OpenLocked(path, toRead)
	}
	return f, nil
}

// isAt reports whether f is the file at path now.
func isAt(f *os.File, path string) bool {
	at, err := os.Stat(path)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && os.SameFile(info, at)
}

// mapSizes returns the sizes of memory maps to try, in bytes, beginning with the
// largest. Address space costs nothing on 64-bit Unix. On Windows, the file becomes as
// long as its memory map.
func mapSizes() []int {
	if runtime.GOOS == "windows" || ^uint(0)>>32 == 0 {
		return []int{0}
	}
	tib, gib := uint64(1)<<40, uint64(1)<<30
	return []int{int(tib), int(64 * gib), 0}
}

var errMap = errors.New("cannot be mapped into memory")

func openBolt(path string, mapSize int, o bbolt.Options) (bdb *bbolt.DB, _ *File, err error) {
	var file *os.File // the file that bbolt opened
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			// After a panic bbolt leaves its file open, locked and mapped.
			if file != nil {
				Unlock(file)
				file.Close()
			}
			bdb, err = nil, fmt.Errorf("%w (%v)", ErrDamaged, r)
		}
	}()
	o.Timeout = LockTimeout
	o.InitialMmapSize = mapSize
	o.FreelistType = bbolt.FreelistArrayType // it uses the first free pages that fit; the map uses any
	o.NoFreelistSync = true                  // opening must succeed on a full disk
	o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		if file != nil { // bbolt opens the file a second time, for a backup
			return os.OpenFile(name, flag, mode)
		}
		// Without O_CREATE: if the file was deleted meanwhile, bbolt must not
		// create an empty store at this path.
		f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
		if err != nil {
			return nil, err
		}
		if err := inspectLocked(f); err != nil {
			f.Close()
			return nil, err
		}
		file = f
		return f, nil
	}
	bdb, err = bbolt.Open(path, 0o600, &o)
	if err != nil {
		if mapSize > 0 && isMapError(err) {
			err = fmt.Errorf("%w: %w", errMap, err)
		}
		return nil, nil, err
	}
	adviseNormal(bdb.Info().Data, mapSize)
	return bdb, &File{file, int64(mapSize)}, nil
}

// ErrInUse means that another process has the data file open.
var ErrInUse = errors.New("another process is using it; stop that process, or choose another file with --db")

// ErrDamaged means that the file cannot be opened, or that opening it is not safe.
var ErrDamaged = errors.New("is damaged; restore your backup, and keep this file: imageserver check says which of its images can be read")

// inspectLocked inspects a file before bbolt opens it. It locks the file during this
// time, so that no other process writes to it.
func inspectLocked(f *os.File) error {
	if err := waitLock(f, LockTimeout); err != nil {
		return err
	}
	defer Unlock(f) // next, bbolt takes the lock
	p, err := page.Read(f)
	if err != nil {
		return Plain(err)
	}
	if err := p.InspectSome(branchesFirst); err != nil {
		return Damaged(err)
	}
	return nil
}

const (
	// branchesFirst is how many branches of trees are inspected before the file is
	// opened. With a million images, there are about 2,000, and to read them from a
	// disk can take a second.
	branchesFirst = 512
	// pagesFirst is how many pages a file may have if it surely has no more branches.
	pagesFirst = 8 * branchesFirst
)

// InspectRest returns a function that inspects all branches of an open file. If the
// file has so few branches that all of them were inspected before the file was opened,
// InspectRest returns nil. No transaction may be committed between the begin of tx and
// the call of InspectRest. tx must stay open until the function returns. The function
// ends early if `stop` returns true.
func InspectRest(f *os.File, tx *bbolt.Tx) (inspect func(stop func() bool) error, err error) {
	p, err := page.Read(f)
	if err != nil {
		return nil, Plain(err)
	}
	if p.Meta.TxID != uint64(tx.ID()) {
		return nil, ErrOverwritten
	}
	if p.Meta.High <= pagesFirst {
		return nil, nil
	}
	return func(stop func() bool) error {
		if err := p.InspectTrees(stop); err != nil {
			return Damaged(err)
		}
		return nil
	}, nil
}

// waitLock takes the lock. If another process still has the lock after `timeout`, it
// returns ErrInUse.
func waitLock(f *os.File, timeout time.Duration) error {
	for end := time.Now().Add(timeout); ; time.Sleep(timeout / 20) {
		ok, err := lock(f)
		switch {
		case err != nil:
			return fmt.Errorf("cannot be locked: %w", err)
		case ok:
			return nil
		case time.Now().After(end):
			return ErrInUse
		}
	}
}

// Damaged adds what to do to an error. The error says what is damaged.
func Damaged(err error) error { return fmt.Errorf("%w (%w)", ErrDamaged, err) }

// explain replaces an error of bbolt by an error that says what to do.
func explain(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrDamaged):
		return err
	case errors.Is(err, berrors.ErrTimeout):
		return ErrInUse
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch):
		return errors.New("is not a data file of this program; choose another path")
	case errors.Is(err, berrors.ErrChecksum):
		return ErrDamaged
	}
	return Plain(err)
}

// Plain removes the operation and the path from an error of the file system, because
// the caller adds the path itself.
func Plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
