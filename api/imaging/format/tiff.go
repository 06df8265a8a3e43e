package format

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/h2non/filetype/matchers"
)

// beginsTIFF requires the header of TIFF 6.0, section 2, or that of a BigTIFF: the
// number 43, an offset size of 8 and a 0. The raw photos of Canon have the header of
// TIFF, too; package filetype recognizes and refuses them.
func beginsTIFF(head []byte) bool {
	return matchers.Tiff(head) ||
		bytes.HasPrefix(head, []byte("II+\x00\x08\x00\x00\x00")) ||
		bytes.HasPrefix(head, []byte("MM\x00+\x00\x08\x00\x00"))
}

// The tags that this package uses. They are of TIFF 6.0, section 8, unless a comment
// names another source.
const (
	tagSubfileType = 254
	tagWidth       = 256
	tagLength      = 257
	tagPhotometric = 262
	tagStrips      = 273
	tagStripRows   = 278
	tagTileWidth   = 322   // section 15
	tagTileLength  = 323   // section 15
	tagTiles       = 324   // section 15
	tagSubIFDs     = 330   // Adobe PageMaker 6.0 TIFF Technical Notes
	tagJPEG        = 513   // section 22
	tagProfile     = 34675 // ICC.1:2022, B.5
	tagTIFFEP      = 37398 // ISO 12234-2
	tagDNG         = 50706 // Digital Negative Specification
)

// measureTIFF reads the size of the first page, which the first directory describes.
func measureTIFF(file section) (view, error) {
	var e extent
	var picture, preview, others, raw bool
	o := upright
	for f, err := range fields(file) {
		if err != nil {
			return view{}, err
		}
		switch f.tag {
		case tagWidth:
			e.w = f.value
		case tagLength:
			e.h = f.value
		case tagOrientation:
			o = f.orientation()
		case tagStrips, tagTiles, tagJPEG:
			picture = true
		case tagSubfileType:
			preview = f.value&1 == 1
		case tagSubIFDs:
			others = true
		case tagPhotometric: // a colour filter array, or linear values that were made from one
			raw = raw || f.value == 32803 || f.value == 34892
		case tagTIFFEP, tagDNG:
			raw = true
		}
	}
	switch {
	case raw || preview && others:
		// The raw photos of most cameras are TIFF files. Their first picture is a small
		// preview, and the full picture is in a format of the camera's maker.
		return view{}, fmt.Errorf("%w: it is a raw photo of a camera", ErrUnknown)
	case !picture:
		return view{}, errors.New("has no picture in it")
	}
	return e.oriented(o), nil
}

// frameTIFF reads the size of the strips or tiles of the first page.
func frameTIFF(file section) (Frame, error) {
	var page, tile extent
	var rows int64 // rows of a strip; 0 means all rows
	var tiled bool
	for f, err := range fields(file) {
		if err != nil {
			return Frame{}, err
		}
		switch f.tag {
		case tagWidth:
			page.w = f.value
		case tagLength:
			page.h = f.value
		case tagStripRows:
			rows = f.value
		case tagTileWidth:
			tiled = true
			tile.w = f.value
		case tagTileLength:
			tile.h = f.value
		}
	}
	block := page
	switch {
	case tiled && tile.w > 0 && tile.h > 0:
		block = tile
	case tiled:
		block = extent{maxSide, maxSide}
	case rows > 0:
		block.h = min(rows, page.h)
	}
	return Frame{Block: min(block.w, maxSide) * min(block.h, maxSide)}, nil
}
