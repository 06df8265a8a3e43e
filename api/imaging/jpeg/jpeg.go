// Package jpeg decodes JPEG (ITU-T T.81) in reduced size and in strips. All section
// numbers are those of T.81 if no other document is named.
//
// [Open] reads the headers of a picture. A [Plane] then returns rows of samples, and
// decodes what is needed for them. Only one strip of a sequential JPEG is in memory at a
// time. For a progressive JPEG, the coefficients that the reduced size needs are in
// memory. The package decodes baseline, extended sequential and progressive JPEG with
// Huffman codes, 8 bits and 1, 3 or 4 components.
//
// Damage looks like in browsers, which use libjpeg. A JPEG needs neither an end marker
// nor Huffman tables: frames of webcams (Motion JPEG) leave out the tables of K.3. A code
// that is not in its table counts as 0. If a scan ends too early, the blocks up to the
// next restart marker do not change: they are mid-grey, or have the values of earlier
// scans of a progressive JPEG.
package jpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Each error of this package wraps one of these, or comes from the reader or the check
// of the caller.
var (
	// ErrUnsupported means that this package does not decode this kind of JPEG.
	ErrUnsupported = errors.New("unsupported JPEG")

	// ErrDamaged means that the headers are damaged, or that no block of the picture
	// can be decoded.
	ErrDamaged = errors.New("damaged JPEG")
)

// The markers of table B.1 that this package uses.
const (
	sof0, sof1, sof2 = 0xc0, 0xc1, 0xc2
	dht, dac, jpg    = 0xc4, 0xcc, 0xc8
	rst0, rst7       = 0xd0, 0xd7
	soi, eoi         = 0xd8, 0xd9
	sos, dqt, dri    = 0xda, 0xdb, 0xdd
	app0, app14      = 0xe0, 0xee
)

// Model says what the components of a picture are.
type Model int

// The models. Of the inks of CMYK, 255 means no ink, as Adobe stores them. YCCK is CMYK
// whose first three components are converted to YCbCr (Adobe Technical Note 5116, 18).
const (
	Grey Model = iota
	YCbCr
	RGB
	CMYK
	YCCK
)

// Picture is a JPEG whose headers were read. It is not safe for concurrent use.
type Picture struct {
	Frame
	Model  Model
	Planes []*Plane // one for each component

	decoder
}

// Open reads the headers of the JPEG in r, up to the first scan. check is called often
// while the picture is decoded. If it returns an error, the decoding stops with that
// error. A nil check is not called.
func Open(r io.Reader, check func() error) (*Picture, error) {
	p := &Picture{}
	p.check = check
	p.source = &fileSource{r: r}
	p.tables = new(tables)
	header, err := p.nextScan()
	if err != nil {
		return nil, err
	}
	if header == nil {
		return nil, fmt.Errorf("%w: it has no scan", ErrDamaged)
	}
	p.frame.Interleaved = len(header) > 0 && int(header[0]) == len(p.components)
	p.Frame = p.frame
	if p.Model, err = p.model(); err != nil {
		return nil, err
	}
	p.header = header
	for i := range p.components {
		p.Planes = append(p.Planes, &Plane{p: p, c: &p.components[i]})
	}
	p.Scale(8, 8, 8, 8)
	return p, nil
}

// model decides on the model like image/jpeg.
func (d *decoder) model() (Model, error) {
	c := d.components
	switch len(c) {
	case 1:
		return Grey, nil
	case 4:
		switch {
		case !d.adobe:
			return 0, fmt.Errorf("%w: four components without an Adobe segment", ErrUnsupported)
		case d.transform == 0:
			return CMYK, nil
		}
		return YCCK, nil
	}
	named := c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'
	if !d.jfif && (d.adobe && d.transform == 0 || named) {
		return RGB, nil
	}
	return YCbCr, nil
}

// Err returns the reason for which samples are missing: an error of the reader or of the
// check, or ErrDamaged if no block could be decoded. Call it after the last call of Rows.
func (p *Picture) Err() error {
	if p.err == nil && p.begun && !p.drawn {
		return fmt.Errorf("%w: no block can be decoded", ErrDamaged)
	}
	return p.err
}

// decoder is the state of a decoding, or of the walk of a [Walker].
type decoder struct {
	bitReader
	check  func() error
	frame  Frame
	tables *tables

	components []component
	header     []byte // of the scan that comes next
	interval   int    // MCUs between restart markers, or 0
	jfif       bool   // there is a JFIF segment
	adobe      bool   // there is an Adobe segment
	transform  byte   // of the Adobe segment

	scanned bool // a scan has begun
	walking bool // for a Walker: nothing is drawn
	drawn   bool // a block has been decoded
	odd     bool // a value that no encoder writes was found; image/jpeg can give another picture then
	eobRun  int  // blocks without further coefficients (G.1.2.2)

	scan     *scan // the only scan of a sequential JPEG, while it is decoded
	begun    bool  // the first row was requested
	mcuRow   int   // the next row of MCUs to make samples of
	complete bool  // the samples of all scans are in the planes
}

// component is a component of the frame, and its state in a scan.
type component struct {
	id, quant  byte
	h, v       int
	n          int // samples of a side of a block in the reduced size: 1, 2, 4 or 8
	kept       int // how many coefficients of a block are needed for n, in zigzag order
	blocksX    int // blocks in a row, including those that fill the last MCU
	blocksY    int
	coeff      []int16  // only for a progressive JPEG: the coefficients that are kept of each block, in zigzag order
	known      []uint64 // only for a progressive JPEG: a bit for each coefficient of a block that is not 0
	dc, ac     *huffman
	prediction int32
	plane      *Plane
}

// nextScan reads the segments up to the next scan. It returns the header of the scan, or
// nil at the end of the file.
func (d *decoder) nextScan() (header []byte, err error) {
	for {
		marker, ok := d.marker()
		switch {
		case !ok || marker == eoi && d.scanned:
			return nil, d.err
		case marker <= 1, rst0 <= marker && marker <= eoi:
			continue // these have no content
		}
		content, ok := d.content()
		if !ok {
			return nil, d.err
		}
		if marker == sos {
			if d.components == nil {
				return nil, fmt.Errorf("%w: it has a scan but no frame", ErrDamaged)
			}
			return content, d.asked()
		}
		if err := d.segment(marker, content); err != nil {
			return nil, err
		}
		if err := d.asked(); err != nil {
			return nil, err
		}
	}
}

// asked calls check, and remembers its error.
func (d *decoder) asked() error {
	if d.check != nil && d.err == nil {
		d.err = d.check()
	}
	return d.err
}

// content reads the content of a segment. It reports whether the file has a segment
// there.
func (d *decoder) content() ([]byte, bool) {
	var length [2]byte
	if !d.full(length[:]) {
		return nil, false
	}
	content := make([]byte, max(0, int(binary.BigEndian.Uint16(length[:]))-2))
	return content, d.full(content)
}

// segment uses a segment that is not a scan header. It ignores segments that do not
// matter for decoding.
func (d *decoder) segment(marker byte, content []byte) error {
	switch {
	case marker == dqt:
		d.tables.quantization(content)
	case marker == dht:
		d.tables.huffman(content, d.walking)
	case marker == dri && len(content) >= 2:
		d.interval = int(binary.BigEndian.Uint16(content))
	case marker == app0:
		d.jfif = len(content) >= 5 && string(content[:5]) == "JFIF\x00"
	case marker == app14 && len(content) >= 12 && string(content[:5]) == "Adobe":
		d.adobe, d.transform = true, content[11]
	case sof0 <= marker && marker <= 0xcf && marker != jpg && marker != dac:
		return d.readFrame(marker, content)
	}
	return nil
}
