package format

import (
	"fmt"
	"io"
	"strings"
)

// Frame describes the encoding of the pixels of an image: the properties on which
// the memory of a decoder depends. The comment of a field names the type that has
// it. The field is zero for all other types.
type Frame struct {
	// Progressive is set for a progressive JPEG (ITU-T T.81, B.2.2, SOF2).
	Progressive bool

	// Components is the number of colour components of a JPEG.
	Components int

	// Sampling has the sampling factors of the first four components of a JPEG, across
	// and down (T.81, A.1.1).
	Sampling [4][2]int

	// Interleaved is set for a JPEG whose first scan has all components.
	Interleaved bool

	// RGB is set for a JPEG whose components are not converted to YCbCr. The names of
	// the components say so, or an Adobe segment.
	RGB bool

	// Depth is the number of bits of a sample of a PNG, or of a palette index.
	Depth int

	// Palette is set for a PNG whose pixels are indexes of a palette.
	Palette bool

	// Interlaced is set for a PNG that is stored in seven passes.
	Interlaced bool

	// Lossless is set for a WebP if its picture, or only the transparency of that,
	// is stored in the lossless format.
	Lossless bool

	// Block is the number of pixels that a decoder of TIFF unpacks at a time: those
	// of a strip, or of a tile. If a file has tiles but does not give their size, it
	// is the largest possible number.
	Block int64
}

// ReadFrame returns the Frame of an image of type t, which [Detect] has
// returned for it. For a type without fields in Frame it returns the zero Frame. It
// returns an [ErrMalformed] if the header does not contain the fields of the Frame.
// It reads no more than Detect. An error of r is returned wrapped.
func ReadFrame(r io.ReaderAt, size int64, t Type) (Frame, error) {
	frame := t.format().frame
	if frame == nil {
		return Frame{}, nil
	}
	file := wholeFile(r, size)
	f, err := frame(file)
	switch {
	case file.w.err != nil:
		return Frame{}, fmt.Errorf("read image: %w", file.w.err)
	case err != nil:
		return Frame{}, malformed(t, err)
	}
	return f, nil
}

// malformed adds the type to an error of a function of the table.
func malformed(t Type, err error) error {
	return fmt.Errorf("%w: the %s %w", ErrMalformed, strings.ToUpper(string(t)), err)
}
