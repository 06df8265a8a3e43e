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
	pic, err := readHEIF(file)
	if err != nil {
		return extent{}, err
	}
	return pic.shown(), nil
}

// readHEIF returns the properties of the picture whose size measureHEIF returns.
func readHEIF(file section) (heifPicture, error) {
	head, err := file.bytes(0, int(min(file.size, SniffLen)))
	if err != nil {
		return heifPicture{}, err
	}
	avif := heifType(head) == AVIF
	pic, err := readShown(file)
	pic.avif = avif
	return pic, err
}

func readShown(file section) (heifPicture, error) {
	var none heifPicture
	major, err := file.bytes(8, 4)
	if err != nil {
		return none, err
	}
	wanted, spare := "meta", "moov"
	if isSequence(major) {
		wanted, spare = spare, wanted
	}
	var other part
	for p, err := range file.parts(0, box) {
		switch {
		case err != nil:
			return none, err
		case p.kind == wanted:
			return readBox(p)
		case p.kind == spare:
			other = p
		}
	}
	return readBox(other)
}

// isSequence reports whether the brand is that of a sequence (AVIF specification, 6;
// 23008-12, annex B).
func isSequence(brand []byte) bool {
	return slices.Contains([]string{"avis", "hevc", "hevx", "hevm", "hevs", "msf1"}, string(brand))
}

// animatedHEIF uses the major brand, like measureHEIF. It does not count the pictures,
// because browsers play such a file even if it has one.
func animatedHEIF(file section) bool {
	major, err := file.bytes(8, 4)
	return err == nil && isSequence(major)
}

// readBox returns the properties of the picture that a meta or moov box describes.
func readBox(p part) (heifPicture, error) {
	switch p.kind {
	case "meta":
		return readItem(p.section)
	case "moov":
		return readTrack(p.section)
	}
	return heifPicture{}, errors.New("has no picture in it")
}

// readItem reads all properties in the file (14496-12, 8.11.14) and applies those of
// the primary item.
func readItem(meta section) (pic heifPicture, err error) {
	if meta, err = meta.from(fullBox); err != nil {
		return pic, err
	}
	own, err := primaryProperties(meta)
	if err != nil {
		return pic, err
	}
	ipco, err := find(meta, "iprp", "ipco")
	if err != nil {
		return pic, err
	}
	var index int64
	for p, err := range ipco.parts(0, box) {
		if index++; err == nil && own[index] {
			err = pic.apply(p)
		}
		if err == nil {
			err = pic.applyCodec(p)
		}
		if err != nil {
			return pic, err
		}
	}
	return pic, nil
}

// primaryProperties returns the indexes of the properties of the primary item
// (14496-12, 8.11.4). The first property has the index 1.
func primaryProperties(meta section) (map[int64]bool, error) {
	pitm, err := primaryItem(meta)
	if err != nil {
		return nil, err
	}
	b, err := pitm.bytes(0, int(pitm.size))
	if err != nil {
		return nil, err
	}
	return itemProperties(meta, be(b))
}

// itemProperties returns the indexes of the properties of an item.
func itemProperties(meta section, id int64) (map[int64]bool, error) {
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

// primaryItem returns the number in the pitm box: 2 bytes, or 4 in a later version.
func primaryItem(meta section) (section, error) {
	pitm, err := find(meta, "pitm")
	if err != nil {
		return section{}, err
	}
	b, err := pitm.bytes(0, fullBox)
	if err == nil && b[0] > 0 { // the version
		return pitm.sub(fullBox, 4)
	}
	if err != nil {
		return section{}, err
	}
	return pitm.sub(fullBox, 2)
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

// readTrack returns the properties of the first track that has a size: a sound track
// has none. It reads the track header (14496-12, 8.3.2) and applies the properties in
// the sample entry.
func readTrack(moov section) (pic heifPicture, err error) {
	for p, err := range moov.parts(0, box) {
		if err != nil {
			return pic, err
		}
		if p.kind != "trak" {
			continue
		}
		if pic.size, err = trackSize(p.section); err != nil {
			return pic, err
		}
		if pic.size != (extent{}) {
			return pic, pic.applySample(p.section)
		}
	}
	return pic, errors.New("has no picture in it")
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

// applySample applies the properties in the sample entry of a track.
func (p *heifPicture) applySample(trak section) error {
	stsd, err := find(trak, "mdia", "minf", "stbl", "stsd")
	if err != nil {
		return err
	}
	entry, _, err := box(stsd, fullBox+4) // after the number of entries
	if err != nil {
		return err
	}
	for property, err := range entry.parts(visualSampleEntry, box) {
		if err == nil {
			err = p.apply(property)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
