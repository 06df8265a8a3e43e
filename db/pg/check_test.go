package pg_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"imageserver/db"
)

// problemsOf checks a store and returns its problems.
func problemsOf(t *testing.T, r *rig, o db.CheckOptions) (all []string) {
	t.Helper()
	o.Found = func(problem string) { all = append(all, problem) }
	n, err := r.Check(t.Context(), o)
	if err != nil || n != int64(len(all)) {
		t.Errorf("Check: got %d problems and %v, want the %d that were found", n, err, len(all))
	}
	return all
}

// TestCheck: each kind of damage is found, and a sound store has no problem.
func TestCheck(t *testing.T) {
	t.Parallel()
	quick, unknown := db.CheckOptions{Quick: true}, db.CheckOptions{Quick: true, Unknown: true}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, r *rig, schema, key string)
		o      db.CheckOptions
		says   string // empty: no problem
	}{
		{"sound", func(*testing.T, *rig, string, string) {}, db.CheckOptions{Unknown: true}, ""},
		{"changed", func(t *testing.T, r *rig, _, key string) { r.overwrite(t, key, bytes.Repeat([]byte{1}, 100_000)) }, db.CheckOptions{}, `image "cat.png": `},
		{"changed, quick", func(t *testing.T, r *rig, _, key string) { r.overwrite(t, key, bytes.Repeat([]byte{1}, 100_000)) }, quick, ""},
		{"shorter", func(t *testing.T, r *rig, _, key string) { r.overwrite(t, key, []byte{1}) }, quick, "has 1 bytes instead of 100000"},
		{"missing", func(t *testing.T, r *rig, _, key string) { r.overwrite(t, key, nil) }, quick, "is missing"},
		{"missing, read", func(t *testing.T, r *rig, _, key string) { r.overwrite(t, key, nil) }, db.CheckOptions{}, "does not exist"},
		{"unknown object", func(t *testing.T, r *rig, _, _ string) { r.overwrite(t, "ab/cd", []byte("lost")) }, unknown, "ab/cd with 4 bytes belongs to nothing"},
		{"unknown object, not asked for", func(t *testing.T, r *rig, _, _ string) { r.overwrite(t, "ab/cd", []byte("lost")) }, quick, ""},
		{"counter", func(t *testing.T, _ *rig, schema, _ string) {
			execSQL(t, "update "+schema+".usage set images = images + 1 where slot = 3")
		}, quick, "the counter of images is 2, but there are 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			put := func(name, data string) {
				if _, _, err := r.Put(t.Context(), name, strings.NewReader(data), db.PutOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			put("cat.png", strings.Repeat("cat!", 25_000))
			key := r.onlyObject(t)
			put("trash.png", "trash")
			if err := r.Delete(t.Context(), "trash.png", db.DeleteOptions{TrashTTL: time.Hour}); err != nil {
				t.Fatal(err)
			}
			cat, err := r.Stat(t.Context(), "cat.png")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.PutVariant(t.Context(), cat.SHA256, "k", strings.NewReader("variant"), db.VariantOptions{Budget: 100}); err != nil {
				t.Fatal(err)
			}
			c.damage(t, r, r.schema, key)
			problems := problemsOf(t, r, c.o)
			if c.says == "" && len(problems) > 0 || c.says != "" && (len(problems) != 1 || !strings.Contains(problems[0], c.says)) {
				t.Errorf("Check: got %q, want %q", problems, c.says)
			}
		})
	}
}
