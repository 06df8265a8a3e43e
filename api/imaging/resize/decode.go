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
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize/tolerant"
)

// Each error of this package wraps one of these, or comes from the caller's reader
// or context.
var (
	// ErrUnsupported means that this package has no decoder for the image.
	ErrUnsupported = errors.New("this kind of image cannot be resized")

	// ErrTooLong means that a JPEG was requested, and that the variant is longer than
	// a JPEG can be.
	ErrTooLong = errors.New("a JPEG has at most 65535 pixels on a side")

	// ErrDamaged means that the pixels after the header are damaged.
	ErrDamaged = errors.New("damaged picture")
)

// CanDecode reports whether images of the type can be resized. For some files of such
// a type Make still returns ErrUnsupported.
func CanDecode(t format.Type) bool { return decoders[t] != nil }

// decoders has a decoder for each type that can be resized.
var decoders = map[format.Type]func(f *file) (image.Image, error){
	format.JPEG: decodeJPEG,
	format.PNG:  buffered(png.Decode),
	format.GIF:  decodeGIF,
	format.WebP: buffered(webp.Decode),
	format.BMP:  buffered(bmp.Decode),
	format.TIFF: decodeTIFF,
}

// tolerantDecoders decode pictures that the decoders refuse as damaged. Browsers show
// most of these pictures.
var tolerantDecoders = map[format.Type]func(f *file) (image.Image, error){
	format.JPEG: func(f *file) (image.Image, error) { return tolerant.JPEG(newShortReads(f)) },
	format.PNG:  func(f *file) (image.Image, error) { return png.Decode(tolerant.PNG(f)) },
	format.GIF: func(f *file) (image.Image, error) {
		m, err := tolerant.GIF(f)
		if err != nil {
			return nil, err
		}
		return &onScreen{m, image.Rect(0, 0, f.w, f.h)}, nil
	},
	format.WebP: func(f *file) (image.Image, error) {
		r, err := tolerant.WebP(f, f.size)
		if err != nil {
			return nil, err
		}
		return webp.Decode(bufio.NewReaderSize(r, readSize))
	},
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

// decodeJPEG adds an end marker, because some phones write panoramas without one.
func decodeJPEG(f *file) (image.Image, error) {
	return jpeg.Decode(io.MultiReader(newShortReads(f), strings.NewReader("\xff\xd9")))
}

// buffered makes a decoder that reads the file in blocks of readSize.
func buffered(decode func(io.Reader) (image.Image, error)) func(f *file) (image.Image, error) {
	return func(f *file) (image.Image, error) { return decode(bufio.NewReaderSize(f, readSize)) }
}

// readSize is the number of bytes of one read from the store. It is large enough for
// few reads, and small enough to be copied cheaply.
const readSize = 32 << 10

// largePicture is the number of pixels above which a garbage collection is worth its
// time.
const largePicture = 8 << 20

// decode returns the picture in f, or the first of several pictures. If the decoder
// refuses the picture as damaged, the tolerant decoder decodes its intact part.
func decode(f *file, t format.Type) (image.Image, error) {
	m, err := try(f, decoders[t])
	if !errors.Is(err, ErrDamaged) || tolerantDecoders[t] == nil {
		return m, err
	}
	f.off = 0
	if f.w*f.h > largePicture {
		runtime.GC() // free the memory of the first decoder before the second needs as much
	}
	if m, err := try(f, tolerantDecoders[t]); err == nil || f.err != nil {
		return m, err
	}
	return nil, err
}

// try runs a decoder. It turns a panic and any error of the decoder into an error of
// this package.
func try(f *file, d func(f *file) (image.Image, error)) (m image.Image, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("%w: the decoder failed (%v)", ErrDamaged, r)
			if f.err != nil {
				err = f.err
			}
		}
	}()
	if d == nil {
		return nil, ErrUnsupported
	}
	m, err = d(f)
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
		j jpeg.UnsupportedError
		p png.UnsupportedError
		t tiff.UnsupportedError
	)
	return errors.Is(err, bmp.ErrUnsupported) || errors.As(err, &j) || errors.As(err, &p) || errors.As(err, &t)
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
	return &onScreen{m.(*image.Paletted), image.Rect(0, 0, f.w, f.h)}, nil // image/gif returns no other type
}

// onScreen is a picture on a larger screen. The screen is transparent around it.
type onScreen struct {
	*image.Paletted
	screen image.Rectangle
}

func (m *onScreen) Bounds() image.Rectangle { return m.screen }

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

// shortReads reads a file in small pieces. Before each piece it checks whether the
// context has ended. A scan of a progressive JPEG can have 20 bytes, and for each
// scan the decoder visits the whole picture. A buffer of readSize full of such scans
// takes many seconds.
type shortReads struct {
	f *file
	r *bufio.Reader // reads f
}

func newShortReads(f *file) shortReads { return shortReads{f, bufio.NewReaderSize(f, readSize)} }

func (s shortReads) Read(p []byte) (int, error) {
	if err := s.f.ended(); err != nil {
		return 0, err
	}
	return s.r.Read(p[:min(len(p), 512)])
}
