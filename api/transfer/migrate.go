package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"imageserver/api/printable"
	"imageserver/api/progress"
	"imageserver/db"
)

// Migrant is a store that Migrate copies from or to.
type Migrant interface {
	db.Images
	db.Status
	db.TrashCopier
}

// migratePage is how many images Migrate lists at a time.
const migratePage = 1000

// Migrate copies all images and the trash of a store to another store, the oldest image
// first. It only reads `from`. It does not copy resized copies, which can be made again.
// An image that is already there with the same bytes is not copied again, so Migrate can
// be interrupted and run again. It then also copies what has changed meanwhile. At the end
// Migrate compares both stores, and returns an error if they differ.
func Migrate(ctx context.Context, from, to Migrant, o Output) error {
	u, err := from.Usage(ctx)
	if err != nil {
		return fmt.Errorf("read the first store: %w", err)
	}
	total := int(u.Images + u.Trash)
	m := &migration{from: from, to: to, report: newReport(o, "Copying", total)}
	defer m.display.Close()
	err = m.copyAll(ctx, db.ListOptions{Sort: db.ByUploaded, Reverse: true}, m.copyImage)
	if err == nil {
		err = m.copyAll(ctx, db.ListOptions{Trash: true}, m.copyTrashed)
	}
	m.end(map[result]string{done: "copied", present: "already there", removed: "deleted or replaced meanwhile", failed: "failed"})
	if err != nil {
		return m.stopped(err, total)
	}
	if n, err := m.compare(ctx); err != nil || n > 0 {
		return errors.Join(err, differ(n))
	}
	_, err = fmt.Fprintln(o.Out, "Both stores have the same images.")
	return err
}

// differ is the error of stores with n differences.
func differ(n int) error {
	if n == 0 {
		return nil
	}
	return fmt.Errorf("the stores differ in %s; run the command again to copy what is missing, and delete what is only in the second store if it was deleted in the first", progress.Count(int64(n), "image", "images"))
}

// migration is one run of Migrate.
type migration struct {
	from, to Migrant
	*report
}

// copyAll calls `copyOne` for all images of a list, some at the same time.
func (m *migration) copyAll(ctx context.Context, o db.ListOptions, copyOne func(context.Context, db.Image) error) error {
	o.Limit = migratePage
	for {
		page, next, err := m.from.List(ctx, o)
		if err != nil {
			return err
		}
		err = each(ctx, len(page), func(ctx context.Context, i int) error {
			return m.note(page[i].Name, copyOne(ctx, page[i]))
		})
		if err != nil || next == "" {
			return err
		}
		o.After = next
	}
}

// errPresent means that the other store already has the image.
var errPresent = errors.New("already there")

// note counts the result of one image. It returns an error only if the error ends the whole
// migration.
func (m *migration) note(name string, err error) error {
	switch {
	case err == nil:
		m.add(done, name, "")
	case errors.Is(err, errPresent):
		m.add(present, name, "")
	case errors.Is(err, db.ErrNotFound):
		m.add(removed, name, "deleted or replaced meanwhile")
	case errors.Is(err, db.ErrDamaged), errors.Is(err, db.ErrExists), errors.Is(err, db.ErrName):
		m.add(failed, name, err.Error())
	default:
		return err
	}
	return nil
}

// copyImage copies an image. If the other store has an older image with this name, that
// image was copied by an earlier run, and has been replaced since.
func (m *migration) copyImage(ctx context.Context, img db.Image) error {
	o := db.PutOptions{Conflict: db.Fail, Uploaded: img.Uploaded, Expires: img.Expires, DeleteKeyHash: img.DeleteKeyHash}
	there, err := m.to.Stat(ctx, img.Name)
	switch {
	case err == nil && there.SHA256 == img.SHA256:
		return errPresent
	case err == nil && there.Uploaded.Before(img.Uploaded):
		o.Conflict = db.Replace
		o.Allow = func(current *db.Image) error {
			if current != nil && current.SHA256 != there.SHA256 {
				return fmt.Errorf("%w: %q", db.ErrExists, img.Name)
			}
			return nil
		}
	case err != nil && !errors.Is(err, db.ErrNotFound):
		return err
	}
	got, body, err := m.from.Get(ctx, img.Name)
	if err != nil {
		return err
	}
	defer body.Close()
	if got.SHA256 != img.SHA256 {
		return db.ErrNotFound // the next page or the next run has the new image
	}
	o.Inspect = func(_ io.ReaderAt, copied *db.Image) error {
		if copied.SHA256 != img.SHA256 {
			return fmt.Errorf("%w: its bytes do not match its SHA-256", db.ErrDamaged)
		}
		copied.ContentType, copied.Width, copied.Height, copied.Orientation = img.ContentType, img.Width, img.Height, img.Orientation
		copied.Placeholder = img.Placeholder
		return nil
	}
	return whileBusy(ctx, body, func() error {
		_, _, err := m.to.Put(ctx, img.Name, body, o)
		return err
	})
}

// copyTrashed copies an image in the trash.
func (m *migration) copyTrashed(ctx context.Context, img db.Image) error {
	there, old, err := m.to.GetTrashed(ctx, img.Name, img.Deleted)
	if err == nil {
		old.Close()
		if there.SHA256 == img.SHA256 {
			return errPresent
		}
	} else if !errors.Is(err, db.ErrNotFound) {
		return err
	}
	_, body, err := m.from.GetTrashed(ctx, img.Name, img.Deleted)
	if err != nil {
		return err
	}
	defer body.Close()
	return whileBusy(ctx, body, func() error {
		_, err := m.to.PutTrashed(ctx, img, body)
		return err
	})
}

// busyWait is the time between two attempts to copy an image while the other store is busy.
const busyWait = time.Second

// whileBusy calls `put`, which reads body, until the other store is no longer busy.
func whileBusy(ctx context.Context, body io.Seeker, put func() error) error {
	for {
		err := put()
		if !errors.Is(err, db.ErrBusy) || ctx.Err() != nil {
			return err
		}
		time.Sleep(busyWait)
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
}

// shownDifferences is how many differences compare describes.
const shownDifferences = 20

// compare walks the lists of both stores side by side. It describes the differences, and
// returns their number.
func (m *migration) compare(ctx context.Context) (n int, err error) {
	for _, o := range []db.ListOptions{{Sort: db.ByName, Limit: migratePage}, {Trash: true, Limit: migratePage}} {
		err := walk(listed(ctx, m.from, o), listed(ctx, m.to, o), func(a, b *db.Image) {
			if n++; n <= shownDifferences {
				fmt.Fprintln(m.Out, difference(a, b))
			}
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// difference describes two images that should be equal. An image that only one store has
// is nil in the other store.
func difference(a, b *db.Image) string {
	switch {
	case b == nil:
		return printable.Name(a.Name) + ": missing in the second store"
	case a == nil:
		return printable.Name(b.Name) + ": only in the second store"
	}
	return printable.Name(a.Name) + ": the two stores have different images, or different data about the image"
}

// listed yields the images of a list. It leaves out those that have expired.
func listed(ctx context.Context, s db.Images, o db.ListOptions) iter.Seq2[db.Image, error] {
	return func(yield func(db.Image, error) bool) {
		for {
			page, next, err := s.List(ctx, o)
			if err != nil {
				yield(db.Image{}, err)
				return
			}
			for _, img := range page {
				if !yield(img, nil) {
					return
				}
			}
			if o.After = next; next == "" {
				return
			}
		}
	}
}

// walk goes through two lists in the same order, and calls `differ` for each image that only
// one list has, and for each image that is not equal in both.
func walk(a, b iter.Seq2[db.Image, error], differ func(a, b *db.Image)) error {
	nextA, stopA := iter.Pull2(a)
	defer stopA()
	nextB, stopB := iter.Pull2(b)
	defer stopB()
	imgA, errA, moreA := nextA()
	imgB, errB, moreB := nextB()
	for moreA || moreB {
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		order := compareKeys(imgA, imgB)
		onlyA, onlyB := moreA && (!moreB || order < 0), moreB && (!moreA || order > 0)
		switch {
		case onlyA && !imgA.Expired(time.Now()):
			differ(&imgA, nil)
		case onlyB && !imgB.Expired(time.Now()):
			differ(nil, &imgB)
		case !onlyA && !onlyB && !equal(imgA, imgB):
			differ(&imgA, &imgB)
		}
		if !onlyB {
			imgA, errA, moreA = nextA()
		}
		if !onlyA {
			imgB, errB, moreB = nextB()
		}
	}
	return nil
}

// equal reports whether two images are equal. It does not compare their placeholders, because
// each store learns the placeholder of an image when it makes the first resized copy.
func equal(a, b db.Image) bool {
	a.Placeholder = b.Placeholder
	return a == b
}

// compareKeys compares two images in the order of their list: by name, or in the trash
// the last deleted first.
func compareKeys(a, b db.Image) int {
	if c := b.Deleted.Compare(a.Deleted); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}
