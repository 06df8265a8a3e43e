// Package resize makes smaller or converted pictures, called variants, from an
// image: bytes in, bytes out. It knows neither HTTP nor a store.
//
// A [Request] gives the wanted box, format and quality. For a picture of known size
// it becomes a [Plan] with the exact size of the variant. [Make] makes the variant,
// and [Cost] estimates the memory for that from the header.
//
// A variant is always upright: the orientation in the metadata is applied to the
// pixels. It keeps the transparency and the colour profile. If a PNG describes its
// colours with numbers, the variant gets a profile made from them. All other
// metadata is removed.
//
// Pixel values are averaged as they are stored, without conversion to linear light.
// Browsers and most servers do the same, so a variant looks much like the original
// that a browser scales. A JPEG can also be averaged before its colours are
// converted. The disadvantage: fine bright lines on black get a little darker than
// in linear light.
package resize

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"imageserver/api/imaging/format"
)

// steps are the widths and heights of variants, in pixels. A requested size is
// rounded up to the next step, so an image has a limited number of variants,
// whatever clients request. From 128 on, each step is about a quarter larger than
// the step before.
var steps = [...]int{16, 24, 32, 48, 64, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1024, 1280, 1600, 2048, 2560, 3200, MaxSide}

// MaxSide is the largest step.
const MaxSide = 4096

// Steps returns the widths and heights that can be requested, smallest first.
func Steps() []int { return slices.Clone(steps[:]) }

// Step returns the smallest step that is at least n. n must be at most MaxSide.
func Step(n int) int { return steps[sort.SearchInts(steps[:], n)] }

// qualities are the qualities of variants, on the scale of image/jpeg.
var qualities = [...]int{40, 60, 80, 90, 100}

// DefaultQuality gives a JPEG that is hard to distinguish from the original on a
// screen.
const DefaultQuality = 80

// Quality returns the smallest quality of the list that is at least q. q must be from
// 1 to 100.
func Quality(q int) int { return qualities[sort.SearchInts(qualities[:], q)] }

// Request describes a variant of any image. Requests can be compared with ==.
type Request struct {
	// Width and Height are the size of the box in pixels. 0 means that this side has
	// no limit.
	Width, Height int

	// Cover fills the whole box and crops the picture around Focus. Without Cover, or
	// if a side has no limit, the whole picture is fitted into the box.
	Cover bool
	Focus Focus

	// Format is JPEG, PNG or WebP. "" makes a PNG if a pixel is transparent, and
	// otherwise a JPEG. For a WebP the result is Planes.
	Format format.Type

	// Quality of a JPEG or WebP, 1 to 100.
	Quality int

	// Still makes a variant of the first frame of an animation. It must not be set for
	// any other image.
	Still bool
}

// Focus is a point of the upright picture, as its distance from the centre. The numbers
// are from -focusSteps to focusSteps, which are the edges. The zero value is the centre.
// Cover crops so that this point is as near to the centre of the variant as the edges
// of the picture allow.
type Focus struct{ X, Y int }

// focusSteps is the number of steps from the centre to an edge. So a request has at most
// 21 variants along a side: Plan makes all those equal that have the same pixels.
const focusSteps = 10

// FocusOn returns the Focus that is nearest to a point. The edges of the picture are 0
// and 1.
func FocusOn(x, y float64) Focus {
	step := func(v float64) int { return int(math.Round(v*2*focusSteps)) - focusSteps }
	return Focus{step(x), step(y)}
}

// Plan is a Request for a picture of known size.
type Plan struct {
	Width, Height int // of the upright variant, in pixels
	Cover         bool
	Format        format.Type
	Quality       int
	Focus         Focus // with Cover
	Still         bool
}

// Plan calculates the size of the variant of an upright picture of w × h pixels. The
// variant is never larger than the picture: a larger box is reduced and keeps its
// aspect ratio.
func (r Request) Plan(w, h int) Plan {
	p := Plan{Width: w, Height: h, Format: r.Format, Quality: r.Quality, Still: r.Still}
	if p.Format == format.PNG {
		p.Quality = 0 // PNG has no quality
	}
	across, down := math.Inf(1), math.Inf(1) // size of the box divided by that of the picture
	if r.Width > 0 {
		across = float64(r.Width) / float64(w)
	}
	if r.Height > 0 {
		down = float64(r.Height) / float64(h)
	}
	if r.Cover && r.Width > 0 && r.Height > 0 {
		p.Cover = true
		f := max(across, down, 1) // the box is divided by f
		p.Width, p.Height = pixelCount(float64(r.Width)/f), pixelCount(float64(r.Height)/f)
		p.Focus = r.Focus.nearest(w, h, p.Width, p.Height)
		return p
	}
	if f := min(across, down); f < 1 {
		p.Width, p.Height = pixelCount(float64(w)*f), pixelCount(float64(h)*f)
	}
	return p
}

// IsOriginal reports whether s is already the planned variant: Make would not scale
// it, turn it or convert it, and it is not one frame of several. A TIFF or a HEIC is always converted, because hardly any
// browser shows it.
func (p Plan) IsOriginal(s Source) bool {
	w, h := s.Upright()
	same := p.Format == s.Type || p.Format == "" && s.Type != format.TIFF && s.Type != format.HEIC
	return p.Width == w && p.Height == h && s.Orientation == 1 && same && !p.Still
}

// pixelCount rounds a length to 1 pixel or more.
func pixelCount(v float64) int { return max(1, int(math.Round(v))) }

// generation must be increased when the same Plan gives a different variant. Then
// stored variants of the old generation are no longer found. A new property of a Plan
// only adds to the names of the plans that have it.
const generation = 3

// String returns a short name of the plan. Different plans have different names.
func (p Plan) String() string {
	fit, kind := "contain", string(p.Format)
	if p.Cover {
		fit = "cover"
	}
	if kind == "" {
		kind = "auto"
	}
	name := fmt.Sprintf("%d %dx%d %s %s %d", generation, p.Width, p.Height, fit, kind, p.Quality)
	if p.Focus != (Focus{}) {
		name += fmt.Sprintf(" focus %d,%d", p.Focus.X, p.Focus.Y)
	}
	if p.Still {
		name += " still"
	}
	return name
}
