package tolerant

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
	"io"
)

// PNG returns a PNG that image/png decodes, made from the one in r: with the chunks
// that are needed to decode the picture and no others, new checksums, and exactly
// as much data as the picture needs. Rows that are missing are blank: white where the
// picture is grey or RGB, the first colour of a palette, and transparent otherwise. An
// interlaced picture that lacks data is ErrUnsupported: browsers fill the gaps from
// the passes that are there. Sections are those of the PNG specification, third
// edition.
func PNG(r io.Reader) io.Reader {
	p := &pngReader{in: bufio.NewReaderSize(r, 32<<10)}
	p.data = &idat{p: p}
	p.next = p.head
	return p
}

type pngReader struct {
	in      *bufio.Reader
	out     []byte // to be read
	next    func() error
	data    *idat
	pixels  io.Reader // inflates data
	left    int64     // bytes of pixels still to come
	size    int64     // bytes of all pixels
	row     int64     // bytes of one row, or 0 if the picture is interlaced
	blank   byte      // what missing rows are filled with
	adler   uint32
	missing int64 // where pixels begins to lack bytes, if it is nil
	pending int64 // bytes of the chunk that is being read
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

// chunk reads the head of the next chunk (5.3).
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

// head copies what comes before the pixels.
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
		case kind == "IDAT" && p.pixels != nil:
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

// rows appends some rows in a block that is stored and not compressed (RFC 1951
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
			p.pixels = nil // nothing more can be read
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
	header[0] = 1 // the last one
	p.emit("IDAT", header, block, binary.BigEndian.AppendUint32(nil, p.adler))
	p.emit("IEND")
	p.next = func() error { return io.EOF }
	return nil
}

// fillRows fills in the rows of the block that are missing as a whole. Each begins
// with the number of its filter: 0 is none (9.2).
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

// measure notes how many bytes the rows of a picture take (7.2, 8.1).
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

// adam7 has the passes of an interlaced picture (8.1): the first pixel and the step,
// across and down.
var adam7 = [7][4]int64{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}

// idat reads the content of the IDAT chunks behind the header of the zlib stream
// as one. It ends with any other chunk.
type idat struct {
	p      *pngReader
	header int   // bytes of it that have been passed over
	err    error // of the reader
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
		if kind != "IDAT" {
			return 0, io.EOF
		}
		d.p.pending = length
	}
	n, err := d.p.in.Read(b[:min(int64(len(b)), d.p.pending)])
	d.p.pending -= int64(n)
	skipped := min(n, 2-d.header)
	d.header += skipped
	return copy(b, b[skipped:n]), d.fail(err)
}

// fail remembers an error of the reader that is not its end.
func (d *idat) fail(err error) error {
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		d.err = err
	}
	return err
}
