package resize

import (
	"image"
	"image/color"
)

// pixels is a picture in memory. The channels of a pixel are next to each other.
type pixels struct {
	w, h, c int
	read    func(y int, dst []float32)
}

func (p *pixels) size() (w, h int)         { return p.w, p.h }
func (p *pixels) channels() int            { return p.c }
func (p *pixels) row(y int, dst []float32) { p.read(y, dst) }

// newPixels makes a raster of any image. The kinds of images that the decoders return
// have fast code. For all others it asks for the colour of each pixel.
func newPixels(m image.Image) *pixels {
	b := m.Bounds()
	p := &pixels{w: b.Dx(), h: b.Dy(), c: 4}
	x0, y0 := b.Min.X, b.Min.Y
	switch m := m.(type) {
	case *image.Gray16:
		p.c = 1
		p.read = func(y int, dst []float32) { readDeep(dst, m.Pix[m.PixOffset(x0, y0+y):]) }
	case *image.RGBA:
		p.read = func(y int, dst []float32) {
			for i, v := range m.Pix[m.PixOffset(x0, y0+y):][:len(dst)] {
				dst[i] = float32(v)
			}
		}
	case *image.NRGBA:
		p.read = func(y int, dst []float32) { readNRGBA(dst, m.Pix[m.PixOffset(x0, y0+y):]) }
	case *image.RGBA64:
		p.read = func(y int, dst []float32) { readDeep(dst, m.Pix[m.PixOffset(x0, y0+y):]) }
	case *image.NRGBA64:
		p.read = func(y int, dst []float32) { readNRGBA64(dst, m.Pix[m.PixOffset(x0, y0+y):]) }
	case *image.Paletted:
		colours := palette(m.Palette)
		p.read = func(y int, dst []float32) {
			for i, v := range m.Pix[m.PixOffset(x0, y0+y):][:p.w] {
				copy(dst[4*i:], colours[v][:])
			}
		}
	case *onScreen:
		p.read = m.raster()
	case *image.CMYK:
		p.read = func(y int, dst []float32) { readCMYK(dst, m.Pix[m.PixOffset(x0, y0+y):]) }
	case *image.NYCbCrA:
		p.read = func(y int, dst []float32) { readVideo(dst, m, x0, y0+y) }
	default:
		p.read = func(y int, dst []float32) { readAny(dst, m, x0, y0+y) }
	}
	return p
}

// readDeep reads a row of 16 bits a channel without transparency, or premultiplied.
func readDeep(dst []float32, pix []byte) {
	for i := range dst {
		dst[i] = deep(pix[2*i:])
	}
}

// readAny reads a row of any image from x0 on.
func readAny(dst []float32, m image.Image, x0, y int) {
	for i := 0; i+4 <= len(dst); i += 4 {
		c := premultiplied(m.At(x0+i/4, y))
		copy(dst[i:], c[:])
	}
}

// readNRGBA premultiplies a row.
func readNRGBA(dst []float32, pix []byte) {
	for i := 0; i+4 <= len(dst); i += 4 {
		d, s := dst[i:i+4], pix[i:i+4]
		a := float32(s[3])
		f := a / 255
		d[0], d[1], d[2], d[3] = float32(s[0])*f, float32(s[1])*f, float32(s[2])*f, a
	}
}

// readNRGBA64 premultiplies a row of 16 bits a channel.
func readNRGBA64(dst []float32, pix []byte) {
	for i := 0; i+4 <= len(dst); i += 4 {
		d, s := dst[i:i+4], pix[2*i:2*i+8]
		a := deep(s[6:])
		f := a / 255
		d[0], d[1], d[2], d[3] = deep(s)*f, deep(s[2:])*f, deep(s[4:])*f, a
	}
}

// readCMYK subtracts each ink from white, like browsers for an image without a
// profile.
func readCMYK(dst []float32, pix []byte) {
	for i := 0; i+4 <= len(dst); i += 4 {
		d, s := dst[i:i+4], pix[i:i+4]
		f := float32(255-s[3]) / 255
		d[0], d[1], d[2], d[3] = float32(255-s[0])*f, float32(255-s[1])*f, float32(255-s[2])*f, 255
	}
}

// readVideo reads a row of a lossy WebP with transparency. See videoRange.
func readVideo(dst []float32, m *image.NYCbCrA, x0, y int) {
	for i := 0; i+4 <= len(dst); i += 4 {
		x := x0 + i/4
		c := m.COffset(x, y)
		a := float32(m.A[m.AOffset(x, y)])
		r, g, b := fromYCbCr(
			videoRange[0].apply(float32(m.Y[m.YOffset(x, y)])),
			videoRange[1].apply(float32(m.Cb[c])),
			videoRange[2].apply(float32(m.Cr[c])),
		)
		f := a / 255
		dst[i], dst[i+1], dst[i+2], dst[i+3] = r*f, g*f, b*f, a
	}
}

// fromYCbCr converts a colour of JFIF (ITU-T T.871, section 7). It limits the results to 0
// to 255.
func fromYCbCr(y, cb, cr float32) (r, g, b float32) {
	cb, cr = cb-128, cr-128
	return limit(y + 1.402*cr), limit(y - 0.344136*cb - 0.714136*cr), limit(y + 1.772*cb)
}

// limit limits a value to 0 to 255.
func limit(v float32) float32 { return min(max(v, 0), 255) }

// deep reads 16 bits as a value from 0 to 255.
func deep(b []byte) float32 { return float32(uint16(b[0])<<8|uint16(b[1])) / 257 }

// palette returns a colour for each value of a byte. A value that the picture does not
// define is transparent.
func palette(p color.Palette) (colours [256][4]float32) {
	for i, c := range p {
		colours[i] = premultiplied(c)
	}
	return colours
}

// premultiplied returns the channels of a colour, from 0 to 255.
func premultiplied(c color.Color) [4]float32 {
	r, g, b, a := c.RGBA()
	return [4]float32{float32(r) / 257, float32(g) / 257, float32(b) / 257, float32(a) / 257}
}

// levels is a linear function of the values of a channel.
type levels struct{ factor, offset float32 }

func (l levels) apply(v float32) float32 { return v*l.factor + l.offset }

// VP8 stores luma from 16 to 235 and chroma from 16 to 240, like video (RFC 6386,
// section 9.2; RFC 9649, section 2.5). JPEG and image.YCbCr use 0 to 255.
// golang.org/x/image/webp returns the values of VP8 unchanged (issue 40173).
var (
	videoRange = [3]levels{{255. / 219, -16 * 255. / 219}, {255. / 224, 128 - 128*255./224}, {255. / 224, 128 - 128*255./224}}
	fullRange  = [3]levels{{1, 0}, {1, 0}, {1, 0}}
)
