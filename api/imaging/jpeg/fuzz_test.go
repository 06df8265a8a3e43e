package jpeg_test

import (
	"bytes"
	"errors"
	"image/jpeg"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	imaging "imageserver/api/imaging/jpeg"
)

// FuzzDecode decodes any bytes, see check.
func FuzzDecode(f *testing.F) {
	for _, data := range small(f) {
		f.Add(data)
		f.Add(data[:len(data)*2/3])
	}
	f.Fuzz(check)
}

// TestFlipped flips bits of JPEGs.
func TestFlipped(t *testing.T) {
	t.Parallel()
	all := small(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(3, uint64(len(all[name]))))
			for range 30 {
				data := bytes.Clone(all[name])
				for range 1 + random.IntN(3) {
					data[random.IntN(len(data))] ^= 1 << random.IntN(8)
				}
				check(t, data)
			}
		})
	}
}

// small returns small JPEGs of all kinds.
func small(t testing.TB) map[string][]byte {
	t.Helper()
	all := photos(t)
	maps.DeleteFunc(all, func(_ string, data []byte) bool { return len(data) > 8<<10 })
	return all
}

// check checks what is true for any bytes. If image/jpeg decodes them without an error, the
// picture in full size must be the same, and the reduced pictures must follow from it.
// Otherwise the error must be one of this package.
func check(t *testing.T, data []byte) {
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if pixels := config.Width * config.Height; err != nil || pixels == 0 || pixels > 1<<16 {
		return
	}
	whole, err := tryDecode(data)
	if err != nil && !errors.Is(err, imaging.ErrDamaged) && !errors.Is(err, imaging.ErrUnsupported) {
		t.Errorf("got %v, want an error of this package", err)
	}
	want, wantErr := jpeg.Decode(bytes.NewReader(data))
	if wantErr == nil && err != nil {
		t.Errorf("got %v, but image/jpeg decodes this picture", err)
	}
	if err != nil {
		return
	}
	sound := wantErr == nil && comparable(data, whole)
	if sound {
		if most := whole.difference(want); most > 1 {
			t.Errorf("got a difference of %d to image/jpeg, want 1 and less", most)
		}
	}
	for _, n := range []int{1, 2, 4} {
		reduced, err := tryDecode(data, n, n, n, n)
		if err != nil {
			t.Fatalf("%d/8: %v", n, err)
		}
		for i := range reduced.Planes {
			if most := reduced.blockDifference(whole, i, n); sound && most > 2 {
				t.Errorf("%d/8, plane %d: got a difference of %.2f, want 2 and less", n, i, most)
			}
		}
	}
}

// comparable reports whether image/jpeg must give the same picture. It uses all scans of a
// sequential JPEG, even if the first one has all components.
func comparable(data []byte, d decoded) bool {
	return !d.Odd() && (d.Progressive || bytes.Count(data, []byte("\xff\xda")) == 1)
}
