package pg_test

import (
	"testing"

	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// BenchmarkMillion lists pages of a store with a million images.
func BenchmarkMillion(b *testing.B) {
	target := pgtest.URL(b, "")
	s := openWith(b, target, pg.Options{})
	schema := schemaOf(b, target)
	execSQL(b, `insert into `+schema+`.contents (sha256, size, object, sums) values ('\x00', 1, 'x', '')`)
	execSQL(b, `insert into `+schema+`.images (name, folded, sha256, size, type, width, height, orientation, uploaded)
		select 'IMG_' || i || '.jpg', 'img_' || i || '.jpg', '\x00', hashint4(i) & 65535, 'image/jpeg', 1, 1, 1, i::bigint * 1000000 from generate_series(1, 1000000) i`)
	execSQL(b, `analyze `+schema+`.images`)
	for _, c := range []struct {
		name string
		o    db.ListOptions
	}{
		{"newest", db.ListOptions{}},
		{"oldest", db.ListOptions{Reverse: true}},
		{"name", db.ListOptions{Sort: db.ByName}},
		{"name reversed", db.ListOptions{Sort: db.ByName, Reverse: true}},
		{"size", db.ListOptions{Sort: db.BySize}},
		{"size reversed", db.ListOptions{Sort: db.BySize, Reverse: true}},
		{"search common", db.ListOptions{Match: "img"}},
		{"search rare", db.ListOptions{Match: "img_500000"}},
		{"search none", db.ListOptions{Match: "xyz"}},
		{"search short", db.ListOptions{Match: "z"}},
		{"search hostile", db.ListOptions{Match: "mg_1.jp"}},
	} {
		c.o.Limit = 100
		for _, deep := range []bool{false, true} {
			name := c.name
			if deep {
				name += ", page 50"
			}
			b.Run(name, func(b *testing.B) {
				o := c.o
				for i := 0; deep && i < 50; i++ {
					_, next, err := s.List(b.Context(), o)
					if err != nil {
						b.Fatal(err)
					}
					if next == "" {
						b.Skip("there is no such page")
					}
					o.After = next
				}
				n := 0
				for b.Loop() {
					page, _, err := s.List(b.Context(), o)
					if err != nil {
						b.Fatal(err)
					}
					n = len(page)
				}
				b.ReportMetric(float64(n), "images")
			})
		}
	}
}
