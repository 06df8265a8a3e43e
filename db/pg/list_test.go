package pg_test

import (
	"fmt"
	"strings"
	"testing"

	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// TestListPlan: a large page reads only the images and contents that it returns, in the order
// of an index.
func TestListPlan(t *testing.T) {
	t.Parallel()
	target := pgtest.URL(t, "")
	s := openWith(t, target, pg.Options{})
	fillRows(t, schemaOf(t, target), 10_000)
	for sort, index := range map[db.Sort]string{db.ByUploaded: "images_uploaded", db.ByName: "images_name", db.BySize: "images_size"} {
		for _, reverse := range []bool{false, true} {
			plan, err := s.ExplainList(t.Context(), db.ListOptions{Sort: sort, Reverse: reverse, Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(plan, " using "+index+" on") || !strings.Contains(plan, "Index Scan using contents_pkey") ||
				strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") {
				t.Errorf("sort %v, reverse %v: the plan is\n%s", sort, reverse, plan)
			}
		}
	}
}

// fillRows adds n images with different contents, without their bytes, to a store in the
// shared server.
func fillRows(t testing.TB, schema string, n int) {
	t.Helper()
	execSQL(t, fmt.Sprintf(`insert into %s.contents (sha256, size, object, sums, placeholder)
		select sha256(i::text::bytea), 1, md5(i::text), '\x01020304', substr(sha256(('p' || i)::bytea), 1, 28) from generate_series(1, %d) i`, schema, n))
	execSQL(t, fmt.Sprintf(`insert into %s.images (name, folded, sha256, size, type, width, height, orientation, uploaded)
		select 'IMG_' || i || '.jpg', 'img_' || i || '.jpg', sha256(i::text::bytea), hashint4(i) & 65535, 'image/jpeg', 1, 1, 1, i::bigint * 1000000 from generate_series(1, %d) i`, schema, n))
	for _, table := range []string{"images", "contents"} {
		execSQL(t, "analyze "+schema+"."+table)
	}
}
