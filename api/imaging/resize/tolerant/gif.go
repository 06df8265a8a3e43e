package tolerant

import (
	"bufio"
	"cmp"
	"compress/lzw"
	"encoding/binary"
	"image"
	"image/color"
	"io"
)

// GIF decodes the first picture of a GIF (GIF89a specification). The bounds of the
// result are the position of the picture on the screen. GIF treats damage like
// browsers: the bounds do not include missing rows; a missing row of an interlaced
// picture is a copy of the row above; an index without a colour is black. The errors
// are ErrUnsupported and those of r, except io.EOF and io.ErrUnexpectedEOF.
func GIF(r io.Reader) (*image.Paletted, error) {
	in := bufio.NewReaderSize(r, 4<<10)
	var head [13]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, unsupported(err)
	}
	global, err := colourTable(in, head[10])
	if err != nil {
		return nil, unsupported(err)
	}
	transparent := -1
	for {
		kind, err := in.ReadByte()
		switch {
		case err != nil:
			return nil, unsupported(err)
		case kind == 0x21:
			if transparent, err = extension(in, transparent); err != nil {
				return nil, unsupported(err)
			}
		case kind == 0x2c:
			return gifPicture(in, global, transparent)
		case kind == 0x3b:
			return nil, ErrUnsupported
		}
	}
}

// unsupported returns ErrUnsupported if err is the end of the file, or else err.
func unsupported(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrUnsupported
	}
	return err
}

// colourTable reads a colour table if the flags announce one.
func colourTable(r io.Reader, flags byte) (color.Palette, error) {
	if flags&0x80 == 0 {
		return nil, nil
	}
	b := make([]byte, 3<<(flags&7+1))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	p := make(color.Palette, len(b)/3)
	for i := range p {
		p[i] = color.RGBA{b[3*i], b[3*i+1], b[3*i+2], 255}
	}
	return p, nil
}

// extension reads an extension and returns the index of the transparent colour, or
// -1. A Graphic Control Extension sets it.
func extension(in *bufio.Reader, transparent int) (int, error) {
	label, err := in.ReadByte()
	if err != nil {
		return 0, err
	}
	blocks := &subBlocks{r: in}
	var control [4]byte
	n, _ := io.ReadFull(blocks, control[:])
	if label == 0xf9 && n == len(control) {
		transparent = -1
		if control[0]&1 != 0 {
			transparent = int(control[3])
		}
	}
	_, err = io.Copy(io.Discard, blocks)
	return transparent, err
}

// gifPicture decodes the picture after an image separator.
func gifPicture(in *bufio.Reader, palette color.Palette, transparent int) (*image.Paletted, error) {
	var b [9]byte
	if _, err := io.ReadFull(in, b[:]); err != nil {
		return nil, unsupported(err)
	}
	x, y := int(binary.LittleEndian.Uint16(b[:])), int(binary.LittleEndian.Uint16(b[2:]))
	w, h := int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
	local, err := colourTable(in, b[8])
	if err != nil {
		return nil, unsupported(err)
	}
	if local != nil {
		palette = local
	}
	size, err := in.ReadByte()
	if err != nil {
		return nil, unsupported(err)
	}
	if size < 1 || size > 8 || w == 0 || h == 0 {
		return nil, ErrUnsupported
	}
	m := image.NewPaletted(image.Rect(x, y, x+w, y+h), fullPalette(palette, transparent))
	blocks := &subBlocks{r: in}
	data := lzw.NewReader(blocks, lzw.LSB, int(size))
	defer data.Close()
	interlaced := b[8]&0x40 != 0
	rows := gifRows(data, m, interlaced)
	if blocks.err != nil || rows == 0 {
		return nil, cmp.Or(blocks.err, ErrUnsupported)
	}
	if !interlaced {
		m.Rect.Max.Y = y + rows
	}
	return m, nil
}

// fullPalette returns a palette with a colour for each value of a byte.
func fullPalette(palette color.Palette, transparent int) color.Palette {
	full := make(color.Palette, 256)
	for i := range full {
		switch {
		case i == transparent:
			full[i] = color.RGBA{}
		case i < len(palette):
			full[i] = palette[i]
		default:
			full[i] = color.RGBA{A: 255}
		}
	}
	return full
}

// gifRows reads the rows of m, and returns how many the data contains. It fills the
// missing rows of an interlaced picture.
func gifRows(data io.Reader, m *image.Paletted, interlaced bool) (rows int) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	row := func(y int) []byte { return m.Pix[y*m.Stride:][:w] }
	read := make([]bool, h)
	for ; rows < h; rows++ {
		y := rows
		if interlaced {
			y = interlacedRow(rows, h)
		}
		if _, err := io.ReadFull(data, row(y)); err != nil {
			break // subBlocks remembers an error of the file; any other error is damage
		}
		read[y] = true
	}
	for y := 1; interlaced && y < h; y++ {
		if !read[y] {
			copy(row(y), row(y-1))
		}
	}
	return rows
}

// interlacedRow returns the position of a row of an interlaced picture. row is the
// index of the row in the data.
func interlacedRow(row, h int) int {
	for _, pass := range [4]struct{ first, step int }{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		n := (h - pass.first + pass.step - 1) / pass.step
		if row < n {
			return pass.first + row*pass.step
		}
		row -= n
	}
	return row
}

// subBlocks joins the data of sub-blocks. An empty sub-block is the end.
type subBlocks struct {
	r    *bufio.Reader
	left int // bytes of the current sub-block that were not read yet
	done bool
	err  error // the error of r, unless it is io.EOF
}

func (s *subBlocks) Read(p []byte) (int, error) {
	b, err := s.peek()
	if err != nil {
		if err != io.EOF {
			s.err = err
		}
		s.done = true
		return 0, err
	}
	n := copy(p, b)
	s.r.Discard(n)
	s.left -= n
	return n, nil
}

// ReadByte makes a subBlocks an io.ByteReader. compress/lzw needs no buffer then.
func (s *subBlocks) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(s, b[:])
	return b[0], err
}

// peek returns one or more bytes of the current sub-block.
func (s *subBlocks) peek() ([]byte, error) {
	if s.left == 0 && !s.done {
		n, err := s.r.ReadByte()
		if err != nil {
			return nil, err
		}
		s.left = int(n)
	}
	if s.left == 0 || s.done {
		return nil, io.EOF
	}
	if _, err := s.r.Peek(1); err != nil {
		return nil, err
	}
	return s.r.Peek(min(s.left, s.r.Buffered()))
}
