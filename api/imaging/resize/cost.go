package resize

import (
	"bufio"
	"encoding/binary"
	"io"

	"imageserver/api/imaging/format"
)

// Cost returns how many bytes of memory Make takes at most for the copy that p
// plans of s, going by the header: what its decoder keeps for each pixel of the
// picture, and what the copy takes before and after it is encoded. It is never
// less than 0, whatever the header says. Errors are those of s.
//
// One thing a header does not tell: an Adobe segment behind the first scan turns a
// JPEG into RGB, of 4 bytes a pixel more.
//
// TestCost holds it against what is really allocated.
func Cost(s Source, p Plan) (int64, error) {
	decoded, err := s.decoded()
	if err != nil {
		return 0, err
	}
	const (
		copied = 20      // bytes for each pixel of the copy: as it is, turned, and encoded into a buffer that doubles
		line   = 96      // for each pixel of a row and of a column: rows as numbers, kernels, offsets of strips
		fixed  = 4 << 20 // tables and buffers
	)
	cost := decoded + copied*float64(p.Width)*float64(p.Height) + line*(float64(s.Width)+float64(s.Height)) + fixed
	return int64(min(cost, 1<<62)), nil
}

// decoded is the memory of the decoder.
func (s Source) decoded() (float64, error) {
	pixels := float64(s.Width) * float64(s.Height)
	switch s.Type {
	case format.JPEG: // in blocks of up to 4 × 2 times 8 × 8 pixels
		w, h := s.stored()
		return jpegFrame(s).perPixel() * float64(32*cells(w, 32)) * float64(16*cells(h, 16)), nil
	case format.PNG:
		return pixels * pngPerPixel(s), nil
	case format.GIF:
		return pixels * 2, nil
	case format.WebP: // the picture is read as a whole before it is unpacked
		memory := pixels*2 + float64(s.Size)
		if webpLossless(s) {
			memory += pixels*10 + min(trees, 256*float64(s.Size))
		}
		return memory, nil
	case format.TIFF:
		// The picture has 8 bytes a pixel at most. A block is unpacked into a buffer
		// that grows by doubling, while the one before is still there.
		block, err := format.TIFFBlock(s, s.Size)
		return pixels*8 + 3*8*float64(block), err
	}
	return pixels * 8, nil // BMP, twice: once by the decoder that refuses a damaged one
}

// frame is what the header of a JPEG says of its samples.
type frame struct {
	progressive bool
	components  int
	samples     float64 // for each pixel, over all components
	rgb         bool
}

// perPixel: image/jpeg keeps a byte a sample; of a progressive one all the
// coefficients as well, of 4 bytes each; and CMYK and RGB, which it does not
// return in planes, a second time.
func (f frame) perPixel() float64 {
	n := f.samples
	if f.progressive {
		n += 4 * f.samples
	}
	if f.components == 4 || f.rgb {
		n += 4
	}
	return n
}

// worst is the frame of a file that is broken, or odder than encoders are.
var worst = frame{progressive: true, components: 4, samples: 4}

// jpegFrame walks the segments to the first scan (ITU-T T.81, B.2.1).
func jpegFrame(s Source) frame {
	r := bufio.NewReaderSize(io.NewSectionReader(s, 2, s.Size), readSize)
	f, rgb := worst, false
	for {
		head, err := r.Peek(4)
		if err != nil || head[0] != 0xff {
			return worst
		}
		marker, length := head[1], int(binary.BigEndian.Uint16(head[2:]))
		if marker == 0xff { // fill
			r.Discard(1) // which is there
			continue
		}
		content, err := r.Peek(min(2+length, 22))
		if err != nil || length < 2 {
			return worst
		}
		content = content[4:]
		switch {
		case marker < 0xc0, 0xd0 <= marker && marker <= 0xd9: // these have no length
			return worst
		case 0xc0 <= marker && marker <= 0xc2:
			f = parseFrame(content, marker == 0xc2)
		case marker == 0xee: // Adobe's, whose last byte is 0 where there is no YCbCr
			rgb = rgb || len(content) >= 12 && string(content[:5]) == "Adobe" && content[11] == 0
		case marker == 0xda:
			f.rgb = f.rgb || rgb
			return f
		}
		if _, err := r.Discard(2 + length); err != nil {
			return worst
		}
	}
}

// parseFrame reads a frame header (T.81, B.2.2).
func parseFrame(b []byte, progressive bool) frame {
	if len(b) < 6 {
		return worst
	}
	f := frame{progressive: progressive, components: int(b[5])}
	b = b[6:]
	if f.components < 1 || 3*f.components > len(b) {
		return worst
	}
	most := 0.0 // samples of the component that has the most
	names := ""
	for i := range f.components {
		n := float64(b[3*i+1]>>4) * float64(b[3*i+1]&15)
		f.samples += n
		most = max(most, n)
		names += string(b[3*i])
	}
	if most == 0 {
		return worst
	}
	f.samples /= most
	f.rgb = names == "RGB"
	return f
}

// pngPerPixel: image/png keeps a pixel in as many bytes as its kind of image
// needs, and makes an image of each pass of an interlaced one.
func pngPerPixel(s Source) float64 {
	var ihdr [13]byte // PNG third edition, 11.2.1
	if _, err := s.ReadAt(ihdr[:], 16); err != nil {
		return 16
	}
	n := 4.0
	switch depth, colour := ihdr[8], ihdr[9]; {
	case depth == 16:
		n = 8
	case colour == 3:
		n = 1
	}
	if ihdr[12] != 0 {
		n *= 2
	}
	return n
}

// trees is what the Huffman trees of a lossless WebP take that has as many as
// there can be, in bytes.
const trees = 140e6

// webpLossless reports whether some of a WebP is packed without loss: all of it,
// or the transparency of a lossy picture. That takes 4 bytes a pixel before and
// after its transforms, a lossy picture has planes of 1.5.
func webpLossless(s Source) bool {
	var b [8]byte // RFC 9649, section 2.3: the header of a chunk
	for off := int64(12); ; {
		if _, err := s.ReadAt(b[:], off); err != nil {
			return true
		}
		switch string(b[:4]) {
		case "VP8 ":
			return false
		case "VP8L", "ALPH":
			return true
		}
		length := int64(binary.LittleEndian.Uint32(b[4:]))
		off += 8 + length + length%2
	}
}
