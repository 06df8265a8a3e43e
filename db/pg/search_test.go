package pg_test

import (
	"fmt"
	"slices"
	"testing"

	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// TestSearch searches more images than a page looks at: with few matches, with many, and
// with text that is too short for the index. Each image is on exactly one page.
func TestSearch(t *testing.T) {
	t.Parallel()
	target := pgtest.URL(t, "")
	s := openWith(t, target, pg.Options{})
	schema := schemaOf(t, target)
	const n = 45_000
	execSQL(t, `insert into `+schema+`.contents (sha256, size, object, sums) values ('\x00', 1, 'x', '')`)
	execSQL(t, fmt.Sprintf(`insert into `+schema+`.images (name, folded, sha256, size, type, width, height, orientation, uploaded)
		select i || case when i %% 20000 = 0 then '%%_Z.jpg' else '.jpg' end, i || case when i %% 20000 = 0 then '%%_z.jpg' else '.jpg' end,
			'\x00', i %% 100, 'image/jpeg', 1, 1, 1, i from generate_series(1, %d) i`, n))
	for match, want := range map[string]int{
		".jpg": n, "000": 81, "123.J": 45, "44999": 1, "nothing": 0, // with the index
		"%_z": 2, "z": 2, "_": 2, "%": 2, "!": 0, // too short, or nothing that the index has
	} {
		for _, o := range []db.ListOptions{{Limit: 1000}, {Limit: 1000, Reverse: true}, {Limit: 1000, Sort: db.ByName}, {Limit: 1000, Sort: db.BySize, Reverse: true}} {
			o.Match = match
			var names []string
			for pages := 0; ; pages++ {
				page, next, err := s.List(t.Context(), o)
				if err != nil {
					t.Fatalf("List(%+v): %v", o, err)
				}
				for _, img := range page {
					names = append(names, img.Name)
				}
				if o.After = next; next == "" {
					break
				}
				if pages > n/1000+3 {
					t.Fatalf("List(%+v) does not end", o)
				}
			}
			if o.Sort == db.ByName && !slices.IsSorted(names) {
				t.Errorf("List(%+v): the names are not in order", o)
			}
			slices.Sort(names)
			if all := len(names); all != want || len(slices.Compact(names)) != want {
				t.Errorf("search for %q in the order %d: got %d images, want %d", match, o.Sort, all, want)
			}
		}
	}
}
