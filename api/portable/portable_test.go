package portable_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"imageserver/api/portable"
	"imageserver/db"
)

func TestNames(t *testing.T) {
	long := strings.Repeat("x", db.MaxNameBytes-len("con..png"))
	for _, c := range []struct{ images, want []string }{
		{[]string{"cat.png", "dog.png"}, []string{"cat.png", "dog.png"}},
		{[]string{"cat.png", "Cat.png", "CAT.PNG"}, []string{"cat.png", "Cat-2.png", "CAT-3.PNG"}},
		{[]string{"Cat.png", "cat.png", "cat-2.png"}, []string{"Cat.png", "cat-3.png", "cat-2.png"}},
		{[]string{"straße.png", "STRASSE.png"}, []string{"straße.png", "STRASSE-2.png"}},
		{[]string{"é.png", "É.png"}, []string{"é.png", "É-2.png"}},
		{[]string{"10:30.png", "10_30.png"}, []string{"10_30-2.png", "10_30.png"}},
		{[]string{`<a>"b"|c?*.png`}, []string{"_a__b__c__.png"}},
		{[]string{"con", "CON.png", "nul.tar.gz", "com1.png", "LPT¹.png", "aux .png", "conin$"},
			[]string{"_con", "_CON.png", "_nul.tar.gz", "_com1.png", "_LPT¹.png", "_aux .png", "_conin$"}},
		{[]string{"icon.png", "con-2.png", "com.png", "com10.png", "auxiliary.png", "nul_.png"},
			[]string{"icon.png", "con-2.png", "com.png", "com10.png", "auxiliary.png", "nul_.png"}},
		{[]string{"100%.png", "#1.png", "a&b.png", "-rf.png", "~.png"}, []string{"100%.png", "#1.png", "a&b.png", "-rf.png", "~.png"}},
		{[]string{"می\u200cخ.png", "میخ.png"}, []string{"می\u200cخ.png", "میخ-2.png"}}, // the same name on HFS Plus
		{[]string{"con." + long + ".png"}, []string{"_con." + long[:len(long)-1] + ".png"}},
	} {
		got, err := portable.Names(t.Context(), c.images)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, %v, want %q", c.images, got, err, c.want)
		}
		for _, name := range got {
			if len(name) > db.MaxNameBytes {
				t.Errorf("%q has %d bytes, want at most %d", name, len(name), db.MaxNameBytes)
			}
		}
	}
}

// BenchmarkSameName gives names to images that all need the same file name. The
// time per image must not depend on how many there are.
func BenchmarkSameName(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		images := make([]string, n)
		for i := range images { // the colon and the bar both become an underscore
			images[i] = "a" + strings.NewReplacer("0", ":", "1", "|").Replace(fmt.Sprintf("%020b", i)) + ".png"
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := portable.Names(b.Context(), images); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/image")
		})
	}
}

// counting is a context that counts the calls of Err. Names calls Err for each name that
// it tries. After most calls the context has ended.
type counting struct {
	context.Context
	calls, most int
}

func (c *counting) Err() error {
	if c.calls++; c.calls > c.most {
		return context.Canceled
	}
	return nil
}

// TestManySameNames checks that Names tries few names for each image, even if all images
// need the same file name. It also checks that Names stops when its context ends.
func TestManySameNames(t *testing.T) {
	t.Parallel()
	const n = 4000
	for what, image := range map[string]func(i int) string{
		"short": func(i int) string {
			return "a" + strings.NewReplacer("0", ":", "1", "|").Replace(fmt.Sprintf("%012b", i)) + ".png"
		},
		"numbered already": func(i int) string {
			return [...]string{"a:.png", fmt.Sprintf("a_-%d.png", i), fmt.Sprintf("A_-%d.png", i)}[min(i, 1+i%2)]
		},
		// A number replaces the last character, so these images need the same names.
		"long": func(i int) string {
			return strings.Repeat("x", 247) + string(rune('\u4e00'+i/2)) + ":_"[i%2:i%2+1] + ".png"
		},
	} {
		images := make([]string, n)
		for i := range images {
			images[i] = image(i)
		}
		ctx := &counting{t.Context(), 0, 3 * n}
		names, err := portable.Names(ctx, images)
		if err != nil {
			t.Fatalf("%s: %d images took more than %d tries: %v", what, n, 3*n, err)
		}
		if slices.Sort(names); len(slices.Compact(names)) != n {
			t.Errorf("%s: two images have the same name", what)
		}
		for _, most := range []int{0, 10, ctx.calls - 1} {
			if _, err := portable.Names(&counting{t.Context(), 0, most}, images); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v after %d calls of Err, want %v", what, err, most, context.Canceled)
			}
		}
	}
}
