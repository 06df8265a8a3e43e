package resize

import (
	"image"

	"imageserver/api/imaging/format"
)

// AddDecoder adds a kind of image that decode is to read. It must not run beside
// other tests.
func AddDecoder(t format.Type, decode func() (image.Image, error)) (remove func()) {
	decoders[t] = func(*file) (image.Image, error) { return decode() }
	return func() { delete(decoders, t) }
}
