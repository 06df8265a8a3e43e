package resize

import (
	"fmt"
	"image"
)

// Decoded is a picture that another decoder has decoded, for a type that Make cannot decode.
type Decoded struct {
	// Image is upright, or has the orientation of the Source with which it is drawn.
	image.Image

	// Alpha is the transparency of an *image.YCbCr or *image.Gray, or nil. It can have
	// another size than Image.
	Alpha *image.Gray

	// Premultiplied is set if the colours of the image are multiplied with Alpha.
	Premultiplied bool

	// Matrix and Limited describe the samples of an *image.YCbCr or *image.Gray, see
	// format.HEIF.
	Matrix  int
	Limited bool
}

// Draw makes the variant p of s from the picture d of s. It is safe for concurrent use. The
// errors are those of Make.
func Draw(s Source, d Decoded, p Plan) (Result, error) {
	w, h := s.stored()
	if b := d.Bounds(); b.Dx() != w || b.Dy() != h {
		return Result{}, fmt.Errorf("%w: it has %d × %d pixels, but its header says %d × %d", ErrDamaged, b.Dx(), b.Dy(), w, h)
	}
	t := s.target(p)
	c, ok := newColours(d)
	if !ok {
		return Result{}, fmt.Errorf("%w: matrix %d of H.273", ErrUnsupported, d.Matrix)
	}
	var m image.Image
	var err error
	if d.Alpha == nil {
		if m, err = (decoded{d.Image, c.levels}).draw(t); err == nil {
			m = c.convert(m)
		}
	} else {
		m = t.pixels(c.withAlpha(d), t.area(w, h))
	}
	if err != nil {
		return Result{}, err
	}
	return finish(s, m, p)
}

// colours converts samples to RGB.
type colours struct {
	levels [3]levels
	kr, kb float32 // how much red and blue contribute to luma
}

// jfif is the matrix of JPEG (ITU-T T.871, section 7).
var jfif = [2]float32{.299, .114}

// matrices has the contributions of red and blue to luma (ITU-T H.273, table 4). 2 means that
// the file does not give a matrix: 23000-22, 7.3.6.4, then assumes the matrix of JPEG.
var matrices = map[int][2]float32{
	1: {.2126, .0722}, 2: jfif, 4: {.30, .11}, 5: jfif, 6: jfif, 7: {.212, .087}, 9: {.2627, .0593},
}

// newColours returns the conversion of a picture. It reports false if it does not know the
// matrix.
func newColours(d Decoded) (c colours, known bool) {
	c = colours{levels: fullRange, kr: jfif[0], kb: jfif[1]}
	_, video := d.Image.(*image.YCbCr)
	_, grey := d.Image.(*image.Gray)
	if !video && !grey {
		return c, true
	}
	if d.Limited {
		c.levels = videoRange
	}
	if grey {
		return c, true
	}
	k, known := matrices[d.Matrix]
	c.kr, c.kb = k[0], k[1]
	return c, known
}

// toRGB converts a colour. It limits the results to 0 to 255.
func (c colours) toRGB(y, cb, cr float32) (r, g, b float32) {
	cb, cr = 2*(1-c.kb)*(cb-128), 2*(1-c.kr)*(cr-128)
	return limit(y + cr), limit(y - (c.kr*cr+c.kb*cb)/(1-c.kr-c.kb)), limit(y + cb)
}

// convert converts a variant whose matrix is not that of JPEG.
func (c colours) convert(m image.Image) image.Image {
	video, ok := m.(*image.YCbCr)
	if !ok || c.kr == jfif[0] && c.kb == jfif[1] {
		return m
	}
	out := image.NewNRGBA(m.Bounds()) // the variant has the ratio 4:4:4
	for i := range video.Y {
		r, g, b := c.toRGB(float32(video.Y[i]), float32(video.Cb[i]), float32(video.Cr[i]))
		o := out.Pix[4*i:][:4]
		o[0], o[1], o[2], o[3] = byte(r+0.5), byte(g+0.5), byte(b+0.5), 255
	}
	return out
}

// withAlpha makes a raster of a picture with its transparency.
func (c colours) withAlpha(d Decoded) *pixels {
	b, a := d.Bounds(), d.Alpha.Bounds()
	w, h := b.Dx(), b.Dy()
	at := make([]int, w) // the index of the sample of alpha for each pixel of a row
	for x := range at {
		at[x] = x * a.Dx() / w
	}
	colour := c.reader(d.Image)
	return &pixels{w: w, h: h, c: 4, read: func(y int, dst []float32) {
		alpha := d.Alpha.Pix[d.Alpha.PixOffset(a.Min.X, a.Min.Y+y*a.Dy()/h):]
		for x := range w {
			v := float32(alpha[at[x]])
			r, g, b := colour(b.Min.X+x, b.Min.Y+y)
			f := v / 255
			if d.Premultiplied {
				f = 1
				r, g, b = min(r, v), min(g, v), min(b, v)
			}
			dst[4*x], dst[4*x+1], dst[4*x+2], dst[4*x+3] = r*f, g*f, b*f, v
		}
	}}
}

// reader returns a function that returns the colour of a pixel.
func (c colours) reader(m image.Image) func(x, y int) (r, g, b float32) {
	if grey, ok := m.(*image.Gray); ok {
		return func(x, y int) (r, g, b float32) {
			v := limit(c.levels[0].apply(float32(grey.Pix[grey.PixOffset(x, y)])))
			return v, v, v
		}
	}
	video := m.(*image.YCbCr)
	return func(x, y int) (r, g, b float32) {
		i := video.COffset(x, y)
		return c.toRGB(
			c.levels[0].apply(float32(video.Y[video.YOffset(x, y)])),
			c.levels[1].apply(float32(video.Cb[i])),
			c.levels[2].apply(float32(video.Cr[i])),
		)
	}
}
