// Package format decides what counts as an image. From the bytes of a file it
// finds the type of the image, the size that a browser shows, the orientation,
// whether it is animated and how its pixels are encoded, or why the file is not
// an image. It knows neither HTTP nor a store, and it decodes no pixels.
//
// The first bytes alone decide the type, in one fixed order, so a file that fits
// two types always gets the same one. The package github.com/h2non/filetype
// checks first. Then a stricter function of this package checks again: filetype accepts
// any file with "WEBP" at byte 8 or "BM" at byte 0, and does not know AVIF, JPEG
// XL or SVG. Then the header of that type is read up to the width and height,
// and every value before them is checked. The pixels after the header
// are not checked: a file can be accepted here and still fail to decode.
//
// # Adding a format
//
//  1. Add a constant and a row of the table formats, and a file with the functions
//     of that row. The fields of the type format say what each function does.
//  2. Add a sample to testdata, its origin to testdata/README.md, and a line to
//     samples in format_test.go.
//  3. Add a line to TestTypes, a fuzz target, a row to endless in hostile_test.go,
//     and a folder of the corpus to corpus_test.go.
//  4. If there is a decoder in Go, add it to the decoders of package resize and its
//     memory to Cost. If there is one in WebAssembly, add it to package codec. Otherwise add the type to the types that package's test
//     expects to be refused.
//  5. If its metadata can be removed, add it to strip.Reader; otherwise add it to
//     the test of package strip in the same way.
//  6. Name the type in api/README.md, under "Types", and in the list of types that the
//     server does not resize.
//
// A test called TestEveryFormat in each of the three packages fails until steps
// 1 to 5 are done.
package format

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/h2non/filetype/matchers"
)

// Each error of this package wraps one of these, or comes from the caller's
// reader. The texts are short and written for the person uploading.
var (
	// ErrUnknown means that the bytes do not begin like an image of any of the [Types].
	ErrUnknown = errors.New("this does not look like an image")

	// ErrMalformed means that the bytes begin like an image, but its header is cut
	// off or contains impossible values.
	ErrMalformed = errors.New("this image is damaged")
)

// lookalikes are types of files that people mistake for images. The error of Sniff
// names them.
var lookalikes = [...]struct {
	known matchers.Matcher
	name  string
}{
	{matchers.CR2, "a raw photo of a camera"},
	{matchers.Psd, "a Photoshop file"},
	{matchers.Jpeg2000, "a JPEG 2000"},
	{matchers.Jxr, "a JPEG XR"},
	{matchers.Dwg, "an AutoCAD drawing"},
	{matchers.Archive[matchers.TypePdf], "a PDF"},
	{matchers.Mp4, "a video"},
	{matchers.Zip, "a ZIP archive"},
	{matchers.Archive[matchers.TypeGz], "compressed with gzip"},
}

// SniffLen is the number of bytes that [Sniff] reads. Only an SVG needs that many,
// because of the comments and the DOCTYPE before its first tag. Those are rarely
// longer than 2 kB.
const SniffLen = 4096

// Sniff decides the type of a file from its first SniffLen bytes, or from all
// bytes of a shorter file. So an upload can be refused before its body is read.
// If no type fits, it returns an [ErrUnknown]. If all of these bytes are a
// comment, it returns SVG, and [Detect] decides.
func Sniff(head []byte) (Type, error) {
	head = head[:min(len(head), SniffLen)]
	for _, f := range formats {
		if (f.known == nil || f.known(head)) && f.begins(head) {
			return f.Type, nil
		}
	}
	for _, s := range lookalikes {
		if s.known(head) {
			return "", fmt.Errorf("%w: it is %s", ErrUnknown, s.name)
		}
	}
	return "", fmt.Errorf("%w: it may be damaged", ErrUnknown)
}

// Info is the result of Detect.
type Info struct {
	Type Type

	// Width and Height are the size in pixels that a browser shows (naturalWidth).
	// If browsers apply the orientation of this type, the size is that of the turned
	// image. Both are 0 for an SVG without a size, and at least 1 otherwise.
	Width, Height int

	// Orientation says how to turn and mirror the pixels to show them upright, with
	// the numbers 1 to 8 of Exif (TIFF 6.0, section 8). It is 1 if the image has no
	// orientation or an invalid one. It is read in JPEG, PNG, WebP and TIFF. For all
	// other types it is 1: AVIF, HEIC and JPEG XL are turned by other means.
	//
	// Width and Height already include the turn, except for a WebP: browsers ignore
	// the orientation of a WebP. Package resize applies it.
	Orientation int
}

// Detect reads the header of the image in r, which has `size` bytes. It returns the same type
// as [Sniff]. It returns an [ErrUnknown] if the file is not an image of the [Types],
// and an [ErrMalformed] if the header cannot be right. Two kinds of files pass
// Sniff and are unknown here: a raw photo that begins like a TIFF, and a long
// comment without an SVG after it.
//
// Detect reads in blocks, rarely more than one or two. It refuses a header that
// needs hundreds of blocks. So a call takes at most a few milliseconds and two
// megabytes of memory, whatever the file. The exception is a DOCTYPE of 1 MiB
// before an SVG: 60 milliseconds and seven megabytes. An error of r is returned
// wrapped.
func Detect(r io.ReaderAt, size int64) (Info, error) {
	file := wholeFile(r, size)
	defer file.close()
	info, err := detect(file)
	if err := file.w.err; err != nil {
		return Info{}, fmt.Errorf("read image: %w", err)
	}
	return info, err
}

func detect(file section) (Info, error) {
	head, err := file.bytes(0, int(min(file.size, SniffLen)))
	if err != nil {
		return Info{}, err
	}
	t, err := Sniff(head)
	if err != nil {
		return Info{}, err
	}
	v, err := t.format().measure(file)
	if err == nil {
		err = plausible(t, v.extent)
	}
	switch {
	case errors.Is(err, ErrUnknown):
		return Info{}, err
	case err != nil:
		return Info{}, malformed(t, err)
	}
	return Info{Type: t, Width: int(v.w), Height: int(v.h), Orientation: int(v.orientation)}, nil
}

// CanBeAnimated reports whether there are animations of type t.
func CanBeAnimated(t Type) bool { return t.format().animated != nil }

// Animated reports whether an image of type t, which [Detect] has returned for
// it, is an animation: a GIF or WebP with a second frame, an APNG that counts two
// frames or more, an AVIF or HEIC whose major brand is that of a sequence, or a
// JPEG XL with the animation flag.
//
// An image that is damaged before its second frame is not animated, and neither
// is an image whose second frame comes after a header that is too long to read. A GIF with one
// frame is read to its end, once, in blocks of 128 KiB. Any other type costs no
// more than in Detect. The only errors are those of r, wrapped.
func Animated(r io.ReaderAt, size int64, t Type) (bool, error) {
	animated := t.format().animated
	if animated == nil {
		return false, nil
	}
	file := wholeFile(r, size)
	defer file.close()
	yes := animated(file)
	if err := file.w.err; err != nil {
		return false, fmt.Errorf("read image: %w", err)
	}
	return yes, nil
}

// maxSide is the largest width and height of any type. Each fits into an int on
// every platform, and their product into an int64. Some formats have a lower
// limit: their fields have too few bits for larger numbers.
const maxSide = math.MaxInt32

// plausible checks the size that a measure function returned.
func plausible(t Type, e extent) error {
	if t == SVG && e == (extent{}) {
		return nil
	}
	if e.w < 1 || e.h < 1 || e.w > maxSide || e.h > maxSide {
		return fmt.Errorf("has an impossible size of %d × %d pixels", e.w, e.h)
	}
	return nil
}
