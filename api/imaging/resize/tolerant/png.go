package tolerant

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
	"io"
)

// PNG makes a PNG that image/png can decode from the damaged PNG in r. The new PNG has
// only the chunks that are needed to decode the picture, new checksums, and exactly
// as much data as the picture needs. Missing rows are blank: white in a grey or RGB
// picture, the first colour of a palette, and transparent otherwise. An interlaced
// picture that lacks data gives ErrUnsupported, because browsers fill its gaps from
// other passes. Section numbers are those of the PNG specification, third edition.
func PNG(r io.Reader) io.Reader { return newPNG(r) }

// PNGFrame is PNG for a frame of an animation that is not the picture of the file. The frame
// has w × h pixels. r begins with the file, and frame with the fdAT chunks of the frame (PNG
// third edition, 11.3.6.3).
func PNGFrame(r, frame io.Reader, w, h int) io.Reader {
	p := newPNG(r)
	p.frame, p.w, p.h = frame, w, h
	return p
}

func newPNG(r io.Reader) *pngReader {
	p := &pngReader{in: bufio.NewReaderSize(r, 32<<10), dataKind: "IDAT"}
	p.data = &idat{p: p}
	p.next = p.head
	return p
}

// pngReader writes the new PNG while it reads the damaged one.
type pngReader struct {
	in      *bufio.Reader
	out     []byte       // output that was not read yet
	next    func() error // appends to out, or returns io.EOF
	data    *idat
	pixels  io.Reader // inflates data; nil after it has failed
	left    int64     // bytes of pixels that were not written yet
	size    int64     // bytes of all pixels
	row     int64     // bytes of one row, or 0 if the picture is interlaced
	blank   byte      // fills missing rows
	adler   uint32
	missing int64 // offset of the first missing byte of the pixels, if pixels is nil
	pending int64 // bytes of the current chunk that were not read yet

	dataKind string    // the type of the chunks with the pixels
	frame    io.Reader // the chunks of a frame, or nil
	w, h     int       // the size of the frame
}

func (p *pngReader) Read(b []byte) (int, error) {
	for len(p.out) == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.out)
	p.out = p.out[n:]
	return n, nil
}

// emit appends a chunk to the output.
func (p *pngReader) emit(kind string, content ...[]byte) {
	length := 0
	for _, c := range content {
		length += len(c)
	}
	p.out = binary.BigEndian.AppendUint32(p.out, uint32(length))
	start := len(p.out)
	p.out = append(p.out, kind...)
	for _, c := range content {
		p.out = append(p.out, c...)
	}
	p.out = binary.BigEndian.AppendUint32(p.out, crc32.ChecksumIEEE(p.out[start:]))
}

// chunk reads the length and the type of the next chunk (5.3).
func (p *pngReader) chunk() (kind string, length int64, err error) {
	var b [8]byte
	if _, err := io.ReadFull(p.in, b[:]); err != nil {
		return "", 0, err
	}
	return string(b[4:]), int64(binary.BigEndian.Uint32(b[:])), nil
}

func (p *pngReader) skip(n int64) error {
	_, err := io.CopyN(io.Discard, p.in, n)
	return err
}

// head copies the chunks before the pixels.
func (p *pngReader) head() error {
	p.out = make([]byte, 8, 128<<10)
	if _, err := io.ReadFull(p.in, p.out); err != nil {
		return err
	}
	for {
		kind, length, err := p.chunk()
		if err != nil {
			return err
		}
		switch {
		case kind == "IDAT" && p.frame != nil:
			p.in.Reset(p.frame)
			p.frame, p.dataKind = nil, "fdAT"
			continue
		case p.dataKind == "fdAT" && kind == "fcTL":
			return ErrUnsupported // this frame has no data
		case kind == p.dataKind && p.pixels != nil:
			if length, err = p.content(length); err != nil {
				return err
			}
			p.pending = length
			p.emit("IDAT", []byte{0x78, 0x01}) // RFC 1950 section 2.2
			p.next = p.rows
			return nil
		case (kind == "IHDR" || kind == "PLTE" || kind == "tRNS") && length <= 768:
			content := make([]byte, length)
			if _, err := io.ReadFull(p.in, content); err != nil {
				return err
			}
			if kind == "IHDR" && length == 13 {
				if p.frame != nil {
					binary.BigEndian.PutUint32(content, uint32(p.w))
					binary.BigEndian.PutUint32(content[4:], uint32(p.h))
				}
				p.measure(content)
				p.adler = 1
				p.pixels = flate.NewReader(p.data)
			}
			p.emit(kind, content)
			length = 0
		}
		if err := p.skip(length + 4); err != nil {
			return err
		}
	}
}

// content skips the sequence number at the beginning of an fdAT chunk. It returns the length
// of the data after it.
func (p *pngReader) content(length int64) (int64, error) {
	if p.dataKind != "fdAT" {
		return length, nil
	}
	if length < 4 {
		return 0, ErrUnsupported
	}
	return length - 4, p.skip(4)
}

// rows appends some rows to the output, in a block that is not compressed (RFC 1951
// section 3.2.4).
func (p *pngReader) rows() error {
	p.out = p.out[:0]
	block := make([]byte, min(p.left, 32<<10))
	if p.pixels != nil {
		n, err := io.ReadFull(p.pixels, block)
		if err != nil {
			if p.data.err != nil {
				return p.data.err
			}
			if p.row == 0 || p.left == p.size && n == 0 {
				return ErrUnsupported
			}
			p.missing = p.size - p.left + int64(n)
			clear(block[n:])
			p.pixels = nil // the rest of the data cannot be read
		}
	}
	if p.pixels == nil {
		p.fillRows(block)
	}
	p.left -= int64(len(block))
	p.adler = updateAdler(p.adler, block)
	header := []byte{0, byte(len(block)), byte(len(block) >> 8), ^byte(len(block)), ^byte(len(block) >> 8)}
	if p.left > 0 {
		p.emit("IDAT", header, block)
		return nil
	}
	header[0] = 1 // the last block
	p.emit("IDAT", header, block, binary.BigEndian.AppendUint32(nil, p.adler))
	p.emit("IEND")
	p.next = func() error { return io.EOF }
	return nil
}

// fillRows fills the rows of the block that are missing completely. A row begins with
// the number of its filter. 0 means no filter (9.2).
func (p *pngReader) fillRows(block []byte) {
	start := p.size - p.left
	first := (p.missing + p.row - 1) / p.row * p.row
	for i := max(0, first-start); i < int64(len(block)); i++ {
		block[i] = p.blank
		if (start+i)%p.row == 0 {
			block[i] = 0
		}
	}
}

// updateAdler continues an Adler-32, which hash/adler32 cannot (RFC 1950 section 9).
func updateAdler(sum uint32, block []byte) uint32 {
	const mod = 65521
	next := adler32.Checksum(block) // as if sum were 1
	a, b := sum&0xffff, sum>>16
	n := uint32(len(block)) % mod
	low := (a + next&0xffff + mod - 1) % mod
	high := (b + next>>16 + n*(a+mod-1)%mod) % mod
	return high<<16 | low
}

// measure calculates the size of the rows of the picture (7.2, 8.1).
func (p *pngReader) measure(ihdr []byte) {
	w, h := int64(binary.BigEndian.Uint32(ihdr)), int64(binary.BigEndian.Uint32(ihdr[4:]))
	channels := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[ihdr[9]]
	row := func(w int64) int64 { return 1 + (w*channels*int64(ihdr[8])+7)/8 }
	if ihdr[9] == 0 || ihdr[9] == 2 {
		p.blank = 0xff
	}
	if ihdr[12] == 0 {
		p.row = row(w)
		p.size = h * p.row
	}
	for _, pass := range adam7 {
		across, down := (w-pass[0]+pass[2]-1)/pass[2], (h-pass[1]+pass[3]-1)/pass[3]
		if p.row == 0 && across > 0 && down > 0 {
			p.size += down * row(across)
		}
	}
	p.left = p.size
}

// adam7 has the passes of an interlaced picture (8.1): first column, first row, step
// across, step down.
var adam7 = [7][4]int64{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}

// idat joins the content of the IDAT chunks, without the header of the zlib stream.
// Any other chunk is the end.
type idat struct {
	p      *pngReader
	header int   // bytes of the zlib header that were skipped
	err    error // the error of the reader, unless it is its end
}

func (d *idat) Read(b []byte) (int, error) {
	for d.p.pending == 0 {
		if err := d.p.skip(4); err != nil { // the checksum
			return 0, d.fail(err)
		}
		kind, length, err := d.p.chunk()
		if err != nil {
			return 0, d.fail(err)
		}
		if kind != d.p.dataKind {
			return 0, io.EOF
		}
		if d.p.pending, err = d.p.content(length); err != nil {
			return 0, d.fail(err)
		}
	}
	n, err := d.p.in.Read(b[:min(int64(len(b)), d.p.pending)])
	d.p.pending -= int64(n)
	skipped := min(n, 2-d.header)
	d.header += skipped
	return copy(b, b[skipped:n]), d.fail(err)
}

// fail returns err, and remembers it unless it is the end of the reader.
func (d *idat) fail(err error) error {
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		d.err = err
	}
	return err
}
