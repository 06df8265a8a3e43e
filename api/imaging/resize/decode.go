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

// Errors of this package wrap one of these, or come from the caller's reader
// or context.
var (
	// ErrUnsupported means that no decoder here reads this kind of image.
	ErrUnsupported = errors.New("this kind of image cannot be resized")

	// ErrTooLong means that a JPEG was asked for and that the copy, though small,
	// is longer than a JPEG can be.
	ErrTooLong = errors.New("a JPEG has at most 65535 pixels on a side")

	// ErrDamaged means that the picture behind the header is broken.
	ErrDamaged = errors.New("damaged picture")
)

// CanDecode reports whether images of the type can be resized. Some files of a
// type that can be are ErrUnsupported even so.
func CanDecode(t format.Type) bool { return decoders[t] != nil }

var decoders = map[format.Type]func(f *file) (image.Image, error){
	format.JPEG: decodeJPEG,
	format.PNG:  buffered(png.Decode),
	format.GIF:  decodeGIF,
	format.WebP: buffered(webp.Decode),
	format.BMP:  buffered(bmp.Decode),
	format.TIFF: decodeTIFF,
}

// tolerantDecoders are for pictures that the decoders refuse as broken. Browsers
// show most of them.
var tolerantDecoders = map[format.Type]func(f *file) (image.Image, error){
	format.JPEG: func(f *file) (image.Image, error) { return tolerant.JPEG(newSips(f)) },
	format.PNG:  func(f *file) (image.Image, error) { return png.Decode(tolerant.PNG(f)) },
	format.GIF: func(f *file) (image.Image, error) {
		m, err := tolerant.GIF(f)
		if err != nil {
			return nil, err
		}
		return &framed{m, image.Rect(0, 0, f.w, f.h)}, nil
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

// blank is what the missing pixels of a BMP are: white.
type blank struct{}

func (blank) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0xff
	}
	return len(p), nil
}

// decodeJPEG adds the end marker, which all panoramas of some phones lack.
func decodeJPEG(f *file) (image.Image, error) {
	return jpeg.Decode(io.MultiReader(newSips(f), strings.NewReader("\xff\xd9")))
}

func buffered(decode func(io.Reader) (image.Image, error)) func(f *file) (image.Image, error) {
	return func(f *file) (image.Image, error) { return decode(bufio.NewReaderSize(f, readSize)) }
}

// readSize makes reads of the store few and copies of what it reads cheap.
const readSize = 32 << 10

// largePicture is a picture worth a garbage collection, in pixels.
const largePicture = 8 << 20

// decode returns the picture in f, or the first one of several. If a decoder
// refuses it as broken, a tolerant one decodes what is there.
func decode(f *file, t format.Type) (image.Image, error) {
	m, err := try(f, decoders[t])
	if !errors.Is(err, ErrDamaged) || tolerantDecoders[t] == nil {
		return m, err
	}
	f.off = 0
	if f.w*f.h > largePicture {
		runtime.GC() // what the first decoder has left must be free before the second takes as much
	}
	if m, err := try(f, tolerantDecoders[t]); err == nil || f.err != nil {
		return m, err
	}
	return nil, err
}

func try(f *file, d func(f *file) (image.Image, error)) (m image.Image, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("%w: its decoder gave up (%v)", ErrDamaged, r)
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
	case f.err != nil: // decoders hide what the reader said
		return nil, f.err
	case unsupported(err):
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return m, nil
}

func unsupported(err error) bool {
	var (
		j jpeg.UnsupportedError
		p png.UnsupportedError
		t tiff.UnsupportedError
	)
	return errors.Is(err, bmp.ErrUnsupported) || errors.As(err, &j) || errors.As(err, &p) || errors.As(err, &t)
}

// decodeTIFF knows a BigTIFF, which x/image/tiff takes for a broken file.
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

// decodeGIF puts the first picture where it belongs on the screen. As browsers
// do, it widens a screen that is too small for it, which image/gif refuses.
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
	return &framed{m.(*image.Paletted), image.Rect(0, 0, f.w, f.h)}, nil // it makes no others
}

// framed is a picture on a larger screen, which is transparent around it.
type framed struct {
	*image.Paletted
	screen image.Rectangle
}

func (m *framed) Bounds() image.Rectangle { return m.screen }

// file is the image to decode. It remembers the first error of the store and
// fails once ctx ends: no decoder can be stopped otherwise, and some files
// take one as long as they like.
type file struct {
	ctx  context.Context
	r    io.ReaderAt
	size int64
	w, h int // pixels as stored, by its header
	off  int64
	err  error
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

// ended returns why nothing more is to be read, or nil.
func (f *file) ended() error {
	if f.err == nil {
		f.err = context.Cause(f.ctx)
	}
	return f.err
}

// sips lets a file out in small pieces and asks before each whether to go on. A
// progressive JPEG can have a scan in 20 bytes, each of which costs a walk over
// the whole picture: a buffer of readSize full of them takes seconds, or many.
type sips struct {
	f *file
	r *bufio.Reader // of f
}

func newSips(f *file) sips { return sips{f, bufio.NewReaderSize(f, readSize)} }

func (s sips) Read(p []byte) (int, error) {
	if err := s.f.ended(); err != nil {
		return 0, err
	}
	return s.r.Read(p[:min(len(p), 512)])
}
