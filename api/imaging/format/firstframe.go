package format

import (
	"errors"
	"fmt"
	"image"
	"io"
)

// FirstFrame is where the first frame of an animation is. The zero FirstFrame means that a
// decoder of stills decodes the first frame of the file.
type FirstFrame struct {
	Place     image.Rectangle // on the canvas, whose size Detect returns
	Off, Size int64           // bytes of the file that contain the frame

	// Alpha is set for a WebP whose frame begins with a chunk of transparency.
	Alpha bool
}

// ReadFirstFrame returns the FirstFrame of an animation of type t, see [Animated]. The bytes
// of a WebP frame are the chunks of its picture. Those of a PNG frame are its fdAT chunks and
// all bytes after them, or those from the beginning of the file to the end of the IDAT chunks,
// if they are the first frame. It returns an [ErrMalformed] if the frame is not completely
// on the canvas. It reads at most the file up to that frame, once. An error of r is returned
// wrapped.
func ReadFirstFrame(r io.ReaderAt, size int64, t Type) (FirstFrame, error) {
	first := t.format().firstFrame
	if first == nil {
		return FirstFrame{}, nil
	}
	file := wholeFile(r, size)
	defer file.close()
	f, err := first(file)
	switch {
	case file.w.err != nil:
		return FirstFrame{}, fmt.Errorf("read image: %w", file.w.err)
	case err != nil:
		return FirstFrame{}, malformed(t, err)
	}
	return f, nil
}

// on checks that the frame is on a canvas.
func (f FirstFrame) on(canvas extent) (FirstFrame, error) {
	if f.Place.Empty() || !f.Place.In(image.Rect(0, 0, int(canvas.w), int(canvas.h))) {
		return FirstFrame{}, errors.New("has a frame that is not on its canvas")
	}
	return f, nil
}

// place returns a rectangle.
func place(x, y, w, h int64) image.Rectangle {
	return image.Rectangle{image.Pt(int(x), int(y)), image.Pt(int(x+w), int(y+h))}
}

// firstPNG looks for the first frame (PNG third edition, 4.9). An fcTL chunk before the
// picture makes the picture the first frame. Without it, browsers do not show the picture, but
// the frame of the first fcTL chunk after it (Chromium 156). If there is none, browsers show
// nothing, and the picture is the only one to show.
func firstPNG(file section) (FirstFrame, error) {
	file.stream()
	canvas, _, err := pngHeader(file)
	if err != nil {
		return FirstFrame{}, err
	}
	pictured, first := false, false // whether the picture was found, and is the first frame
	for p, err := range file.parts(pngHeaderSize, pngChunk) {
		switch {
		case err != nil:
			return FirstFrame{}, nil // the decoder finds what is wrong
		case p.kind == "IDAT":
			pictured = true
		case pictured && first:
			return FirstFrame{Place: place(0, 0, canvas.w, canvas.h), Size: p.off - 8}, nil
		case pictured && p.kind == "fcTL":
			b, err := p.bytes(0, 20) // a sequence number, the size, the position (11.3.6.2)
			if err != nil {
				return FirstFrame{}, err
			}
			off := p.off + p.size + 4 // after the checksum
			f := FirstFrame{Place: place(be32(b[12:]), be32(b[16:]), be32(b[4:]), be32(b[8:])), Off: off, Size: max(0, file.size-off)}
			return f.on(canvas)
		case p.kind == "fcTL":
			first = true
		}
	}
	return FirstFrame{}, nil
}

// webpFrame is the size of the fields before the chunks of a frame (RFC 9649, 2.7.1.1).
const webpFrame = 16

// firstWebP reads the first ANMF chunk. Browsers ignore the background colour of the ANIM
// chunk: the canvas is transparent around the frame (Chromium 156).
func firstWebP(file section) (FirstFrame, error) {
	riff, err := openRIFF(file)
	if err != nil {
		return FirstFrame{}, err
	}
	var canvas extent
	for p, err := range riff.parts(riffName, riffChunk) {
		switch {
		case err != nil:
			return FirstFrame{}, err
		case p.kind == "VP8X":
			if canvas, err = webpCanvas(p.section); err != nil {
				return FirstFrame{}, err
			}
		case p.kind == "ANMF":
			b, err := p.bytes(0, webpFrame+4)
			if err != nil {
				return FirstFrame{}, err
			}
			f := FirstFrame{
				Place: place(2*le24(b), 2*le24(b[3:]), le24(b[6:])+1, le24(b[9:])+1),
				Off:   p.off + webpFrame, Size: p.size - webpFrame, Alpha: string(b[webpFrame:]) == "ALPH",
			}
			return f.on(canvas)
		}
	}
	return FirstFrame{}, errors.New("has no frame in it")
}
