// Package resize makes smaller copies of pictures: bytes in, bytes out. It
// knows neither HTTP nor a store.
//
// A copy is upright, whatever the orientation in the metadata of the original,
// keeps its transparency and its colour profile, or has one made of what a PNG
// says of its colours, and nothing else of the metadata. Values are averaged as they are stored, gamma and all: so do
// browsers and most servers, a copy differs little from what a browser makes of
// the original, and JPEG can be averaged before its colours are converted. The
// price is that fine bright lines on black get a little darker than they would
// in linear light.
package resize

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"imageserver/api/imaging/format"
)

// steps are the widths and heights of copies, in pixels. What is asked for goes
// up to the next step, so that an image has a limited number of copies, whoever
// asks. From 128 on each is about a quarter larger than the one before.
var steps = [...]int{16, 24, 32, 48, 64, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1024, 1280, 1600, 2048, 2560, 3200, MaxSide}

// MaxSide is the largest step.
const MaxSide = 4096

// Steps returns the widths and heights that copies can have, smallest first.
func Steps() []int { return slices.Clone(steps[:]) }

// Step returns the smallest step that is n or more; n must be at most MaxSide.
func Step(n int) int { return steps[sort.SearchInts(steps[:], n)] }

// qualities are those of JPEG as image/jpeg counts them.
var qualities = [...]int{40, 60, 80, 90, 100}

// DefaultQuality is hard to tell from the original on a screen.
const DefaultQuality = 80

// Quality returns the smallest of the few qualities that is q or more; q must be
// from 1 to 100.
func Quality(q int) int { return qualities[sort.SearchInts(qualities[:], q)] }

// Request is what is wanted of a copy. Two that are equal want the same.
type Request struct {
	// Width and Height, in pixels, are the box to fit; 0 leaves a side open.
	Width, Height int

	// Cover fills the box and cuts off what is too much, the same on both
	// sides. Otherwise, and where a side is open, the whole picture goes into it.
	Cover bool

	// Format is JPEG or PNG; "" makes a JPEG, or a PNG where something is
	// transparent.
	Format format.Type

	// Quality of a JPEG, 1 to 100.
	Quality int
}

// Plan is a Request for a picture of known size.
type Plan struct {
	Width, Height int // pixels of the copy, upright
	Cover         bool
	Format        format.Type
	Quality       int
}

// Plan settles the size of the copy of a picture of w × h pixels, upright. It is
// never larger than the picture: a box that is, is made smaller in its shape.
func (r Request) Plan(w, h int) Plan {
	p := Plan{w, h, false, r.Format, r.Quality}
	if p.Format == format.PNG {
		p.Quality = 0 // it has none
	}
	across, down := math.Inf(1), math.Inf(1) // how much the picture is larger than the box, inverted
	if r.Width > 0 {
		across = float64(r.Width) / float64(w)
	}
	if r.Height > 0 {
		down = float64(r.Height) / float64(h)
	}
	if r.Cover && r.Width > 0 && r.Height > 0 {
		p.Cover = true
		f := max(across, down, 1) // the box goes down by this
		p.Width, p.Height = pixelCount(float64(r.Width)/f), pixelCount(float64(r.Height)/f)
		return p
	}
	if f := min(across, down); f < 1 {
		p.Width, p.Height = pixelCount(float64(w)*f), pixelCount(float64(h)*f)
	}
	return p
}

// IsOriginal reports whether s is already what p plans: nothing to scale, to turn,
// or to write in another format. A TIFF always is to be written in another one:
// hardly a browser shows it.
func (p Plan) IsOriginal(s Source) bool {
	w, h := s.Upright()
	same := p.Format == s.Type || p.Format == "" && s.Type != format.TIFF
	return p.Width == w && p.Height == h && s.Orientation == 1 && same
}

// pixelCount rounds a length; no picture is without a pixel.
func pixelCount(v float64) int { return max(1, int(math.Round(v))) }

// generation goes up when copies of the same plan come out different, so that
// those made before are no longer found.
const generation = 2

// String names the plan in a few bytes: different plans have different names.
func (p Plan) String() string {
	fit, kind := "contain", string(p.Format)
	if p.Cover {
		fit = "cover"
	}
	if kind == "" {
		kind = "auto"
	}
	return fmt.Sprintf("%d %dx%d %s %s %d", generation, p.Width, p.Height, fit, kind, p.Quality)
}
