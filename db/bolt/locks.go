package bolt

import (
	"reflect"
	"sync"
	"unsafe"

	bbolt "go.etcd.io/bbolt"
)

// bbolt reads its meta pages with locks held where a transaction begins
// (DB.beginTx and DB.beginRWTx of v1.5.0), and where the file was cut short or
// overwritten that panics. Nobody would let go of the locks then: whoever ends
// a transaction would wait for ever, and whoever begins one.

// unlockRead lets go of what a read transaction holds that did not begin.
func unlockRead(db *bbolt.DB) {
	if mmap, meta := lockOf[sync.RWMutex](db, "mmaplock"), lockOf[sync.Mutex](db, "metalock"); mmap != nil && meta != nil {
		mmap.RUnlock()
		meta.Unlock()
	}
}

// unlockWrite lets go of what a write transaction holds that did not begin.
func unlockWrite(db *bbolt.DB) {
	if rw := lockOf[sync.Mutex](db, "rwlock"); rw != nil {
		rw.Unlock()
	}
}

// lockOf returns a lock of bbolt's, or nil from a version that has none of
// that name.
func lockOf[T any](db *bbolt.DB, name string) *T {
	f := reflect.ValueOf(db).Elem().FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		return nil
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr()))
}
