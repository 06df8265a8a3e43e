package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"imageserver/db"
)

// testLoad: several callers make all kinds of calls at the same time, with a few names.
// At every moment, and at the end, all results must be consistent.
func testLoad(t *testing.T, s db.Store) {
	const callers, steps = 8, 50
	race(callers, func(i int) {
		rnd := rand.New(rand.NewPCG(uint64(i), 0))
		for range steps {
			if err := step(t.Context(), s, rnd); err != nil {
				t.Error(err)
			}
		}
	})
	wantConsistent(t, s)
}

// step makes one random call. It returns an error if the result is wrong.
func step(ctx context.Context, s db.Store, rnd *rand.Rand) error {
	sizes := []int{0, 100, 20_000, 130_000, 1<<20 + 1}
	name := fmt.Sprintf("%d.png", rnd.IntN(6))
	switch n := rnd.IntN(100); {
	case n < 30:
		i := rnd.IntN(len(sizes))
		data := content(uint64(i), sizes[i])
		conflict := []db.Conflict{db.Rename, db.Replace, db.Fail}[rnd.IntN(3)]
		img, _, err := tryPut(ctx, s, name, data, db.PutOptions{Conflict: conflict})
		if conflict == db.Fail && errors.Is(err, db.ErrExists) {
			return nil
		}
		if err == nil && img.Size != int64(len(data)) {
			err = fmt.Errorf("put %q: got size %d, want %d", name, img.Size, len(data))
		}
		return err
	case n < 45:
		return unless(s.Delete(ctx, name, db.DeleteOptions{}), db.ErrNotFound)
	case n < 80:
		_, err := verify(ctx, s, name)
		return unless(err, db.ErrNotFound)
	case n < 90:
		images, _, err := s.List(ctx, db.ListOptions{Limit: 5, Match: ".png"})
		for i := range images[:max(len(images)-1, 0)] {
			if newestFirst(images[i], images[i+1]) >= 0 {
				return fmt.Errorf("list: got %q, want the newest first", namesOf(images))
			}
		}
		return err
	default:
		u, err := s.Usage(ctx)
		if u.Blobs > u.Images || u.Stored > u.Bytes {
			return fmt.Errorf("usage: got %+v, want no more contents than images", u)
		}
		return err
	}
}

// unless returns err, or nil if err is one of the allowed errors.
func unless(err, mayBe error) error {
	if errors.Is(err, mayBe) {
		return nil
	}
	return err
}
