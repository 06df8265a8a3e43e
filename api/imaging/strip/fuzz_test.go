package strip_test

import (
	"testing"

	"imageserver/api/imaging/format"
)

// FuzzStrip strips the same bytes as an image of each type.
func FuzzStrip(f *testing.F) {
	for _, s := range readSamples(f) {
		if len(s.content) < 8<<10 {
			f.Add(s.content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, typ := range []format.Type{format.JPEG, format.PNG, format.WebP} {
			check(t, content, typ)
		}
	})
}
