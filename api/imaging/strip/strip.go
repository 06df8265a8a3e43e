// Package strip takes out of an image what tells of the person who made it: where
// and when, with which camera, in whose words. The picture itself is not decoded
// and not encoded again: what stays is copied byte for byte, so it loses nothing.
//
// What stays is listed, and everything else goes, known or not:
//
//   - the picture, all frames of an animation, and what is needed to decode them;
//   - what says how the values are shown: colour profiles and colour spaces,
//     transparency, resolution;
//   - the orientation, where it is not upright, alone in a new Exif in the place of
//     the old, heeded there or not.
//
// So Exif goes with its thumbnail, GPS and maker notes; XMP, IPTC, comments and
// texts; and all that follows the end of the image, which may be a video, other
// pictures, or the part of a screenshot that was cropped away (CVE-2023-21036). A
// gain map goes too, since it is a second picture behind the first, described in
// XMP: an Ultra HDR photo becomes the one for ordinary screens that it holds.
//
// What a picture shows stays, of course, and so does what is hidden in what
// stays: in the pixels, behind the end of compressed data, in a colour profile.
// Those of screens measured one by one can name the device.
package strip

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"imageserver/api/imaging/format"
)

// Errors fit to show to the person uploading.
var (
	// ErrUnsupported means that the image is of a type that Reader does not know.
	ErrUnsupported = errors.New("this type of image cannot be stripped of its metadata")

	// ErrTooLarge means that a WebP does not fit into the memory given.
	ErrTooLarge = errors.New("this WebP is too large to be stripped of its metadata")
)

// Reader returns the image of type t in r without its metadata. It knows JPEG, PNG
// and WebP, and returns [ErrUnsupported] for others.
//
// The image is stripped while it is read. A JPEG or PNG takes less than 400 kB
// of memory, however large. A WebP begins with its size, which is known only at its
// end: what stays of it is held until then, and it is refused with [ErrTooLarge]
// where that is more than memory bytes.
//
// Some images lack their end. A PNG that is cut off inside its picture comes out as
// far as it goes: browsers show it. A baseline JPEG whose picture is whole gets the
// end marker. Any other image that is cut off, or so broken that nobody can say what
// in it is metadata, gives a [format.ErrMalformed], behind what could be read: if a
// JPEG lacks a part of its picture and the marker, other data behind it looks like
// the part that is missing.
//
// The header and the picture are not looked into: what [format.Detect] has to say,
// it says of the stripped image as of the one in r. An error of r is returned
// wrapped. Before io.EOF comes, r has been read to its own.
//
// An image that has nothing to strip, and has its end marker, comes out as it is.
// Stripping an image again changes nothing.
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

// reader is a stripped image.
type reader struct {
	kind format.Type
	in   *source

	// next appends what comes next of the stripped image, some blocks at most and
	// often nothing. Behind the last of it comes io.EOF. Its errors go on where
	// "the PNG" begins the sentence.
	next func(out []byte) ([]byte, error)

	buf  []byte // what next returned
	rest []byte // of buf, still to be read
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

// steps is the part of a format that its type has in common with the others: what
// comes next depends on what has come.
type steps struct {
	step func(out []byte) ([]byte, error)
}

func (s *steps) next(out []byte) ([]byte, error) { return s.step(out) }

// explain returns what Read says to an error of next.
func (r *reader) explain(err error) error {
	switch {
	case err == nil, err == io.EOF, err == ErrTooLarge:
		return err
	case r.in.err != nil:
		return fmt.Errorf("read image: %w", r.in.err)
	}
	return fmt.Errorf("%w: the %s %w", format.ErrMalformed, strings.ToUpper(string(r.kind)), err)
}
