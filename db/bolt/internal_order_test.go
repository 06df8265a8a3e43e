package bolt

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"imageserver/db"
)

// swapKeys exchanges two byte strings of equal length in a file, wherever they
// stand: keys that are then out of order.
func swapKeys(t *testing.T, path string, a, b []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mark := bytes.Repeat([]byte{0xA7}, len(a))
	data = bytes.ReplaceAll(data, a, mark)
	data = bytes.ReplaceAll(data, b, a)
	data = bytes.ReplaceAll(data, mark, b)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKeysOutOfOrder deletes by indices in which damage has put keys out of
// order: they are read, and not found. Each ends, with an error.
func TestKeysOutOfOrder(t *testing.T) {
	t.Parallel()
	path, _ := fillStore(t)
	s := openStore(t, path, Options{})
	err := s.commit([]*change{{
		check: func(tx *txn) (bool, error) { return true, nil },
		apply: func(tx *txn) error {
			for i := range uint64(9) { // entries of nothing, so that they alone are deleted
				err := errors.Join(
					tx.Bucket(madeBucket).Put(idKey(i+1), []byte("none")),
					tx.Bucket(dueBucket).Put(dueKey(time.Unix(int64(i+1), 0), []byte("none")), nil),
				)
				if err != nil {
					return err
				}
			}
			return nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	first, last := dueKey(time.Unix(1, 0), []byte("none")), dueKey(time.Unix(9, 0), []byte("none"))
	swapKeys(t, path, first, last)
	swapKeys(t, path, append(idKey(1), "none"...), append(idKey(9), "none"...))
	if r, found := checkFile(t, path); !r.Structural {
		t.Fatalf("the check does not see that keys are out of order:\n%s", found)
	}
	s = openStore(t, path, Options{})
	if _, err := s.sweepDue(); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("what is due: error %v, want ErrDamaged", err)
	}
	if err := s.TrimCopies(ctx, 0); !errors.Is(err, db.ErrDamaged) {
		t.Errorf("copies: error %v, want ErrDamaged", err)
	}
}
