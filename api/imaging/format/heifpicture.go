package format

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
)

// HEIF describes the picture that is shown of an AVIF or HEIC, and the encoding of its
// pixels.
type HEIF struct {
	// Width and Height are the size of the stored pixels, before Crop and Orientation.
	Width, Height int

	// Crop is the part of the stored pixels that is shown.
	Crop image.Rectangle

	// Orientation says how to turn and mirror the pixels of Crop, with the numbers 1 to 8
	// of Exif. It is made from the properties irot and imir.
	Orientation int

	// Depth is the number of bits of a sample, and Chroma the number of chroma samples
	// for four pixels: 0, 2, 4 or 8. Both are those of the largest picture in the file,
	// and 0 if the file does not give them.
	Depth, Chroma int

	// Matrix and Transfer are numbers of ITU-T H.273, or 2 if the file has none.
	Matrix, Transfer int

	// Limited is set if the levels of the samples are those of video, such as 16 to 235.
	Limited bool

	// Alpha has the changes of the file that make its transparency the picture that is
	// shown. It is nil if the transparency is not a picture of its own.
	Alpha []Edit

	// Grey has the changes that make a HEIC say that its greyscale pictures have colours.
	// The pixels do not change: libheif reads how they are encoded from the pictures.
	// Without these changes libheif 1.18.2 refuses greyscale pictures.
	Grey []Edit

	// Premultiplied is set if the colours are multiplied with the transparency.
	Premultiplied bool
}

// HDR reports whether the levels mean more light than a usual picture has: the transfer
// function is PQ or HLG.
func (h HEIF) HDR() bool { return h.Transfer == cicpPQ || h.Transfer == cicpHLG }

// Edit is a change of a file: the bytes at Off become New.
type Edit struct {
	Off int64
	New []byte
}

// ReadHEIF reads the HEIF of an AVIF or a HEIC, which [Detect] has returned. The errors
// are those of [ReadFrame].
func ReadHEIF(r io.ReaderAt, size int64) (HEIF, error) {
	file := wholeFile(r, size)
	pic, err := readHEIF(file)
	if err == nil {
		var h HEIF
		if h, err = pic.describe(), nil; file.w.err == nil {
			h.Alpha, h.Premultiplied = transparency(file)
			if file.w.err == nil {
				return h, nil
			}
		}
	}
	if file.w.err != nil {
		return HEIF{}, fmt.Errorf("read image: %w", file.w.err)
	}
	return HEIF{}, malformed(HEIC, err)
}

func (p heifPicture) describe() HEIF {
	h := HEIF{
		Width: int(p.size.w), Height: int(p.size.h), Crop: p.crop(), Orientation: p.orientation(),
		Depth: p.codec.depth, Chroma: p.codec.chroma, Grey: p.codec.grey, Matrix: 2, Transfer: 2,
	}
	if c := p.colour.nclx; c != nil {
		h.Transfer, h.Matrix, h.Limited = int(be16(c[2:])), int(be16(c[4:])), c[6]&0x80 == 0
	}
	return h
}

// orientation returns the orientation of Exif for the turn and then the mirror (23000-22,
// 7.3.6.7).
func (p heifPicture) orientation() int {
	switch p.mirrored {
	case 'v':
		return [4]int{4, 5, 2, 7}[p.turns]
	case 'h':
		return [4]int{2, 7, 4, 5}[p.turns]
	}
	return [4]int{1, 8, 3, 6}[p.turns]
}

// heifCodec has the largest values of the configurations of the codecs in a file. A grid
// has none itself, only its tiles have.
type heifCodec struct {
	depth, chroma int
	grey          []Edit // see HEIF.Grey
}

// applyCodec adds an hvcC box (ISO/IEC 14496-15, 8.3.3.1) or an av1C box (AV1 in ISO BMFF,
// 2.3).
func (p *heifPicture) applyCodec(property part) error {
	var c heifCodec
	switch property.kind {
	case "hvcC":
		b, err := property.bytes(16, 2)
		if err != nil {
			return nil // the decoder refuses it
		}
		c.depth, c.chroma = int(b[1]&7)+8, [4]int{0, 2, 4, 8}[b[0]&3]
		if c.chroma == 0 {
			p.codec.grey = append(p.codec.grey, Edit{property.off + 16, []byte{b[0] | 1}})
		}
	case "av1C":
		b, err := property.bytes(2, 1)
		if err != nil {
			return nil
		}
		c.depth, c.chroma = 8, 2
		if b[0]&0x40 != 0 {
			c.depth = 10
		}
		if b[0]&0x20 != 0 {
			c.depth = 12
		}
		switch b[0] & 0x1c { // monochrome, and whether chroma is reduced across and down
		case 0:
			c.chroma = 8
		case 8:
			c.chroma = 4
		case 0x10, 0x14, 0x18, 0x1c:
			c.chroma = 0
		}
	}
	p.codec.depth, p.codec.chroma = max(p.codec.depth, c.depth), max(p.codec.chroma, c.chroma)
	return nil
}

// heifProfile returns the ICC profile of the picture, or makes one from the numbers in an
// nclx box. A profile is preferred to the numbers (23000-22, 7.3.6.4).
func heifProfile(file section, grey bool) []byte {
	pic, err := readHEIF(file)
	if err != nil {
		return nil
	}
	if pic.colour.profile.size > 0 {
		b, _ := pic.colour.profile.whole()
		return bytes.Clone(b)
	}
	c := pic.colour.nclx
	if c == nil || be16(c) > 255 || be16(c[2:]) > 255 {
		return nil
	}
	numbers := cicp{byte(be16(c)), byte(be16(c[2:]))}
	if numbers.transfer == 1 || numbers.transfer == 6 || numbers.transfer == 2 {
		// Cameras write the numbers of video, and Chromium 156 shows these as sRGB.
		numbers.transfer = 13
	}
	if _, ok := numbers.chromaticities(); !ok || numbers == (cicp{6, 13}) || numbers == (cicp{5, 13}) {
		return nil
	}
	if _, ok := numbers.curve(); !ok {
		return nil
	}
	return numbers.profile(grey)
}

// The types of the auxiliary pictures with the transparency (23008-12, 6.6.2.1.1 and
// B.2.3; AVIF specification, 4.1).
var alphaTypes = []string{"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\x00", "urn:mpeg:hevc:2015:auxid:1\x00"}

var errNoAlpha = errors.New("has no transparency")

// transparency returns HEIF.Alpha and HEIF.Premultiplied. A file that is damaged there has
// no transparency.
func transparency(file section) (edits []Edit, premultiplied bool) {
	meta, err := child(file, "meta")
	if err == nil {
		meta, err = meta.from(fullBox)
	}
	if err != nil {
		return nil, false
	}
	pitm, err := primaryItem(meta)
	if err != nil {
		return nil, false
	}
	b, err := pitm.bytes(0, int(pitm.size))
	if err != nil {
		return nil, false
	}
	primary := be(b)
	refs, err := references(meta)
	if err != nil {
		return nil, false
	}
	for _, r := range refs {
		switch {
		case r.kind == "prem" && r.from == primary:
			premultiplied = true
		case r.kind == "auxl" && r.to == primary && edits == nil && isAlpha(meta, r.from):
			edits = []Edit{{pitm.off, bytesOf(r.from, int(pitm.size))}}
			if flags, err := itemFlags(meta, r.from); err == nil {
				edits = append(edits, Edit{flags.off, []byte{0}}) // libheif shows no hidden picture
			}
		}
	}
	return edits, premultiplied
}

func bytesOf(n int64, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(n >> (8 * (size - 1 - i)))
	}
	return b
}

// reference is a reference between two items.
type reference struct {
	kind     string
	from, to int64
}

// references reads the iref box (14496-12, 8.11.12).
func references(meta section) (all []reference, err error) {
	iref, err := child(meta, "iref")
	if err != nil {
		return nil, err
	}
	b, err := iref.bytes(0, fullBox)
	if err != nil {
		return nil, err
	}
	id := 2
	if b[0] > 0 {
		id = 4
	}
	for p, err := range iref.parts(fullBox, box) {
		if err != nil {
			return nil, err
		}
		b, err := p.bytes(0, id+2)
		if err != nil {
			return nil, err
		}
		from, count := be(b[:id]), be(b[id:])
		if p.kind != "auxl" && p.kind != "prem" {
			continue
		}
		for i := range count {
			b, err := p.bytes(int64(id)+2+i*int64(id), id)
			if err != nil {
				return nil, err
			}
			all = append(all, reference{p.kind, from, be(b)})
		}
	}
	return all, nil
}

// isAlpha reports whether an item has an auxC property with a type of alphaTypes.
func isAlpha(meta section, item int64) bool {
	own, err := itemProperties(meta, item)
	if err != nil {
		return false
	}
	ipco, err := find(meta, "iprp", "ipco")
	if err != nil {
		return false
	}
	var index int64
	for p, err := range ipco.parts(0, box) {
		if err != nil {
			return false
		}
		if index++; !own[index] || p.kind != "auxC" {
			continue
		}
		for _, t := range alphaTypes {
			if b, err := p.bytes(fullBox, len(t)); err == nil && string(b) == t {
				return true
			}
		}
	}
	return false
}

// itemFlags returns the byte of an infe box (14496-12, 8.11.6) that says whether the item is
// hidden.
func itemFlags(meta section, item int64) (section, error) {
	iinf, err := child(meta, "iinf")
	if err != nil {
		return section{}, err
	}
	b, err := iinf.bytes(0, fullBox)
	if err != nil {
		return section{}, err
	}
	entries := int64(fullBox + 2)
	if b[0] > 0 {
		entries += 2
	}
	for p, err := range iinf.parts(entries, box) {
		if err != nil {
			return section{}, err
		}
		b, err := p.bytes(0, fullBox+4)
		if err != nil || b[0] < 2 {
			return section{}, errNoAlpha
		}
		id := be(b[fullBox:][:2])
		if b[0] > 2 {
			id = be(b[fullBox:])
		}
		if id == item {
			return p.sub(3, 1)
		}
	}
	return section{}, errNoAlpha
}
