package resize

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/png"
	"io"
	"runtime"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/jpeg"
	"imageserver/api/imaging/resize/tolerant"
)

// Each error of this package wraps one of these, or comes from the caller's reader
// or context.
var (
	// ErrUnsupported means that this package has no decoder for the image.
	ErrUnsupported = errors.New("this kind of image cannot be resized")

	// ErrTooLong means that the variant is longer than a picture of the requested
	// format can be.
	ErrTooLong = errors.New("the variant is too long for its format")

	// ErrDamaged means that the pixels after the header are damaged.
	ErrDamaged = errors.New("damaged picture")
)

// CanDecode reports whether images of the type can be resized. For some files of such
// a type Make still returns ErrUnsupported.
func CanDecode(t format.Type) bool { return decoders[t] != nil }

// decoder decodes a picture, or reads its headers.
type decoder func(f *file) (picture, error)

// decoders has a decoder for each type that can be resized.
var decoders = map[format.Type]decoder{
	format.JPEG: openJPEG,
	format.PNG:  buffered(png.Decode),
	format.GIF:  inMemory(decodeGIF),
	format.WebP: video(bufferedImage(webp.Decode)),
	format.BMP:  buffered(bmp.Decode),
	format.TIFF: inMemory(decodeTIFF),
}

// tolerantDecoders decode pictures that the decoders refuse as damaged. Browsers show
// most of these pictures. The decoder of JPEG is tolerant itself.
var tolerantDecoders = map[format.Type]decoder{
	format.PNG: inMemory(func(f *file) (image.Image, error) { return png.Decode(tolerant.PNG(f)) }),
	format.GIF: inMemory(func(f *file) (image.Image, error) {
		m, err := tolerant.GIF(f)
		if err != nil {
			return nil, err
		}
		return &onScreen{m, m.Rect, image.Rect(0, 0, f.w, f.h)}, nil
	}),
	format.WebP: video(func(f *file) (image.Image, error) {
		r, err := tolerant.WebP(f, f.size)
		if err != nil {
			return nil, err
		}
		return webp.Decode(bufio.NewReaderSize(r, readSize))
	}),
	format.BMP: buffered(func(r io.Reader) (image.Image, error) { return bmp.Decode(io.MultiReader(r, blank{})) }),
}

// blank is an endless reader of white pixels. They replace the missing pixels of a
// BMP.
type blank struct{}

func (blank) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0xff
	}
	return len(p), nil
}

// inMemory makes a decoder from a function that decodes the whole picture.
func inMemory(decode func(f *file) (image.Image, error)) decoder {
	return withLevels(decode, fullRange)
}

// video does the same for a picture whose levels are those of video.
func video(decode func(f *file) (image.Image, error)) decoder { return withLevels(decode, videoRange) }

func withLevels(decode func(f *file) (image.Image, error), l [3]levels) decoder {
	return func(f *file) (picture, error) {
		m, err := decode(f)
		if err != nil {
			return nil, err
		}
		return decoded{m, l}, nil
	}
}

// buffered makes a decoder that reads the file in blocks of readSize.
func buffered(decode func(io.Reader) (image.Image, error)) decoder {
	return inMemory(bufferedImage(decode))
}

func bufferedImage(decode func(io.Reader) (image.Image, error)) func(f *file) (image.Image, error) {
	return func(f *file) (image.Image, error) { return decode(bufio.NewReaderSize(f, readSize)) }
}

// readSize is the number of bytes of one read from the store. It is large enough for
// few reads, and small enough to be copied cheaply.
const readSize = 32 << 10

// largePicture is the number of pixels above which a garbage collection is worth its
// time.
const largePicture = 8 << 20

// paint makes the pixels of the variant t from the picture in f, or from the first of
// several pictures. If the decoder refuses the picture as damaged, the tolerant decoder
// decodes its intact part.
func paint(f *file, typ format.Type, t target) (image.Image, error) {
	strict, lenient := decoders[typ], tolerantDecoders[typ]
	if t.Still {
		first, err := format.ReadFirstFrame(f, f.size, typ)
		switch {
		case errors.Is(err, format.ErrMalformed):
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		case err != nil:
			return nil, err
		case first != format.FirstFrame{}:
			strict = frameDecoder(typ, first)
			if first.Off > 0 {
				lenient = nil // it would decode another picture
			}
		}
	}
	m, err := try(f, strict, t)
	if !errors.Is(err, ErrDamaged) || lenient == nil {
		return m, err
	}
	f.off = 0
	if f.w*f.h > largePicture {
		runtime.GC() // free the memory of the first decoder before the second needs as much
	}
	if m, err := try(f, lenient, t); err == nil || f.err != nil {
		return m, err
	}
	return nil, err
}

// try decodes and draws. It turns a panic and any error of the decoder into an error of
// this package.
func try(f *file, decode decoder, t target) (m image.Image, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("%w: the decoder failed (%v)", ErrDamaged, r)
			if f.err != nil {
				err = f.err
			}
		}
	}()
	if decode == nil {
		return nil, ErrUnsupported
	}
	p, err := decode(f)
	if err == nil && f.err == nil {
		if w, h := p.size(); w != f.w || h != f.h {
			return nil, fmt.Errorf("%w: it has %d × %d pixels, but its header says %d × %d", ErrDamaged, w, h, f.w, f.h)
		}
		m, err = p.draw(t)
	}
	switch {
	case f.err != nil: // some decoders hide an error of the reader
		return nil, f.err
	case unsupported(err):
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return m, nil
}

// unsupported reports whether a decoder does not support the kind of picture.
func unsupported(err error) bool {
	var (
		p png.UnsupportedError
		t tiff.UnsupportedError
	)
	return errors.Is(err, jpeg.ErrUnsupported) || errors.Is(err, bmp.ErrUnsupported) || errors.As(err, &p) || errors.As(err, &t)
}

// decodeTIFF reports a BigTIFF as unsupported. x/image/tiff would report it as
// damaged.
func decodeTIFF(f *file) (image.Image, error) {
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil {
		return nil, err
	}
	if magic[2]+magic[3] == '+' {
		return nil, tiff.UnsupportedError("BigTIFF")
	}
	return tiff.Decode(f)
}

// decodeGIF decodes the first picture and its position on the screen. image/gif
// refuses a screen that is too small for the picture. decodeGIF enlarges the screen
// instead, as browsers do.
func decodeGIF(f *file) (image.Image, error) {
	var head [10]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	f.off = int64(len(head))
	binary.LittleEndian.PutUint16(head[6:], uint16(min(f.w, 1<<16-1)))
	binary.LittleEndian.PutUint16(head[8:], uint16(min(f.h, 1<<16-1)))
	m, err := gif.Decode(bufio.NewReaderSize(io.MultiReader(bytes.NewReader(head[:]), f), readSize))
	if err != nil {
		return nil, err
	}
	return &onScreen{m, m.Bounds(), image.Rect(0, 0, f.w, f.h)}, nil
}

// file is the image to decode. It remembers the first error of the store. Its reads
// fail after ctx ends: there is no other way to stop a decoder, and a file can be
// made to take a decoder any time.
type file struct {
	ctx  context.Context
	r    io.ReaderAt
	size int64
	w, h int // size in pixels as stored, from the header
	off  int64
	err  error // the first error of r, or the cause of ctx
}

func (f *file) Read(p []byte) (int, error) {
	if f.off >= f.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), f.size-f.off)]
	n, err := f.ReadAt(p, f.off)
	f.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.ended(); err != nil {
		return 0, err
	}
	n, err := f.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// ended returns the reason to stop reading, or nil.
func (f *file) ended() error {
	if f.err == nil {
		f.err = context.Cause(f.ctx)
	}
	return f.err
}
