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
		{[]string{"con." + long + ".png"}, []string{"_con." + long[:len(long)-1] + ".png"}},
	} {
		got, err := portable.Names(t.Context(), c.images)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, %v, want %q", c.images, got, err, c.want)
		}
		for _, name := range got {
			if len(name) > db.MaxNameBytes {
				t.Errorf("%q has %d bytes", name, len(name))
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

// TestManySameNames would take minutes if each image tried all the numbers that
// the ones before it have taken.
func TestManySameNames(t *testing.T) {
	t.Parallel()
	images := make([]string, 1<<17)
	for i := range images {
		images[i] = "a" + strings.NewReplacer("0", ":", "1", "|").Replace(fmt.Sprintf("%020b", i)) + ".png"
	}
	names, err := portable.Names(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(names); len(slices.Compact(names)) != len(images) {
		t.Error("two images have the same name")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := portable.Names(ctx, images); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to stop", err)
	}
}
