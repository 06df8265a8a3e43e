package dbtest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"imageserver/db"
)

// variantModel has the variants that the store must have, in the order in which they
// were made.
type variantModel []copied

type copied struct {
	source db.Digest
	key    string
	stored
}

func (c variantModel) bytes() (n int64) {
	for _, e := range c {
		n += e.img.Size
	}
	return n
}

func (c variantModel) find(source db.Digest, key string) int {
	return slices.IndexFunc(c, func(e copied) bool { return e.source == source && e.key == key })
}

// keep deletes the variants of every content that no image has any more. `holds`
// reports whether an image has the content `source`.
func (c *variantModel) keep(holds func(source db.Digest) bool) {
	*c = slices.DeleteFunc(*c, func(e copied) bool { return !holds(e.source) })
}

// put adds a variant, and deletes the oldest variants until the others fit into the
// budget.
func (c *variantModel) put(e copied, budget int64) {
	if i := c.find(e.source, e.key); i >= 0 {
		*c = slices.Delete(*c, i, i+1)
	}
	*c = append(*c, e)
	for c.bytes() > budget {
		*c = (*c)[1:]
	}
}

// test makes one random call: it reads a variant of `source`, or stores `data` as a
// variant of `source`. `held` says whether an image has the content `source`.
func (c *variantModel) test(t *testing.T, s db.Store, rnd *rand.Rand, source db.Digest, data []byte, held bool) {
	t.Helper()
	key := []string{"w=1", "w=2", "w=3"}[rnd.IntN(3)]
	if rnd.IntN(2) == 0 {
		if i := c.find(source, key); i >= 0 {
			wantVariant(t, s, source, key, (*c)[i].img, (*c)[i].data)
		} else {
			wantNoVariant(t, s, source, key)
		}
		return
	}
	budget := []int64{50_000, 200_000, 2 << 20}[rnd.IntN(3)]
	img, err := tryPutVariant(t.Context(), s, source, key, data, budget)
	switch {
	case int64(len(data)) > budget && held:
		wantError(t, "PutVariant", err, db.ErrBudget)
	case int64(len(data)) > budget:
		if err == nil {
			t.Error("PutVariant of no image and above the budget: got no error")
		}
	case !held:
		wantError(t, "PutVariant", err, db.ErrNotFound)
	case err != nil:
		t.Errorf("PutVariant: %v", err)
	default:
		c.put(copied{source, key, stored{img, data}}, budget)
		wantVariant(t, s, source, key, img, data)
	}
}
