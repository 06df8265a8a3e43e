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

// GIF decodes the first picture of a GIF (GIF89a specification) at its place on
// the screen, whatever comes behind it. Rows that are missing are left out of its
// bounds; those of an interlaced picture look like the row above. An index without a
// colour is black. So do browsers.
// The errors are ErrUnsupported and those of r but for its end.
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

// unsupported returns ErrUnsupported for an end of the file.
func unsupported(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrUnsupported
	}
	return err
}

// colourTable reads a table of colours if the flags say that there is one.
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

// extension reads an extension. A Graphic Control Extension names the transparent
// colour.
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
	m := image.NewPaletted(image.Rect(x, y, x+w, y+h), full)
	blocks := &subBlocks{r: in}
	data := lzw.NewReader(blocks, lzw.LSB, int(size))
	defer data.Close()
	woven := b[8]&0x40 != 0
	rows := gifRows(data, m, woven)
	if blocks.err != nil || rows == 0 {
		return nil, cmp.Or(blocks.err, ErrUnsupported)
	}
	if !woven {
		m.Rect.Max.Y = y + rows
	}
	return m, nil
}

// gifRows reads the rows of m, and reports how many have come. Of an interlaced
// picture it fills in the others.
func gifRows(data io.Reader, m *image.Paletted, woven bool) (rows int) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	row := func(y int) []byte { return m.Pix[y*m.Stride:][:w] }
	read := make([]bool, h)
	for ; rows < h; rows++ {
		y := rows
		if woven {
			y = interlaced(rows, h)
		}
		if _, err := io.ReadFull(data, row(y)); err != nil {
			break // blocks knows an error of the file, any other is damage
		}
		read[y] = true
	}
	for y := 1; woven && y < h; y++ {
		if !read[y] {
			copy(row(y), row(y-1))
		}
	}
	return rows
}

// interlaced returns where a row of an interlaced picture belongs.
func interlaced(row, h int) int {
	for _, pass := range [4]struct{ first, step int }{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		n := (h - pass.first + pass.step - 1) / pass.step
		if row < n {
			return pass.first + row*pass.step
		}
		row -= n
	}
	return row
}

// subBlocks reads the data in sub-blocks as one. Its end is an empty one.
type subBlocks struct {
	r    *bufio.Reader
	left int
	done bool
	err  error // of r, other than its end
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

// ReadByte lets compress/lzw read without a buffer of its own.
func (s *subBlocks) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(s, b[:])
	return b[0], err
}

// peek returns bytes of the current block, at least one.
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
