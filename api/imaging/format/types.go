package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/h2non/filetype/matchers"
)

// Type is a format of images. Its value is the name that [Parse] accepts.
type Type string

// The known types. PNG includes APNG, AVIF and HEIC include sequences, TIFF includes
// BigTIFF, and JXL is JPEG XL. TIFF does not include the raw photos of cameras,
// although they begin like a TIFF. ICO does not include mouse cursors, and SVG does
// not include gzipped SVG.
const (
	JPEG Type = "jpeg"
	PNG  Type = "png"
	GIF  Type = "gif"
	WebP Type = "webp"
	AVIF Type = "avif"
	HEIC Type = "heic"
	JXL  Type = "jxl"
	BMP  Type = "bmp"
	ICO  Type = "ico"
	TIFF Type = "tiff"
	SVG  Type = "svg"
)

// format is a row of the table: everything that differs between types.
type format struct {
	Type
	mime string   // media type, as registered with IANA
	exts []string // file extensions in lower case, without the dot; the server writes the first

	// known is the check of the first bytes by package filetype. It is nil if that
	// package does not know the type or not all of it: it knows one brand of HEIC of
	// eight, and TIFF but not BigTIFF.
	known matchers.Matcher

	// begins is the check of the first bytes by this package. An image passes both.
	begins func(head []byte) bool

	// measure reads the header up to the width, the height and the orientation. The
	// text of its errors continues a sentence that begins with "the PNG".
	measure func(file section) (view, error)

	// animated implements [Animated]. It is nil for types without animations.
	animated func(file section) bool

	// frame implements [ReadFrame]. It is nil for types for which Frame has no field.
	// The text of its errors continues a sentence that begins with "the PNG".
	frame func(file section) (Frame, error)

	// firstFrame implements [ReadFirstFrame]. It is nil for types whose decoders always
	// decode the first frame. The text of its errors continues a sentence that begins
	// with "the PNG".
	firstFrame func(file section) (FirstFrame, error)

	// profile implements [ICCProfile], which checks the result. It is nil for types
	// whose profiles are not read.
	profile func(file section, grey bool) []byte
}

// view is the size that browsers show, and the orientation in the metadata.
type view struct {
	extent
	orientation
}

// noExif makes a measure function for a type whose Exif is not read.
func noExif(measure func(file section) (extent, error)) func(file section) (view, error) {
	return func(file section) (view, error) {
		e, err := measure(file)
		return view{e, upright}, err
	}
}

// extent is a width and height in pixels.
type extent struct{ w, h int64 }

// turn swaps the width and height if turned is set: the image is shown turned by
// 90° to the left or to the right.
func (e extent) turn(turned bool) extent {
	if turned {
		return extent{e.h, e.w}
	}
	return e
}

// formats has a row for each type, in the order in which Sniff tries them. The
// order matters when two types claim the same bytes: an ftyp box of 256 bytes
// begins like an ICO, so AVIF and HEIC come before ICO.
var formats = [...]format{
	{
		Type: JPEG, mime: "image/jpeg", exts: []string{"jpg", "jpeg", "jfif"},
		known: matchers.Jpeg, begins: beginsJPEG, measure: measureJPEG,
		frame: frameJPEG, profile: jpegProfile,
	},
	{
		Type: PNG, mime: "image/png", exts: []string{"png", "apng"},
		known: matchers.Png, begins: beginsPNG, measure: measurePNG,
		animated: animatedPNG, firstFrame: firstPNG, frame: framePNG, profile: pngProfile,
	},
	{
		Type: GIF, mime: "image/gif", exts: []string{"gif"},
		known: matchers.Gif, begins: beginsGIF, measure: noExif(measureGIF),
		animated: animatedGIF,
	},
	{
		Type: WebP, mime: "image/webp", exts: []string{"webp"},
		known: matchers.Webp, begins: beginsWebP, measure: measureWebP,
		animated: animatedWebP, firstFrame: firstWebP, frame: frameWebP, profile: webpProfile,
	},
	{
		Type: AVIF, mime: "image/avif", exts: []string{"avif"},
		begins: beginsAVIF, measure: noExif(measureHEIF),
		animated: animatedHEIF, profile: heifProfile,
	},
	{
		Type: HEIC, mime: "image/heic", exts: []string{"heic", "heif", "hif"},
		begins: beginsHEIC, measure: noExif(measureHEIF),
		animated: animatedHEIF, profile: heifProfile,
	},
	{
		Type: JXL, mime: "image/jxl", exts: []string{"jxl"},
		begins: beginsJXL, measure: measureJXL,
		animated: animatedJXL,
	},
	{
		Type: BMP, mime: "image/bmp", exts: []string{"bmp", "dib"},
		known: matchers.Bmp, begins: beginsBMP, measure: noExif(measureBMP),
		profile: bmpProfile,
	},
	{
		Type: ICO, mime: "image/vnd.microsoft.icon", exts: []string{"ico"},
		known: matchers.Ico, begins: beginsICO, measure: noExif(measureICO),
	},
	{
		Type: TIFF, mime: "image/tiff", exts: []string{"tif", "tiff"},
		begins: beginsTIFF, measure: measureTIFF,
		frame: frameTIFF, profile: tiffProfile,
	},
	{
		Type: SVG, mime: "image/svg+xml", exts: []string{"svg"},
		begins: beginsSVG, measure: noExif(measureSVG),
	},
}

// Types returns all types. The most common ones come first.
func Types() []Type {
	types := make([]Type, len(formats))
	for i, f := range formats {
		types[i] = f.Type
	}
	return types
}

// Parse returns the type that has the given name or extension (see
// [Type.Extensions]). Upper and lower case are the same: "jpeg" and "JPG" are both
// [JPEG].
func Parse(name string) (Type, error) {
	names := make([]string, len(formats))
	lower := strings.ToLower(name)
	for i, f := range formats {
		if lower == string(f.Type) || slices.Contains(f.exts, lower) {
			return f.Type, nil
		}
		names[i] = string(f.Type)
	}
	return "", fmt.Errorf("unknown image type %q: use one of %s", name, strings.Join(names, ", "))
}

// UnmarshalText calls [Parse] for a command-line flag. It ignores spaces around the
// name.
func (t *Type) UnmarshalText(text []byte) (err error) {
	*t, err = Parse(strings.TrimSpace(string(text)))
	return err
}

// MIME returns the media type with which to serve images of this type.
func (t Type) MIME() string { return t.format().mime }

// ByMIME returns the type whose MIME is mime, or "" if there is none.
func ByMIME(mime string) Type {
	for _, f := range formats {
		if f.mime == mime {
			return f.Type
		}
	}
	return ""
}

// Ext returns the file extension to write for this type, with its dot, such as
// ".jpg". It is empty for a Type that is not one of the constants.
func (t Type) Ext() string {
	exts := t.format().exts
	if len(exts) == 0 {
		return ""
	}
	return "." + exts[0]
}

// Extensions returns all file extensions of this type in lower case, without the
// dot. The first is that of Ext.
func (t Type) Extensions() []string { return slices.Clone(t.format().exts) }

// format returns the row of the type, or the zero format for a Type that is not one
// of the constants.
func (t Type) format() (f format) {
	for _, f := range formats {
		if f.Type == t {
			return f
		}
	}
	return f
}
