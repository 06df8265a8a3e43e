package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/h2non/filetype/matchers"
)

// Type is a kind of image, by the name [Parse] knows it under.
type Type string

// The known types. APNG is PNG, JXL is JPEG XL, an AVIF or HEIC may be a sequence, and TIFF
// includes BigTIFF. A raw photo of a camera is not a TIFF although it begins like
// one, a mouse cursor is not an ICO, and a gzipped SVG is not an SVG.
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

// format is what the package knows of one type.
type format struct {
	Type
	mime string   // as registered with IANA
	exts []string // of file names, in lower case without the dot; the first is the one to use

	// known is filetype's look at the first bytes. It is nil where filetype
	// knows nothing of the type, or too little: one brand of HEIC in eight, and
	// TIFF without BigTIFF.
	known matchers.Matcher

	// begins is our own look.
	begins func(head []byte) bool

	// measure follows the header to the width and height, and to what says how
	// the picture lies. Its errors go on where "the PNG" begins the sentence.
	measure func(file section) (view, error)

	// animated answers for [Animated]. It is nil for types that only have stills.
	animated func(file section) bool

	// frame answers for [ReadFrame]. It is nil for types of which Frame has no
	// field. Its errors go on where "the PNG" begins the sentence.
	frame func(file section) (Frame, error)

	// profile answers for [ICCProfile], which checks what it returns. It is nil for
	// types whose profiles are not read.
	profile func(file section, grey bool) []byte
}

// view is how an image is shown, and the orientation that its metadata asks for.
type view struct {
	extent
	orientation
}

// noExif is for types in which no Exif is looked for.
func noExif(measure func(file section) (extent, error)) func(file section) (view, error) {
	return func(file section) (view, error) {
		e, err := measure(file)
		return view{e, upright}, err
	}
}

// extent is a width and height in pixels.
type extent struct{ w, h int64 }

// turn swaps the sides if the image is shown turned by 90° either way.
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
		animated: animatedPNG, frame: framePNG, profile: pngProfile,
	},
	{
		Type: GIF, mime: "image/gif", exts: []string{"gif"},
		known: matchers.Gif, begins: beginsGIF, measure: noExif(measureGIF),
		animated: animatedGIF,
	},
	{
		Type: WebP, mime: "image/webp", exts: []string{"webp"},
		known: matchers.Webp, begins: beginsWebP, measure: measureWebP,
		animated: animatedWebP, frame: frameWebP, profile: webpProfile,
	},
	{
		Type: AVIF, mime: "image/avif", exts: []string{"avif"},
		begins: beginsAVIF, measure: noExif(measureHEIF),
		animated: animatedHEIF,
	},
	{
		Type: HEIC, mime: "image/heic", exts: []string{"heic", "heif", "hif"},
		begins: beginsHEIC, measure: noExif(measureHEIF),
		animated: animatedHEIF,
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

// Types returns all types, the commonest first.
func Types() []Type {
	types := make([]Type, len(formats))
	for i, f := range formats {
		types[i] = f.Type
	}
	return types
}

// Parse returns the type with the given name or one of its [Type.Extensions],
// in any case: "jpeg" and "jpg" are both [JPEG].
func Parse(name string) (Type, error) {
	names := make([]string, len(formats))
	lower := strings.ToLower(name)
	for i, f := range formats {
		if lower == string(f.Type) || slices.Contains(f.exts, lower) {
			return f.Type, nil
		}
		names[i] = string(f.Type)
	}
	return "", fmt.Errorf("unknown image type %q: the known ones are %s", name, strings.Join(names, ", "))
}

// UnmarshalText is [Parse] for flags. It ignores spaces around the name.
func (t *Type) UnmarshalText(text []byte) (err error) {
	*t, err = Parse(strings.TrimSpace(string(text)))
	return err
}

// MIME returns the media type to serve images of this type with.
func (t Type) MIME() string { return t.format().mime }

// ByMIME returns the type that MIME gives this media type for, or "".
func ByMIME(mime string) Type {
	for _, f := range formats {
		if f.mime == mime {
			return f.Type
		}
	}
	return ""
}

// Ext returns the file extension to use for this type with its dot, such as
// ".jpg"; it is empty for a Type that is none of the constants.
func (t Type) Ext() string {
	exts := t.format().exts
	if len(exts) == 0 {
		return ""
	}
	return "." + exts[0]
}

// Extensions returns all that files of this type are found under, without the
// dot and in lower case, the one of Ext first.
func (t Type) Extensions() []string { return slices.Clone(t.format().exts) }

// format returns the zero format for a Type that is none of the constants.
func (t Type) format() (f format) {
	for _, f := range formats {
		if f.Type == t {
			return f
		}
	}
	return f
}
