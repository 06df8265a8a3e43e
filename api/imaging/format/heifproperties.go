package format

import (
	"image"
	"slices"
)

// heifPicture collects the properties of a picture.
type heifPicture struct {
	avif     bool
	size     extent
	clap     []byte // the content of the box, or nil
	turns    int    // of 90°, anticlockwise
	mirrored byte   // 'v' if top and bottom are swapped, 'h' if left and right are, or 0
	colour   heifColour
	codec    heifCodec
}

// heifColour is the content of the colr boxes (14496-12, 12.1.5).
type heifColour struct {
	nclx    []byte // the numbers of H.273 and the range, or nil
	profile part   // the ICC profile
}

// apply adds a property (23008-12, 6.5.3, 6.5.5, 6.5.9, 6.5.10 and 6.5.12).
func (p *heifPicture) apply(property part) error {
	switch property.kind {
	case "ispe":
		b, err := property.bytes(fullBox, 8)
		if err != nil {
			return err
		}
		p.size = extent{be32(b), be32(b[4:])}
	case "clap":
		b, err := property.bytes(0, int(max(16, min(property.size, clapSize)))) // the offsets may be cut off
		if err != nil {
			return err
		}
		p.clap = make([]byte, clapSize)
		copy(p.clap, b)
	case "irot":
		b, err := property.bytes(0, 1)
		if err != nil {
			return err
		}
		p.turns = int(b[0] & 3)
	case "imir":
		if b, err := property.bytes(0, 1); err == nil {
			p.mirrored = "vh"[b[0]&1]
		}
	case "colr":
		p.colour.apply(property)
	}
	return nil
}

// apply adds a colr box. A broken one is ignored.
func (c *heifColour) apply(property part) {
	b, err := property.bytes(0, 4)
	if err != nil {
		return
	}
	switch kind := string(b); kind {
	case "nclx":
		if b, err := property.bytes(4, 7); err == nil && c.nclx == nil {
			c.nclx = slices.Clone(b)
		}
	case "prof", "rICC":
		if s, err := property.from(4); err == nil {
			c.profile = part{kind, s}
		}
	}
}

// shown returns the size after the crop and then the turn. The order of the properties
// in the file has no meaning (MIAF, ISO/IEC 23000-22, 7.3.6.7).
func (p heifPicture) shown() extent {
	c := p.crop()
	return extent{int64(c.Dx()), int64(c.Dy())}.turn(p.turns&1 == 1)
}

// crop returns the part of the stored pixels that is shown (14496-12, 12.1.4). A crop
// that is larger than the picture is ignored. The crop of an AVIF is that of Chromium 156,
// and the crop of a HEIC that of libheif.
func (p heifPicture) crop() image.Rectangle {
	all := image.Rect(0, 0, int(p.size.w), int(p.size.h))
	if p.clap == nil || p.avif && !p.cropsCorner() {
		return all
	}
	w, h := p.clapNumber(0), p.clapNumber(8)
	if w <= 0 || w > p.size.w || h <= 0 || h > p.size.h {
		return all
	}
	x, y := offset(p.size.w-w, p.clapNumber(16)), offset(p.size.h-h, p.clapNumber(24))
	return image.Rect(int(x), int(y), int(x+w), int(y+h))
}

// cropsCorner reports whether the crop consists of whole pixels from the upper left corner
// on, and its box has no number that libavif refuses. Chromium 156 ignores any other crop.
func (p heifPicture) cropsCorner() bool {
	for i, size := range []int64{p.size.w, p.size.h} {
		n, d := p.clapFraction(8 * i)
		centre, centreD := p.clapFraction(16 + 8*i)
		if d <= 0 || centreD <= 0 || n%d != 0 || (size-n/d)*centreD+2*centre != 0 {
			return false
		}
	}
	return true
}

// clapSize is the size of a clap box: the numerators and denominators of the width and the
// height, and of the distance between the centres of the picture and the crop.
const clapSize = 32

// clapFraction returns a fraction of a clap box.
func (p heifPicture) clapFraction(off int) (n, d int64) {
	return int64(int32(be32(p.clap[off:]))), int64(int32(be32(p.clap[off+4:])))
}

// clapNumber returns a fraction of a clap box, rounded to 0. It returns 0 for a division by 0.
func (p heifPicture) clapNumber(off int) int64 {
	n, d := p.clapFraction(off)
	if d == 0 {
		return 0
	}
	return n / int64(uint32(d))
}

// offset returns where a crop begins. rest is the difference of the sizes, and centre the
// distance of the centres.
func offset(rest, centre int64) int64 { return max(0, min(rest/2+centre, rest)) }
