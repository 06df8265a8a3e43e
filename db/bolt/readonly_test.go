package bolt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imageserver/db"
)

// TestReadOnly: a store that is opened to be read changes no byte and no file, although an
// image and the trash have expired. Changes are refused.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s, err := Open(path, Options{})
	must(t, err)
	for _, name := range []string{"a", "expires", "trashed"} {
		o := db.PutOptions{}
		if name == "expires" {
			o.Expires = time.Now().Add(time.Hour)
		}
		_, _, err := s.Put(t.Context(), name, strings.NewReader(name), o)
		must(t, err)
	}
	must(t, s.Delete(t.Context(), "trashed", db.DeleteOptions{TrashTTL: time.Hour}))
	must(t, s.Close())
	spooled := path + spoolMark + "1" + spoolEnd // what a server that crashed would remove
	must(t, os.WriteFile(spooled, nil, 0o600))
	before := read(t, path)

	later := func() time.Time { return time.Now().Add(2 * time.Hour) }
	s, err = Open(path, Options{ReadOnly: true, Now: later})
	must(t, err)
	list, _, err := s.List(t.Context(), db.ListOptions{Limit: 10})
	if err != nil || len(list) != 1 || list[0].Name != "a" {
		t.Errorf("List: got %v and %v", list, err)
	}
	_, body, err := s.Get(t.Context(), "a")
	must(t, err)
	if got, err := io.ReadAll(body); err != nil || string(got) != "a" {
		t.Errorf("Get: got %q and %v", got, err)
	}
	must(t, body.Close())
	if _, _, err := s.Put(t.Context(), "b", strings.NewReader("b"), db.PutOptions{}); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("Put: got %v, want %v", err, db.ErrReadOnly)
	}
	if err := s.Delete(t.Context(), "a", db.DeleteOptions{}); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("Delete: got %v, want %v", err, db.ErrReadOnly)
	}
	must(t, s.Close())
	if read(t, path) != before {
		t.Error("the data file was changed")
	}
	if _, err := os.Stat(spooled); err != nil {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.db"), Options{ReadOnly: true}); err == nil {
		t.Error("a file that does not exist: no error")
	}
}

// TestReadOnlyFormats: a file of an earlier format is read without an upgrade, or refused.
func TestReadOnlyFormats(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures {
		t.Run(fmt.Sprint(f.format), func(t *testing.T) {
			t.Parallel()
			path := f.unpack(t)
			before := read(t, path)
			s, err := Open(path, Options{ReadOnly: true})
			switch {
			case f.format < 3 && (err == nil || !strings.Contains(err.Error(), "copy of the file")):
				t.Errorf("Open: got %v", err)
			case f.format >= 3:
				must(t, err)
				n := 0
				for _, o := range []db.ListOptions{{Limit: 100, Sort: db.ByUploaded}, {Limit: 100, Sort: db.ByName}, {Limit: 100, Trash: true}} {
					list, _, err := s.List(t.Context(), o)
					must(t, err)
					n += len(list)
				}
				if n == 0 {
					t.Error("the lists are empty")
				}
				must(t, s.Close())
			}
			if read(t, path) != before {
				t.Error("the data file was changed")
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}
