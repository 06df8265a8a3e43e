package dbtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"imageserver/db"
)

// tryPutPlaceholder stores a variant with a placeholder for its source, and tries again
// while the store is busy. The bytes of the variant are those of the placeholder.
func tryPutPlaceholder(ctx context.Context, s db.Store, source db.Digest, placeholder string, budget int64) error {
	o := db.VariantOptions{Budget: budget, Placeholder: placeholder}
	for {
		_, err := s.PutVariant(ctx, source, "w=1", bytes.NewReader([]byte(placeholder)), o)
		if !errors.Is(err, db.ErrBusy) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// putPlaceholder stores a variant with a placeholder for its source, and fails if
// PutVariant returns an error.
func putPlaceholder(t *testing.T, s db.Store, source db.Digest, placeholder string) {
	t.Helper()
	if err := tryPutPlaceholder(t.Context(), s, source, placeholder, ample); err != nil {
		t.Fatalf("PutVariant with the placeholder %q: %v", placeholder, err)
	}
}

// with returns `img` with a placeholder.
func with(placeholder string, img db.Image) db.Image {
	img.Placeholder = placeholder
	return img
}

// inspected returns an Inspect that sets a placeholder.
func inspected(placeholder string) func(io.ReaderAt, *db.Image) error {
	return func(_ io.ReaderAt, img *db.Image) error {
		img.Placeholder = placeholder
		return nil
	}
}

// testPlaceholder: a placeholder belongs to all images with the content, also to those in
// the trash. Nothing else of an image changes. The first placeholder stays.
func testPlaceholder(t *testing.T, s db.Store) {
	data := content(1, 100)
	cat := put(t, s, "cat.png", data, db.PutOptions{Inspect: func(_ io.ReaderAt, img *db.Image) error {
		img.ContentType, img.Width, img.Height, img.Orientation = "image/x-test", 3, 4, 5
		return nil
	}, Expires: future(), DeleteKeyHash: db.Digest{1}}, db.Created)
	create(t, s, "gone.png", data)
	gone := discard(t, s, "gone.png", time.Hour)
	tiger, dog := create(t, s, "tiger.png", data), create(t, s, "dog.png", content(2, 100))
	want := func(placeholder string) {
		t.Helper()
		wantStored(t, s, with(placeholder, cat), data)
		wantStored(t, s, with(placeholder, tiger), data)
		wantStored(t, s, dog, content(2, 100))
		for _, o := range []db.Sort{db.ByUploaded, db.ByName, db.BySize} {
			for _, img := range listAll(t, s, db.ListOptions{Limit: 2, Sort: o}) {
				if img.SHA256 == cat.SHA256 && img.Placeholder != placeholder {
					t.Errorf("List: %s has the placeholder %q, want %q", img.Name, img.Placeholder, placeholder)
				}
			}
		}
		wantTrash(t, s, with(placeholder, gone))
		wantDeleteKey(t, s, with(placeholder, cat))
		wantUsage(t, s, withVariants(sumWith([]db.Image{cat, tiger, dog}, []db.Image{gone}), 1, 5))
	}
	putPlaceholder(t, s, cat.SHA256, "")
	putVariant(t, s, cat.SHA256, "w=1", []byte("small"), ample)
	want("")
	putPlaceholder(t, s, cat.SHA256, "\x00\xffred")
	want("\x00\xffred")
	putPlaceholder(t, s, cat.SHA256, "other")
	want("\x00\xffred")
	putVariant(t, s, cat.SHA256, "w=1", []byte("small"), ample)
	want("\x00\xffred")
}

// testPlaceholderOrder: a placeholder changes no order. A cursor from before stays valid.
func testPlaceholderOrder(t *testing.T, s db.Store) {
	images := fill(t, s, "cat.png", 5)
	for _, o := range []db.ListOptions{{Sort: db.ByUploaded}, {Sort: db.ByUploaded, Reverse: true}, {Sort: db.ByName}, {Sort: db.BySize}} {
		o.Limit = 2
		before := listAll(t, s, o)
		_, o.After, _ = s.List(t.Context(), o)
		for i := range images {
			putPlaceholder(t, s, images[i].SHA256, "red")
			images[i].Placeholder = "red"
		}
		for i := range before {
			before[i].Placeholder = "red"
		}
		rest, _, err := s.List(t.Context(), o)
		if err != nil {
			t.Errorf("List with a cursor from before: %v", err)
		}
		wantImages(t, "List with a cursor from before", rest, before[2:4])
		o.After = ""
		wantImages(t, "List", listAll(t, s, o), before)
	}
}

// testPlaceholderOfContent: an image gets the placeholder of its content when it is stored,
// and keeps the placeholder when it is renamed, deleted and restored. If the content is
// deleted, its placeholder is deleted with it.
func testPlaceholderOfContent(t *testing.T, s db.Store) {
	data := content(1, 100)
	cat := create(t, s, "cat.png", data)
	putPlaceholder(t, s, cat.SHA256, "red")
	cat.Placeholder = "red"
	wantImage(t, "Put", put(t, s, "cat.png", data, db.PutOptions{}, db.Unchanged), cat)
	tiger := create(t, s, "tiger.png", data)
	if tiger.Placeholder != "red" {
		t.Errorf("Put of the same bytes: got the placeholder %q, want %q", tiger.Placeholder, "red")
	}
	wantStored(t, s, tiger, data)
	moved := rename(t, s, "cat.png", "lion.png", db.RenameOptions{}, db.Created)
	cat.Name = "lion.png"
	wantImage(t, "Rename", moved, cat)
	wantStored(t, s, cat, data)

	other := put(t, s, "lion.png", content(2, 100), db.PutOptions{Conflict: db.Replace, TrashTTL: time.Hour}, db.Replaced)
	if other.Placeholder != "" {
		t.Errorf("Put of other bytes: got the placeholder %q, want none", other.Placeholder)
	}
	wantStored(t, s, other, content(2, 100))
	remove(t, s, "tiger.png")
	remove(t, s, "lion.png")
	if trashed := lastTrashed(t, s, "lion.png"); trashed.Placeholder != "red" {
		t.Errorf("in the trash: got the placeholder %q, want %q", trashed.Placeholder, "red")
	}
	wantImage(t, "Restore", restore(t, s, "lion.png", "lion.png", db.Created), cat)
	wantStored(t, s, cat, data)
	remove(t, s, "lion.png")

	again := create(t, s, "cat.png", data)
	if again.Placeholder != "" {
		t.Errorf("Put after the content was deleted: got the placeholder %q, want none", again.Placeholder)
	}
	wantStored(t, s, again, data)
}

// testPlaceholderInspected: Inspect can bring a placeholder from another store. If the
// content has one already, that one stays. Otherwise all images with the content get it.
func testPlaceholderInspected(t *testing.T, s db.Store) {
	data := content(1, 100)
	cat := create(t, s, "cat.png", data)
	first := put(t, s, "first.png", data, db.PutOptions{Inspect: inspected("red")}, db.Created)
	second := put(t, s, "second.png", data, db.PutOptions{Inspect: inspected("blue")}, db.Created)
	dog := put(t, s, "dog.png", content(2, 100), db.PutOptions{Inspect: inspected("blue")}, db.Created)
	for _, img := range []db.Image{with("red", cat), with("red", first), with("red", second)} {
		wantStored(t, s, img, data)
	}
	wantImage(t, "Put", first, with("red", first))
	wantImage(t, "Put", second, with("red", second))
	wantStored(t, s, with("blue", dog), content(2, 100))
}

// testPlaceholderRefused: if PutVariant returns an error, no image gets a placeholder.
func testPlaceholderRefused(t *testing.T, s db.Store) {
	cat := create(t, s, "cat.png", content(1, 100))
	wantError(t, "PutVariant", tryPutPlaceholder(t.Context(), s, cat.SHA256, "red", 2), db.ErrBudget)
	wantError(t, "PutVariant", tryPutPlaceholder(t.Context(), s, db.Digest{1}, "red", ample), db.ErrNotFound)
	trashed := discard(t, s, "cat.png", time.Hour)
	wantError(t, "PutVariant", tryPutPlaceholder(t.Context(), s, cat.SHA256, "red", ample), db.ErrNotFound)
	wantTrash(t, s, trashed)
	wantImage(t, "Restore", restore(t, s, "cat.png", "cat.png", db.Created), cat)
	wantStored(t, s, cat, content(1, 100))
}

// testPlaceholderReplaced: an image that gets another content during a PutVariant does not
// get the placeholder of its former content.
func testPlaceholderReplaced(t *testing.T, s db.Store) {
	cat, tiger := create(t, s, "cat.png", content(1, 100)), create(t, s, "tiger.png", content(1, 100))
	var upload sync.WaitGroup
	t.Cleanup(upload.Wait)
	body := newGate(t, content(2, 5<<20), 3<<20)
	upload.Go(func() {
		if _, err := s.PutVariant(t.Context(), cat.SHA256, "w=1", body, db.VariantOptions{Budget: ample, Placeholder: "red"}); err != nil {
			t.Errorf("PutVariant: %v", err)
		}
	})
	<-body.reached
	other := put(t, s, "cat.png", content(3, 100), db.PutOptions{Conflict: db.Replace}, db.Replaced)
	lion := create(t, s, "lion.png", content(1, 100))
	body.release()
	upload.Wait()
	wantStored(t, s, other, content(3, 100))
	wantStored(t, s, with("red", tiger), content(1, 100))
	wantStored(t, s, with("red", lion), content(1, 100))
}
