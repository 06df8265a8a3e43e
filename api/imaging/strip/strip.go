// Package strip removes personal metadata from an image: the place, the time, the
// camera, the owner, and texts. It does not decode and encode the picture again: it
// copies the bytes of the picture, so no quality is lost.
//
// A list says which parts of an image are kept. All other parts are removed, known or
// not. These parts are kept:
//
//   - the picture, all frames of an animation, and the data that decoders need;
//   - the data that says how to show the values: colour profiles and colour spaces,
//     transparency, resolution;
//   - the orientation, unless it is upright. It is written to a new Exif that has no
//     other field. The new Exif is at the position of the old one, even if browsers
//     ignore Exif at that position.
//
// So Exif is removed with its thumbnail, GPS and maker notes, and also XMP, IPTC,
// comments and texts. All data after the end of the image is removed, too: it can be
// a video, other pictures, or the part of a screenshot that the user cropped away
// (CVE-2023-21036). A gain map is removed, because it is a second picture after the
// first, described in XMP. Of an Ultra HDR photo, only the photo for ordinary
// screens is left.
//
// The package cannot remove personal things that the picture shows. It also cannot
// remove data that is hidden in a part that is kept: in the pixels, after the end of
// compressed data, or in a colour profile. For example, the profile of a screen can
// contain the name of the device.
package strip

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"imageserver/api/imaging/format"
)

// The texts of these errors are written for the person uploading.
var (
	// ErrUnsupported means that the image is of a type that Reader does not know.
	ErrUnsupported = errors.New("this type of image cannot be stripped of its metadata")

	// ErrTooLarge means that a WebP needs more than the given memory.
	ErrTooLarge = errors.New("this WebP is too large to be stripped of its metadata")
)

// Reader returns the image of type t in r without its metadata. It supports JPEG, PNG
// and WebP, and returns [ErrUnsupported] for other types.
//
// The image is stripped while it is read. A JPEG or PNG of any size needs less than
// 400 kB of memory. A WebP begins with its size, and the size of the stripped WebP is
// known only at its end. So the stripped WebP is buffered. If it needs more bytes
// than `memory`, Read returns [ErrTooLarge].
//
// Some images lack their end. A PNG that is cut off inside its picture is stripped up
// to that point, because browsers show it. A baseline JPEG with a complete picture gets
// an end marker. Read returns a [format.ErrMalformed] for any other image that is cut
// off, and for an image so damaged that metadata cannot be distinguished from the picture. The
// error comes after the part that could be read. For example, Read returns it for a JPEG
// that lacks the end of its picture and the end marker: other data after it could be
// mistaken for the missing part.
//
// Reader does not check the header and the picture. [format.Detect] gives the same
// result for the stripped image and for the image in r. An error of r is returned
// wrapped. Read returns io.EOF only after it has read r up to io.EOF.
//
// An image without metadata and with an end marker does not change. Stripping an
// image twice gives the same result as stripping it once.
func Reader(r io.Reader, t format.Type, memory int64) (io.Reader, error) {
	in := newSource(r)
	out := &reader{kind: t, in: in}
	switch t {
	case format.JPEG:
		out.next = newJPEG(in).next
	case format.PNG:
		out.next = newPNG(in).next
	case format.WebP:
		out.next = newWebP(in, memory).next
	default:
		return nil, ErrUnsupported
	}
	return out, nil
}

// Supports reports whether Reader strips images of a type.
func Supports(t format.Type) bool {
	_, err := Reader(strings.NewReader(""), t, 0)
	return !errors.Is(err, ErrUnsupported)
}

// reader is a stripped image.
type reader struct {
	kind format.Type
	in   *source

	// next appends the next bytes of the stripped image: a few blocks at most. A call
	// may append nothing. After the last bytes it returns io.EOF. The text of its errors
	// continues a sentence that begins with "the PNG".
	next func(out []byte) ([]byte, error)

	buf  []byte // the last result of next
	rest []byte // the part of buf that was not read yet
	err  error
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && len(p) > 0 {
		if r.err != nil {
			return 0, r.err
		}
		var err error
		r.buf, err = r.next(r.buf[:0])
		r.rest, r.err = r.buf, r.explain(err)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// steps implements next for all formats. step is the function for the current
// position in the image, and each function sets `step` to the next function.
type steps struct {
	step func(out []byte) ([]byte, error)
}

func (s *steps) next(out []byte) ([]byte, error) { return s.step(out) }

// explain returns the error of Read for an error of next.
func (r *reader) explain(err error) error {
	switch {
	case err == nil, err == io.EOF, err == ErrTooLarge:
		return err
	case r.in.err != nil:
		return fmt.Errorf("read image: %w", r.in.err)
	}
	return fmt.Errorf("%w: the %s %w", format.ErrMalformed, strings.ToUpper(string(r.kind)), err)
}
