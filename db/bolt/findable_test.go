package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imageserver/db"
	"imageserver/db/bolt/internal/bolttest"
)

// TestDamagedBranch flips bits in the keys of the branches. Then bbolt can write a page to which
// no branch leads. An image that was stored without an error must be there.
func TestDamagedBranch(t *testing.T) {
	t.Parallel()
	bolttest.OneCaller(t)
	path := filepath.Join(t.TempDir(), "images.db")
	quiet := Options{Log: slog.New(slog.DiscardHandler), NoSync: true}
	s := openStore(t, path, quiet)
	for i := range 100 {
		mustPut(t, s, fmt.Sprintf("%d.png", i), content(byte(i), 2000+i))
	}
	s.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opened, refused := 0, 0
	for _, at := range branchKeys(good) {
		for bit := 0; bit < 8; bit += 3 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << bit
			os.Remove(path)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path, quiet)
			if err != nil {
				continue
			}
			opened++
			for i := range 3 {
				name, want := fmt.Sprintf("new %d.png", i), fmt.Sprint(at, bit, i, strings.Repeat("x", 5000))
				if _, _, err := s.Put(ctx, name, strings.NewReader(want), db.PutOptions{}); err != nil {
					refused++
					if errors.Is(err, db.ErrReadOnly) && !strings.Contains(err.Error(), "check --repair") {
						t.Errorf("byte %d, bit %d: the error does not say what to do: %v", at, bit, err)
					}
					continue
				}
				_, body, err := s.Get(ctx, name)
				if err != nil {
					t.Errorf("byte %d, bit %d: %s was stored and cannot be found: %v", at, bit, name, err)
					continue
				}
				if got, err := io.ReadAll(body); err != nil || string(got) != want {
					t.Errorf("byte %d, bit %d: %s was stored and reads wrong: %v", at, bit, name, err)
				}
				body.Close()
			}
			s.Close()
		}
	}
	if opened == 0 || refused == 0 {
		t.Errorf("opened %d damaged files, refused %d uploads; want some of both", opened, refused)
	}
}

// branchKeys returns the places of the bytes of the last two keys in each branch of a bbolt file.
func branchKeys(file []byte) (places []int) {
	size := os.Getpagesize()
	for start := 2 * size; start+size <= len(file); start += size {
		page := file[start:][:size]
		if int(binary.NativeEndian.Uint64(page)) != start/size || binary.NativeEndian.Uint16(page[8:]) != 1 { // not a branch
			continue
		}
		count := int(binary.NativeEndian.Uint16(page[10:]))
		for i := max(0, count-2); i < count; i++ {
			element := page[16+16*i:]
			pos, length := int(binary.NativeEndian.Uint32(element)), int(binary.NativeEndian.Uint32(element[4:]))
			for j := range length {
				places = append(places, start+16+16*i+pos+j)
			}
		}
	}
	return places
}
