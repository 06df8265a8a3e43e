package format

import (
	"errors"
	"slices"
)

// AVIF and HEIC are HEIF (ISO/IEC 23008-12) with different codecs. HEIF consists of
// the boxes of ISO BMFF (ISO/IEC 14496-12).

func beginsAVIF(head []byte) bool { return heifType(head) == AVIF }

func beginsHEIC(head []byte) bool { return heifType(head) == HEIC }

// heifType returns the type of the first brand in the ftyp box (14496-12, 4.3) that
// names a codec. The brands are defined in the AVIF specification, 6, and in 23008-12,
// annex B. The brands mif1 and msf1, which all HEIF can have, name no codec.
func heifType(head []byte) Type {
	if len(head) < 16 || string(head[4:8]) != "ftyp" {
		return ""
	}
	end := min(be32(head), int64(len(head)))
	for off := int64(8); off+4 <= end; off += 4 {
		switch string(head[off : off+4]) {
		case "avif", "avis":
			return AVIF
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs":
			return HEIC
		}
	}
	return ""
}

// measureHEIF returns the size of the primary item, or of the track if the major brand
// is that of a sequence. If the file has only the other of the two, it returns the
// size of that.
func measureHEIF(file section) (extent, error) {
	major, err := file.bytes(8, 4)
	if err != nil {
		return extent{}, err
	}
	wanted, spare := "meta", "moov"
	if isSequence(major) {
		wanted, spare = spare, wanted
	}
	var other part
	for p, err := range file.parts(0, box) {
		switch {
		case err != nil:
			return extent{}, err
		case p.kind == wanted:
			return measureBox(p)
		case p.kind == spare:
			other = p
		}
	}
	return measureBox(other)
}

// isSequence reports whether the brand is that of a sequence (AVIF specification, 6;
// 23008-12, annex B).
func isSequence(brand []byte) bool {
	return slices.Contains([]string{"avis", "hevc", "hevx", "hevm", "hevs", "msf1"}, string(brand))
}

// animatedHEIF uses the major brand, like measureHEIF. It does not count the pictures,
// because these types are not resized.
func animatedHEIF(file section) bool {
	major, err := file.bytes(8, 4)
	return err == nil && isSequence(major)
}

// measureBox returns the size of the picture that a meta or moov box describes.
func measureBox(p part) (extent, error) {
	switch p.kind {
	case "meta":
		return measureItem(p.section)
	case "moov":
		return measureTrack(p.section)
	}
	return extent{}, errors.New("has no picture in it")
}

// measureItem reads all properties in the file (14496-12, 8.11.14) and applies those of
// the primary item.
func measureItem(meta section) (extent, error) {
	meta, err := meta.from(fullBox)
	if err != nil {
		return extent{}, err
	}
	own, err := primaryProperties(meta)
	if err != nil {
		return extent{}, err
	}
	ipco, err := find(meta, "iprp", "ipco")
	if err != nil {
		return extent{}, err
	}
	var pic heifPicture
	var index int64
	for p, err := range ipco.parts(0, box) {
		if index++; err == nil && own[index] {
			err = pic.apply(p)
		}
		if err != nil {
			return extent{}, err
		}
	}
	return pic.shown(), nil
}

// primaryProperties returns the indexes of the properties of the primary item
// (14496-12, 8.11.4). The first property has the index 1.
func primaryProperties(meta section) (map[int64]bool, error) {
	pitm, err := find(meta, "pitm")
	if err != nil {
		return nil, err
	}
	b, err := pitm.bytes(0, fullBox+2)
	if err == nil && b[0] > 0 { // the version
		b, err = pitm.bytes(0, fullBox+4)
	}
	if err != nil {
		return nil, err
	}
	id := be(b[fullBox:])
	iprp, err := find(meta, "iprp")
	if err != nil {
		return nil, err
	}
	own := make(map[int64]bool)
	for p, err := range iprp.parts(0, box) {
		if err == nil && p.kind == "ipma" {
			err = addAssociated(own, p.section, id)
		}
		if err != nil {
			return nil, err
		}
	}
	return own, nil
}

// addAssociated adds to own the properties of an item in an ipma box.
func addAssociated(own map[int64]bool, ipma section, item int64) error {
	b, err := ipma.bytes(0, fullBox+4)
	if err != nil {
		return err
	}
	version, flags, entries := b[0], b[3], be(b[fullBox:])
	idSize, indexSize, essential := 2, 1, int64(1<<7)
	if version > 0 {
		idSize = 4
	}
	if flags&1 == 1 {
		indexSize, essential = 2, 1<<15
	}
	off := int64(len(b))
	next := func(size int) (int64, error) {
		b, err := ipma.bytes(off, size)
		off += int64(size)
		return be(b), err
	}
	for range entries {
		id, err := next(idSize)
		if err != nil {
			return err
		}
		count, err := next(1)
		if err != nil {
			return err
		}
		for range count {
			index, err := next(indexSize)
			if err != nil {
				return err
			}
			if id == item {
				own[index&^essential] = true
			}
		}
	}
	return nil
}

// measureTrack returns the size of the first track that has a size: a sound track has
// none. It reads the track header (14496-12, 8.3.2) and applies the properties in the
// sample entry.
func measureTrack(moov section) (extent, error) {
	for p, err := range moov.parts(0, box) {
		if err != nil {
			return extent{}, err
		}
		if p.kind != "trak" {
			continue
		}
		size, err := trackSize(p.section)
		if err != nil {
			return extent{}, err
		}
		if size != (extent{}) {
			return measureSample(p.section, size)
		}
	}
	return extent{}, errors.New("has no picture in it")
}

// trackSize reads the last two fields of a track header. They are fixed-point numbers
// of 16.16 bits.
func trackSize(trak section) (extent, error) {
	tkhd, err := find(trak, "tkhd")
	if err != nil {
		return extent{}, err
	}
	b, err := tkhd.bytes(tkhd.size-8, 8)
	if err != nil {
		return extent{}, err
	}
	return extent{be32(b) >> 16, be32(b[4:]) >> 16}, nil
}

// visualSampleEntry is the size of the fields before the boxes in the sample entry of a
// picture (14496-12, 8.5.2 and 12.1.3).
const visualSampleEntry = 78

// measureSample applies the properties in the sample entry of a track to its size.
func measureSample(trak section, size extent) (extent, error) {
	stsd, err := find(trak, "mdia", "minf", "stbl", "stsd")
	if err != nil {
		return extent{}, err
	}
	entry, _, err := box(stsd, fullBox+4) // after the number of entries
	if err != nil {
		return extent{}, err
	}
	pic := heifPicture{size: size}
	for p, err := range entry.parts(visualSampleEntry, box) {
		if err == nil {
			err = pic.apply(p)
		}
		if err != nil {
			return extent{}, err
		}
	}
	return pic.shown(), nil
}

// heifPicture collects the properties of a picture that change its size.
type heifPicture struct {
	size, crop extent
	turned     bool
}

// apply adds a property (23008-12, 6.5.3, 6.5.9 and 6.5.10).
func (p *heifPicture) apply(property part) error {
	switch property.kind {
	case "ispe":
		b, err := property.bytes(fullBox, 8)
		if err != nil {
			return err
		}
		p.size = extent{be32(b), be32(b[4:])}
	case "clap":
		b, err := property.bytes(0, 16)
		if err != nil {
			return err
		}
		if w, h := be32(b[4:]), be32(b[12:]); w > 0 && h > 0 {
			p.crop = extent{be32(b) / w, be32(b[8:]) / h}
		}
	case "irot":
		b, err := property.bytes(0, 1)
		if err != nil {
			return err
		}
		p.turned = b[0]&1 == 1 // the number counts turns of 90°
	}
	return nil
}

// shown returns the size after the crop and then the turn. The order of the properties
// in the file has no meaning (MIAF, ISO/IEC 23000-22, 7.3.6.7). A crop that is larger
// than the picture is ignored. If a crop removes the upper left corner, Chromium 156
// ignores it, but libheif crops.
func (p heifPicture) shown() extent {
	e := p.size
	if c := p.crop; 0 < c.w && c.w <= e.w && 0 < c.h && c.h <= e.h {
		e = c
	}
	return e.turn(p.turned)
}
