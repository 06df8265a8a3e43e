package resolve_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/resolve"
)

// names is a resolve.Names. The value is the content of the image with that name.
type names struct {
	images  map[string]byte
	expired map[string]bool
	broken  map[string]error
	asked   int // calls of Find
}

func (n *names) Find(name string) (*db.Image, error) {
	n.asked++
	if err := n.broken[name]; err != nil {
		return nil, err
	}
	content, ok := n.images[name]
	if !ok || n.expired[name] {
		return nil, nil
	}
	return &db.Image{Name: name, SHA256: db.Digest{content}}, nil
}

func (n *names) WithContent(sum db.Digest, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name, content := range n.images {
			if (db.Digest{content}) == sum && strings.HasPrefix(name, prefix) && !yield(name, nil) {
				return
			}
		}
	}
}

func TestPut(t *testing.T) {
	n := &names{
		images:  map[string]byte{"cat.png": 1, "cat-2.png": 2, "cat-3.png": 3, "cat-x.png": 4, "old.png": 1, "old-2.png": 5},
		expired: map[string]bool{"old-2.png": true},
		broken:  map[string]error{"bad-2.png": db.ErrDamaged},
	}
	n.images["bad.png"] = 1
	for _, c := range []struct {
		name     string
		content  byte
		conflict db.Conflict
		want     string
		outcome  db.Outcome
		err      error
	}{
		{"dog.png", 1, db.Rename, "dog.png", db.Created, nil},
		{"cat.png", 1, db.Rename, "cat.png", db.Unchanged, nil},
		{"cat.png", 1, db.Fail, "cat.png", db.Unchanged, nil},
		{"cat.png", 1, db.Replace, "cat.png", db.Unchanged, nil},
		{"cat.png", 9, db.Replace, "cat.png", db.Replaced, nil},
		{"cat.png", 9, db.Fail, "", 0, db.ErrExists},
		{"cat.png", 9, db.Rename, "cat-4.png", db.Created, nil},
		{"cat.png", 3, db.Rename, "cat-3.png", db.Unchanged, nil}, // a repeated upload
		{"cat.png", 4, db.Rename, "cat-4.png", db.Created, nil},   // cat-x.png has no number
		{"old.png", 5, db.Rename, "old-2.png", db.Created, nil},   // the image with this content has expired
		{"bad.png", 9, db.Rename, "bad-3.png", db.Created, nil},   // a damaged image occupies its name
		{"bad-2.png", 9, db.Rename, "", 0, db.ErrDamaged},
	} {
		got, err := resolve.Put(n, c.name, db.Digest{c.content}, c.conflict, nil)
		if got.Name != c.want || got.Outcome != c.outcome || !errors.Is(err, c.err) {
			t.Errorf("Put(%q, content %d, conflict %d): got %+v and %v, want %q, outcome %d and %v", c.name, c.content, c.conflict, got, err, c.want, c.outcome, c.err)
		}
		if created := got.Outcome == db.Created; err == nil && (got.Current == nil) != created {
			t.Errorf("Put(%q): got the current image %v with the outcome %d", c.name, got.Current, got.Outcome)
		}
	}
}

// TestPutMany: the ten-thousandth image of one name needs few look-ups.
func TestPutMany(t *testing.T) {
	n := &names{images: map[string]byte{"cat.png": 1}}
	for i := 2; i < 10_000; i++ {
		n.images[db.Numbered("cat.png", i)] = 1
	}
	got, err := resolve.Put(n, "cat.png", db.Digest{2}, db.Rename, nil)
	if got.Name != "cat-10000.png" || err != nil || n.asked > 40 {
		t.Errorf("got %q and %v after %d look-ups, want cat-10000.png after at most 40", got.Name, err, n.asked)
	}
}

// TestPutFails: an engine that cannot be reached is not asked for ever.
func TestPutFails(t *testing.T) {
	down := errors.New("connection lost")
	n := &names{images: map[string]byte{"cat.png": 1}, broken: map[string]error{}}
	for i := 2; i < 100; i++ {
		n.broken[db.Numbered("cat.png", i)] = down
	}
	if _, err := resolve.Put(n, "cat.png", db.Digest{2}, db.Rename, nil); !errors.Is(err, down) {
		t.Errorf("got %v, want the error of the engine", err)
	}
}

func TestAllow(t *testing.T) {
	refused := errors.New("refused")
	var seen *db.Image
	allow := func(img *db.Image) error {
		if seen = img; img != nil {
			img.Name = "changed by the precondition"
		}
		return refused
	}
	n := &names{images: map[string]byte{"cat.png": 1}}
	cat := &db.Image{Name: "cat.png", SHA256: db.Digest{1}}
	for what, call := range map[string]func() error{
		"Put": func() error { _, err := resolve.Put(n, "cat.png", db.Digest{1}, db.Rename, allow); return err },
		"Rename": func() error {
			_, err := resolve.Rename(n, cat, "cat.png", "dog.png", db.RenameOptions{Allow: allow})
			return err
		},
		"Restore": func() error {
			_, err := resolve.Restore(n, cat, "cat.png", db.RestoreOptions{Allow: allow})
			return err
		},
	} {
		seen = nil
		if err := call(); err != refused || seen == nil || cat.Name != "cat.png" {
			t.Errorf("%s: got %v after a call with %v, want the error of the precondition, called with a copy", what, err, seen)
		}
	}
	seen = cat
	if err := resolve.Existing(nil, "dog.png", allow); err != refused || seen != nil {
		t.Errorf("without an image: got %v after a call with %v, want the error of the precondition, called with nil", err, seen)
	}
	if err := resolve.Existing(nil, "dog.png", nil); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("without an image: got %v, want ErrNotFound", err)
	}
}

func TestRename(t *testing.T) {
	n := &names{images: map[string]byte{"cat.png": 1, "cat-2.png": 2, "cat-3.png": 2, "dog.png": 3}}
	for _, c := range []struct {
		from, to, want string
		conflict       db.Conflict
		outcome        db.Outcome
	}{
		{"cat.png", "bird.png", "bird.png", db.Rename, db.Created},
		{"cat.png", "cat.png", "cat.png", db.Rename, db.Unchanged},
		{"cat.png", "dog.png", "dog-2.png", db.Rename, db.Created},
		{"cat.png", "dog.png", "dog.png", db.Replace, db.Replaced},
		{"cat-2.png", "cat.png", "cat-2.png", db.Rename, db.Unchanged}, // not cat-3.png
		{"cat-3.png", "cat.png", "cat-3.png", db.Rename, db.Unchanged}, // not cat-2.png
	} {
		img, _ := n.Find(c.from)
		got, err := resolve.Rename(n, img, c.from, c.to, db.RenameOptions{Conflict: c.conflict})
		if got.Name != c.want || got.Outcome != c.outcome || err != nil {
			t.Errorf("Rename(%q, %q): got %+v and %v, want %q and outcome %d", c.from, c.to, got, err, c.want, c.outcome)
		}
	}
}

func TestMoved(t *testing.T) {
	at := time.Unix(1, 0)
	trashed := db.Image{Name: "cat.png", Uploaded: at, Expires: at, DeleteKeyHash: db.Digest{1}, Deleted: at, TrashExpires: at}
	want := db.Image{Name: "cat-2.png", Uploaded: at, Expires: at, DeleteKeyHash: db.Digest{1}}
	if got := (resolve.Resolution{Name: "cat-2.png"}).Moved(trashed); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTimes(t *testing.T) {
	now := time.Unix(1000, 0).UTC()
	for _, c := range []struct{ given, want time.Time }{{time.Time{}, now}, {now.Add(1), now}, {now.Add(-1), now.Add(-1)}, {now, now}} {
		if got := resolve.Uploaded(c.given, now); got != c.want {
			t.Errorf("Uploaded(%v): got %v, want %v", c.given, got, c.want)
		}
	}
	soon := &db.Image{Expires: now.Add(time.Minute)}
	for _, c := range []struct {
		expires time.Time
		want    bool
	}{{time.Time{}, true}, {now.Add(time.Minute), false}, {now.Add(time.Second), false}, {now.Add(time.Hour), true}} {
		if got := resolve.Extends(c.expires, soon); got != c.want {
			t.Errorf("Extends(%v): got %t, want %t", c.expires, got, c.want)
		}
	}
	for _, c := range []struct {
		img  db.Image
		ttl  time.Duration
		want bool
	}{{db.Image{}, 0, false}, {db.Image{}, -1, false}, {db.Image{}, 1, true}, {db.Image{Expires: now}, 1, false}, {db.Image{Expires: now.Add(1)}, 1, true}} {
		if got := resolve.GoesToTrash(&c.img, now, c.ttl); got != c.want {
			t.Errorf("GoesToTrash(expires %v, %v): got %t, want %t", c.img.Expires, c.ttl, got, c.want)
		}
	}
	for _, c := range []struct{ last, want time.Time }{{time.Time{}, now}, {now.Add(-1), now}, {now, now.Add(1)}, {now.Add(time.Hour), now.Add(time.Hour + 1)}} {
		got := resolve.Trashed(&db.Image{}, now, c.last, time.Minute)
		if got.Deleted != c.want || got.TrashExpires != now.Add(time.Minute) {
			t.Errorf("Trashed after %v: got %v until %v, want %v until %v", c.last, got.Deleted, got.TrashExpires, c.want, now.Add(time.Minute))
		}
	}
	far := resolve.Trashed(&db.Image{}, now, time.Time{}, 1<<63-1)
	if want := db.LastTime; far.TrashExpires.After(want) {
		t.Errorf("Trashed for ever: until %v, want at most %v", far.TrashExpires, want)
	}
}

func ExamplePut() {
	n := &names{images: map[string]byte{"cat.png": 1}}
	r, _ := resolve.Put(n, "cat.png", db.Digest{2}, db.Rename, nil)
	fmt.Println(r.Name)
	// Output: cat-2.png
}
