package tolerant

import (
	"bufio"
	"encoding/binary"
	"errors"
	"image"
	"io"
)

// JPEG decodes a baseline or progressive JPEG (ITU-T T.81) in grey or YCbCr. It needs
// neither an end marker nor Huffman tables: frames of webcams (Motion JPEG) leave out
// the tables of T.81 K.3. A code that is not in its table counts as 0, as in libjpeg.
// If a scan ends too early, the blocks up to the next restart marker do not change:
// they are mid-grey, or have the values of earlier scans of a progressive JPEG.
//
// The memory is a byte for each sample, or three bytes for a progressive JPEG. The
// errors are ErrUnsupported and those of r, except io.EOF and io.ErrUnexpectedEOF.
func JPEG(r io.Reader) (image.Image, error) {
	d := &jpegDecoder{r: bufio.NewReaderSize(r, 512)}
	d.standardTables()
	if err := d.segments(); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if !d.drawn {
		return nil, ErrUnsupported
	}
	return d.picture(), nil
}

// The markers of T.81 table B.1 that this package uses.
const (
	sof0, sof1, sof2 = 0xc0, 0xc1, 0xc2
	dht, dac, jpg    = 0xc4, 0xcc, 0xc8
	rst0, rst7       = 0xd0, 0xd7
	soi, eoi         = 0xd8, 0xd9
	sos, dqt, dri    = 0xda, 0xdb, 0xdd
	app14            = 0xee
)

// jpegDecoder is the state of a decoding, or of the walk of a [Walker].
type jpegDecoder struct {
	r           *bufio.Reader
	quant       [4][64]int32 // in zigzag order
	tables      [2][4]huffman
	w, h        int
	hMax, vMax  int
	mcusX, mcuY int
	components  []component
	progressive bool
	rgb         bool   // an Adobe segment says that the components are RGB
	interval    int    // MCUs between restart markers, or 0
	scanned     bool   // a scan has begun
	walking     bool   // for a Walker: nothing is drawn, and the data is appended to passed
	passed      []byte // the data of the scan that was read, without fill bytes
	drawn       bool   // a block has been decoded

	bits    uint32 // the next bits of the scan, the first in the highest bit
	n       int    // number of bits in bits
	missing bool   // the data up to the next restart marker, or to the end, is missing
	padding int    // how many of the last bits are not from the file
	eobRun  int    // blocks without further coefficients (T.81 G.1.2.2)
}

// component is a plane of samples. Its size is rounded up to whole MCUs.
type component struct {
	id, quant  byte
	h, v       int
	stride     int // samples in a row of pix
	blocksX    int // blocks in a row, including those that fill the last MCU
	pix        []byte
	coeff      []int16 // only for a progressive JPEG: 64 for each block, in zigzag order
	dcTab, ac  byte
	prediction int32
}

// segments reads the file up to its end marker.
func (d *jpegDecoder) segments() error {
	for {
		marker, err := d.marker()
		if err != nil {
			return err
		}
		switch {
		case marker == eoi && d.scanned:
			return nil
		case marker <= 1, rst0 <= marker && marker <= eoi:
			continue // these have no content
		}
		var length [2]byte
		if _, err := io.ReadFull(d.r, length[:]); err != nil {
			return err
		}
		content := make([]byte, max(0, int(binary.BigEndian.Uint16(length[:]))-2))
		if _, err := io.ReadFull(d.r, content); err != nil {
			return err
		}
		switch {
		case marker == dqt:
			d.quantization(content)
		case marker == dht:
			d.huffmanTables(content)
		case marker == dri && len(content) >= 2:
			d.interval = int(binary.BigEndian.Uint16(content))
		case marker == app14 && len(content) >= 12 && string(content[:5]) == "Adobe":
			d.rgb = content[11] == 0
		case sof0 <= marker && marker <= 0xcf && marker != jpg && marker != dac:
			if err := d.frame(marker, content); err != nil {
				return err
			}
		case marker == sos:
			if d.rgb && len(d.components) == 3 {
				return ErrUnsupported
			}
			if err := d.scan(content); err != nil {
				return err
			}
			if !d.progressive && d.whole(content) {
				return nil // the bytes after this scan are not part of the picture
			}
		}
	}
}

// marker returns the next marker. It skips all other bytes.
func (d *jpegDecoder) marker() (byte, error) {
	last := byte(0)
	for {
		b, err := d.r.ReadByte()
		if err != nil {
			return 0, err
		}
		if last == 0xff && b != 0 && b != 0xff {
			return b, nil
		}
		last = b
	}
}

// quantization reads DQT (B.2.4.1).
func (d *jpegDecoder) quantization(b []byte) {
	for len(b) > 0 {
		id, wide := b[0]&3, b[0]>>4 != 0
		b = b[1:]
		for i := range 64 {
			switch {
			case wide && len(b) >= 2:
				d.quant[id][i], b = int32(binary.BigEndian.Uint16(b)), b[2:]
			case !wide && len(b) >= 1:
				d.quant[id][i], b = int32(b[0]), b[1:]
			}
		}
	}
}

// frame reads SOF (B.2.2).
func (d *jpegDecoder) frame(marker byte, b []byte) error {
	if marker > sof2 || len(b) < 6 || b[0] != 8 || d.components != nil {
		return ErrUnsupported
	}
	d.progressive = marker == sof2
	d.h, d.w = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	n := int(b[5])
	if d.w == 0 || d.h == 0 || n < 1 || n > 4 || len(b) < 6+3*n || !d.walking && n != 1 && n != 3 {
		return ErrUnsupported
	}
	d.components = make([]component, n)
	for i := range d.components {
		c, spec := &d.components[i], b[6+3*i:]
		c.id, c.h, c.v, c.quant = spec[0], int(spec[1]>>4), int(spec[1]&15), spec[2]&3
		if n == 1 {
			c.h, c.v = 1, 1
		}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return ErrUnsupported
		}
		d.hMax, d.vMax = max(d.hMax, c.h), max(d.vMax, c.v)
	}
	d.mcusX, d.mcuY = (d.w+8*d.hMax-1)/(8*d.hMax), (d.h+8*d.vMax-1)/(8*d.vMax)
	if d.walking {
		return nil
	}
	if string([]byte{d.components[0].id, d.components[n/2].id, d.components[n-1].id}) == "RGB" {
		return ErrUnsupported
	}
	if _, ok := d.ratio(); n == 3 && !ok {
		return ErrUnsupported
	}
	for i := range d.components {
		c := &d.components[i]
		c.blocksX = d.mcusX * c.h
		c.stride = 8 * c.blocksX
		c.pix = make([]byte, c.stride*8*d.mcuY*c.v)
		for j := range c.pix {
			c.pix[j] = 128
		}
		if d.progressive {
			c.coeff = make([]int16, 64*c.blocksX*d.mcuY*c.v)
		}
	}
	return nil
}

// ratio returns the subsampling of the chroma planes, if package image supports it.
func (d *jpegDecoder) ratio() (image.YCbCrSubsampleRatio, bool) {
	c := d.components
	if len(c) != 3 || c[1].h != c[2].h || c[1].v != c[2].v || c[0].h%c[1].h != 0 || c[0].v%c[1].v != 0 || c[0].h != d.hMax || c[0].v != d.vMax {
		return 0, false
	}
	ratio, ok := map[[2]int]image.YCbCrSubsampleRatio{
		{1, 1}: image.YCbCrSubsampleRatio444, {2, 1}: image.YCbCrSubsampleRatio422, {2, 2}: image.YCbCrSubsampleRatio420,
		{1, 2}: image.YCbCrSubsampleRatio440, {4, 1}: image.YCbCrSubsampleRatio411, {4, 2}: image.YCbCrSubsampleRatio410,
	}[[2]int{c[0].h / c[1].h, c[0].v / c[1].v}]
	return ratio, ok
}

// whole reports whether a scan with this header has all components.
func (d *jpegDecoder) whole(b []byte) bool { return len(b) > 0 && int(b[0]) == len(d.components) }

// picture returns the decoded picture.
func (d *jpegDecoder) picture() image.Image {
	if d.progressive {
		for i := range d.components {
			c := &d.components[i]
			for block := range len(c.coeff) / 64 {
				c.draw(block%c.blocksX, block/c.blocksX, c.coeff[64*block:], &d.quant[c.quant])
			}
		}
	}
	rect := image.Rect(0, 0, d.w, d.h)
	y := d.components[0]
	if len(d.components) == 1 {
		return &image.Gray{Pix: y.pix, Stride: y.stride, Rect: rect}
	}
	ratio, _ := d.ratio()
	cb, cr := d.components[1], d.components[2]
	return &image.YCbCr{Y: y.pix, Cb: cb.pix, Cr: cr.pix, YStride: y.stride, CStride: cb.stride, SubsampleRatio: ratio, Rect: rect}
}
