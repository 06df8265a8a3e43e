package format

import (
	"bytes"
	"errors"
)

// A JPEG XL is a codestream (ISO/IEC 18181-1), or a container of boxes that contains
// a codestream (ISO/IEC 18181-2).
const (
	jxlCodestream = "\xff\x0a"
	jxlContainer  = "\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"
)

func beginsJXL(head []byte) bool {
	return bytes.HasPrefix(head, []byte(jxlCodestream)) || bytes.HasPrefix(head, []byte(jxlContainer))
}

// measureJXL turns the size by the orientation in the codestream. Browsers apply
// that orientation and ignore Exif in a container (Chromium 156).
func measureJXL(file section) (view, error) {
	h, err := readJXL(file)
	return view{h.size.turn(h.orientation >= leftTop), upright}, err
}

func animatedJXL(file section) bool {
	h, err := readJXL(file)
	return err == nil && h.animated
}

// jxlHeader is the content of the first fields of a codestream.
type jxlHeader struct {
	size        extent
	orientation orientation
	animated    bool
}

// readJXL reads the SizeHeader and the first fields of the ImageMetadata (18181-1,
// annex D).
func readJXL(file section) (h jxlHeader, err error) {
	head, err := jxlHead(file)
	if err != nil {
		return h, err
	}
	if !bytes.HasPrefix(head, []byte(jxlCodestream)) {
		return h, errors.New("has no codestream in it")
	}
	r := &bits{b: head[len(jxlCodestream):]}
	h.size, h.orientation = r.jxlSize(), upright
	allDefault := r.flag()
	if !allDefault && r.flag() { // extra_fields
		h.orientation = orientation(r.number(3) + 1)
		if r.flag() { // have_intrinsic_size
			r.jxlSize()
		}
		if r.flag() { // have_preview
			r.skipJXLPreview()
		}
		h.animated = r.flag()
	}
	if r.short {
		return jxlHeader{}, errCutOff
	}
	return h, nil
}

// jxlHeadSize is a number of bytes that is always enough for readJXL.
const jxlHeadSize = 32

// jxlHead returns the beginning of the codestream. A container has the codestream in
// one jxlc box, or in several jxlp boxes, which begin with a number (18181-2, 9).
func jxlHead(file section) ([]byte, error) {
	codestream := func(s section) ([]byte, error) { return s.bytes(0, int(min(s.size, jxlHeadSize))) }
	head, err := codestream(file)
	if err != nil || bytes.HasPrefix(head, []byte(jxlCodestream)) {
		return head, err
	}
	var joined []byte
	for p, err := range file.parts(0, jxlBox) {
		if err != nil {
			return nil, err
		}
		switch p.kind {
		case "jxlc":
			return codestream(p.section)
		case "jxlp":
			content, err := p.from(4)
			if err != nil {
				return nil, err
			}
			b, err := codestream(content)
			if joined = append(joined, b...); err != nil || len(joined) >= jxlHeadSize {
				return joined, err
			}
		}
	}
	return joined, nil
}

// jxlBox reads a box. It accepts a box that is cut off, because browsers show the
// part of the picture that is there.
func jxlBox(s section, off int64) (part, int64, error) {
	p, end, err := box(s, off)
	if err == errCutOff && p.kind != "" {
		p.section, err = s.from(off + 8)
	}
	return p, end, err
}

// bits reads numbers of any width, beginning with the lowest bit of each byte
// (18181-1, annex B).
type bits struct {
	b     []byte
	off   int
	short bool // set after a read past the end of b
}

func (r *bits) number(n int) (v int64) {
	for i := range n {
		if r.off >= 8*len(r.b) {
			r.short = true
			return 0
		}
		v |= int64(r.b[r.off/8]>>(r.off%8)&1) << i
		r.off++
	}
	return v
}

func (r *bits) flag() bool { return r.number(1) == 1 }

// pick reads the index of a width, in 2 bits, and then a number of that width.
func (r *bits) pick(widths [4]int) int64 { return r.number(widths[r.number(2)]) }

// jxlSize reads a SizeHeader: a height, and a width or an aspect ratio.
func (r *bits) jxlSize() extent {
	small := r.flag()
	side := func() int64 {
		if small {
			return 8 * (r.number(5) + 1)
		}
		return r.pick([4]int{9, 13, 18, 30}) + 1
	}
	h := side()
	shapes := [8]extent{{}, {1, 1}, {12, 10}, {4, 3}, {3, 2}, {16, 9}, {5, 4}, {2, 1}}
	if shape := shapes[r.number(3)]; shape != (extent{}) {
		return extent{h * shape.w / shape.h, h}
	}
	return extent{side(), h}
}

// skipJXLPreview skips a PreviewHeader.
func (r *bits) skipJXLPreview() {
	widths := [4]int{6, 8, 10, 12}
	if r.flag() {
		widths = [4]int{0, 0, 5, 9} // the size is a number of blocks
	}
	r.pick(widths)
	if r.number(3) == 0 {
		r.pick(widths)
	}
}
