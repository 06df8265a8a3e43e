// Package format decides what counts as an image. From the bytes of a file it
// finds the type of the image, the size that a browser shows, the orientation,
// whether it is animated and how its pixels are encoded, or why the file is not
// an image. It knows neither HTTP nor a store, and it decodes no pixels.
//
// The first bytes alone decide the type, in one fixed order, so a file that fits
// two types always gets the same one. The package github.com/h2non/filetype
// checks first, and a stricter function of this package second: filetype accepts
// any file with "WEBP" at byte 8 or "BM" at byte 0, and does not know AVIF, JPEG
// XL or SVG. Then the header of that type is read up to the width and height,
// and everything it promises on the way is checked. The pixels behind the header
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
//     memory to Cost; otherwise add the type to the types that package's test
//     expects to be refused.
//  5. If its metadata can be removed, add it to strip.Reader; otherwise add it to
//     the test of package strip in the same way.
//  6. Name the type in api/README.md, under "Types" and where it lists the types that
//     the browser scales.
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

// Errors of this package wrap one of these, or come from the caller's reader.
// Their texts are short and fit to show to the person uploading.
var (
	// ErrUnknown means the bytes do not begin like any of the [Types].
	ErrUnknown = errors.New("not a known kind of image")

	// ErrMalformed means they begin like one, but its header is cut off or
	// says what cannot be.
	ErrMalformed = errors.New("damaged image")
)

// strangers are files people take for images, named in the refusal.
var strangers = [...]struct {
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

// SniffLen is how many bytes [Sniff] looks at. Only an SVG needs as many, for
// the comments and the DOCTYPE before its first tag, which are rarely longer than 2 kB.
const SniffLen = 4096

// Sniff decides the type of a file from its first SniffLen bytes, or all of a
// shorter one, so that an upload can be refused before its body is read. Where
// it knows none it returns an [ErrUnknown]. Where these bytes are all comment it
// says SVG, and [Detect] decides.
func Sniff(head []byte) (Type, error) {
	head = head[:min(len(head), SniffLen)]
	for _, f := range formats {
		if (f.known == nil || f.known(head)) && f.begins(head) {
			return f.Type, nil
		}
	}
	for _, s := range strangers {
		if s.known(head) {
			return "", fmt.Errorf("%w: it is %s", ErrUnknown, s.name)
		}
	}
	return "", ErrUnknown
}

// Info is what Detect finds out.
type Info struct {
	Type Type

	// Width and Height are in pixels, as a browser shows the image (naturalWidth):
	// turned as its metadata asks, where browsers heed that. Both are 0 for an
	// SVG that does not say how large it is, and at least 1 otherwise.
	Width, Height int

	// Orientation is how the pixels must be turned and mirrored to be seen
	// upright, as EXIF counts it (TIFF 6.0, section 8): 1 to 8, and 1 where
	// nothing is said or what is said makes no sense. It is read in JPEG, PNG,
	// WebP and TIFF, and is 1 in all others; AVIF, HEIC and JPEG XL turn by other means.
	//
	// Width and Height are turned by it already, except those of a WebP, in
	// which browsers do not heed what the metadata ask. Copies do.
	Orientation int
}

// Detect looks at the header of the image of size bytes in r. It returns the
// type that [Sniff] gives for the beginning, or an [ErrUnknown]; and an
// [ErrMalformed] where the header cannot be right. A raw photo that begins
// like a TIFF shows itself only here, as unknown, and so does a long comment that
// is not followed by an SVG.
//
// It reads in blocks, rarely more than one or two, and gives up on a header
// that takes hundreds: whatever the file, a call costs a few milliseconds and
// two megabytes of memory at most, or 60 milliseconds and seven megabytes for a
// DOCTYPE of 1 MiB before an SVG. An error of r is returned wrapped.
func Detect(r io.ReaderAt, size int64) (Info, error) {
	file := wholeFile(r, size)
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

// Animated reports whether an image of type t, which [Detect] has found, shows
// more than one picture in time: a GIF or WebP with a second frame, an APNG
// that counts two, an AVIF or HEIC that calls itself a sequence before all, a JPEG
// XL that calls itself an animation.
//
// An image that is damaged before its second picture is a still, and so is one
// that hides it behind a header without end. To be sure of a still GIF takes all
// of the file, read once in blocks of 128 KiB; any other type costs no more than
// in Detect. The only errors are those of r, wrapped.
func Animated(r io.ReaderAt, size int64, t Type) (bool, error) {
	animated := t.format().animated
	if animated == nil {
		return false, nil
	}
	file := wholeFile(r, size)
	yes := animated(file)
	if err := file.w.err; err != nil {
		return false, fmt.Errorf("read image: %w", err)
	}
	return yes, nil
}

// maxSide bounds both sides whatever the type, so that they fit an int anywhere
// and their product an int64. Formats with a lower bound have too few bits to
// break it.
const maxSide = math.MaxInt32

func plausible(t Type, e extent) error {
	if t == SVG && e == (extent{}) {
		return nil
	}
	if e.w < 1 || e.h < 1 || e.w > maxSide || e.h > maxSide {
		return fmt.Errorf("says it is %d × %d pixels", e.w, e.h)
	}
	return nil
}
