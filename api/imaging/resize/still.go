package resize

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/webp"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize/tolerant"
)

// frameDecoder returns a decoder of the first frame of a PNG or a WebP. The canvas is
// transparent around it.
func frameDecoder(t format.Type, first format.FirstFrame) decoder {
	frame := func(r io.ReaderAt) io.Reader { return io.NewSectionReader(r, first.Off, first.Size) }
	place := func(decode func(f *file) (image.Image, error)) func(f *file) (image.Image, error) {
		return func(f *file) (image.Image, error) {
			m, err := decode(f)
			if err != nil {
				return nil, err
			}
			return onCanvas(m, first.Place, f.w, f.h)
		}
	}
	switch {
	case t == format.WebP:
		return video(place(func(f *file) (image.Image, error) {
			return webp.Decode(bufio.NewReaderSize(io.MultiReader(webpHeader(first), frame(f)), readSize))
		}))
	case first.Off == 0: // without the frames after it
		return inMemory(place(func(f *file) (image.Image, error) {
			return png.Decode(bufio.NewReaderSize(io.MultiReader(frame(f), strings.NewReader(pngEnd)), readSize))
		}))
	}
	return inMemory(place(func(f *file) (image.Image, error) {
		return png.Decode(tolerant.PNGFrame(f, frame(f), first.Place.Dx(), first.Place.Dy()))
	}))
}

// pngEnd is the last chunk of a PNG (PNG third edition, 11.2.5).
const pngEnd = "\x00\x00\x00\x00IEND\xaeB`\x82"

// webpHeader makes the header of a WebP of a frame alone (RFC 9649, 2.7). It makes the decoder
// check the size of the picture.
func webpHeader(first format.FirstFrame) io.Reader {
	head := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+18+first.Size))
	head = append(head, "WEBPVP8X\x0a\x00\x00\x00"...)
	flags := uint32(0)
	if first.Alpha {
		flags = 0x10
	}
	head = binary.LittleEndian.AppendUint32(head, flags)
	for _, n := range []int{first.Place.Dx() - 1, first.Place.Dy() - 1} {
		head = append(head, byte(n), byte(n>>8), byte(n>>16))
	}
	return bytes.NewReader(head)
}

// onCanvas places a picture on a canvas of w × h pixels.
func onCanvas(m image.Image, at image.Rectangle, w, h int) (image.Image, error) {
	if m.Bounds().Size() != at.Size() {
		return nil, fmt.Errorf("%w: a frame has %v pixels, but its header says %v", ErrDamaged, m.Bounds().Size(), at.Size())
	}
	canvas := image.Rect(0, 0, w, h)
	if at == canvas {
		return m, nil
	}
	switch v := m.(type) {
	case *image.YCbCr: // of a WebP, like its NYCbCrA. All rows share the row of alpha.
		opaque := bytes.Repeat([]byte{255}, at.Dx())
		m = &image.NYCbCrA{YCbCr: *v, A: opaque}
	case *image.Gray16:
		m = struct{ image.Image }{m} // its raster would have one channel
	}
	return &onScreen{m, at, canvas}, nil
}

// onScreen is a picture at a place of a larger screen. The screen is transparent around it.
type onScreen struct {
	image.Image
	at, screen image.Rectangle
}

func (m *onScreen) Bounds() image.Rectangle { return m.screen }

// raster returns a function that reads a row of the screen.
func (m *onScreen) raster() func(y int, dst []float32) {
	picture := newPixels(m.Image)
	return func(y int, dst []float32) {
		clear(dst)
		if y >= m.at.Min.Y && y < m.at.Max.Y {
			picture.read(y-m.at.Min.Y, dst[4*m.at.Min.X:4*m.at.Max.X])
		}
	}
}
