package resize

import (
	"image"

	"imageserver/api/imaging/format"
)

// AddDecoder makes decode the decoder of a new type. No other test may run at the same
// time.
func AddDecoder(t format.Type, decode func() (image.Image, error)) (remove func()) {
	decoders[t] = inMemory(func(*file) (image.Image, error) { return decode() })
	return func() { delete(decoders, t) }
}
