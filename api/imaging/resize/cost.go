package resize

import (
	"errors"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/jpeg"
)

// Cost returns the largest number of bytes that Make needs to make the variant p of
// s. It reads only the header of s. The number includes the memory of the decoder
// for each pixel of the picture, and that of the variant before and after encoding.
// It is never negative, whatever the header says. Errors are those of s.
//
// TestCost compares Cost with the memory that Make allocates.
func Cost(s Source, p Plan) (int64, error) {
	decoded, err := s.decoded(p)
	if err != nil {
		return 0, err
	}
	return int64(min(decoded+float64(DrawCost(s, p)), 1<<62)), nil
}

// DrawCost is Cost without the memory of the decoder: the memory that Draw needs.
func DrawCost(s Source, p Plan) int64 {
	const (
		variant = 20      // bytes for each pixel of the variant: scaled, turned, and encoded in a buffer that doubles its size when it is full
		line    = 96      // bytes for each pixel of the width and of the height: one row as numbers, the weights of the filter, the positions of strips
		fixed   = 4 << 20 // tables and buffers
	)
	cost := variant*float64(p.Width)*float64(p.Height) + line*(float64(s.Width)+float64(s.Height)) + fixed
	return int64(min(cost, 1<<62))
}

// worst is the Frame of the picture that needs the most memory, whatever its
// type. It is used for a file whose header is damaged.
var worst = format.Frame{Progressive: true, Components: 4, Sampling: [4][2]int{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, Depth: 16, Interlaced: true, Lossless: true, Block: 1 << 62}

// trees is the largest memory of the Huffman trees of a lossless WebP, in bytes.
const trees = 140e6

// decoded returns the number of bytes that the decoder needs.
func (s Source) decoded(p Plan) (float64, error) {
	f, err := format.ReadFrame(s, s.Size, s.Type)
	if errors.Is(err, format.ErrMalformed) {
		f, err = worst, nil
	}
	pixels := float64(s.Width) * float64(s.Height)
	switch s.Type {
	case format.JPEG:
		return s.jpegMemory(f, p), err
	case format.PNG:
		return pngPerPixel(f) * pixels, err
	case format.GIF:
		return pixels * 2, err
	case format.WebP: // the decoder reads the whole file before it unpacks the picture
		size := float64(s.Size)
		if p.Still {
			if first, err := format.ReadFirstFrame(s, s.Size, s.Type); err == nil {
				size = float64(first.Size)
			}
		}
		memory := pixels*2 + size
		if f.Lossless {
			// A lossless picture needs 4 bytes a pixel before its transforms
			// and 4 more after them. The planes of a lossy picture need 1.5.
			memory += pixels*10 + min(trees, 256*size)
		}
		return memory, err
	case format.TIFF:
		// The picture has 8 bytes a pixel at most. A block is unpacked into a buffer
		// that grows by doubling, while the previous block is still in memory.
		return pixels*8 + 3*8*float64(f.Block), err
	}
	return pixels * 8, err // BMP: if the first decoder refuses a damaged file, a second one needs the same memory again
}

// jpegMemory returns how many bytes the decoder of JPEG needs for the variant.
func (s Source) jpegMemory(f format.Frame, p Plan) float64 {
	frame := jpeg.Frame{Progressive: f.Progressive, Interleaved: f.Interleaved, Sampling: f.Sampling[:min(f.Components, len(f.Sampling))]}
	frame.Width, frame.Height = s.stored()
	r := reduce(frame, f.RGB, s.target(p))
	return frame.Memory(r.sides, r.hold)
}

// pngPerPixel returns how many bytes image/png keeps for each pixel. The number depends on
// the depth and the palette. It is doubled for an interlaced picture, because each pass
// becomes an image of its own.
func pngPerPixel(f format.Frame) float64 {
	n := 4.0
	switch {
	case f.Depth == 16:
		n = 8
	case f.Palette:
		n = 1
	}
	if f.Interlaced {
		n *= 2
	}
	return n
}
