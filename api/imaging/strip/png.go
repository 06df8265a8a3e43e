package strip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// pngSignature is the beginning of a PNG (PNG Specification, Third Edition, 5.2). All
// section numbers in this file are of that specification.
const pngSignature = "\x89PNG\r\n\x1a\n"

// pngChecksum is the size of the checksum at the end of a chunk (5.3).
const pngChecksum = 4

// pngKept are the chunks that are kept: the chunks of the picture, and those that say
// how to show it (11.2, 11.3.1, 11.3.2, 11.3.4, 11.3.6). A suggested palette, sPLT, is
// removed: its name can be any text, and a screen that shows all colours does not
// need it.
var pngKept = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true,
	"tRNS": true,
	"cHRM": true, "gAMA": true, "iCCP": true, "sBIT": true, "sRGB": true, "cICP": true, "mDCV": true, "cLLI": true,
	"bKGD": true, "hIST": true, "pHYs": true,
	"acTL": true, "fcTL": true, "fdAT": true,
}

// png strips a PNG, which consists of chunks (5.3).
type png struct {
	in *source
	steps
	left int64 // bytes of the current chunk that were not copied yet

	picture  bool // a part of the picture was read, so browsers show the file if it ends here
	oriented bool // an eXIf chunk was read; only the first counts
}

func newPNG(in *source) *png {
	p := &png{in: in}
	p.step = p.begin
	return p
}

// begin copies the signature.
func (p *png) begin(out []byte) ([]byte, error) {
	var b [len(pngSignature)]byte
	if err := p.in.full(b[:]); err != nil {
		return out, err
	}
	if string(b[:]) != pngSignature {
		return out, errors.New("does not begin like a PNG")
	}
	p.step = p.chunk
	return append(out, b[:]...), nil
}

// chunk begins to copy a chunk, or skips it.
func (p *png) chunk(out []byte) ([]byte, error) {
	var head [8]byte
	if err := p.in.full(head[:]); err != nil {
		return out, p.cutOff(err)
	}
	length, kind := int64(binary.BigEndian.Uint32(head[:])), string(head[4:])
	if length > 1<<31-1 { // 5.3
		return out, fmt.Errorf("has a chunk of %d bytes", length)
	}
	switch {
	case kind == "eXIf" && !p.oriented:
		return p.exif(out, length)
	case kind == "IEND":
		// The chunk must be empty (11.2.5). Its content, if any, and all data after it
		// are removed.
		p.step = p.in.drain
		return appendChunk(out, "IEND", nil), p.cutOff(p.in.skip(length + pngChecksum))
	case pngKept[kind]:
		p.left = length + pngChecksum
		p.step = p.copy
		p.picture = p.picture || kind == "IDAT"
		return append(out, head[:]...), nil
	case kind[0]&0x20 == 0: // decoders must know this chunk (5.4: critical)
		return out, fmt.Errorf("has a chunk %q that this server does not know and that decoders need", kind)
	}
	return out, p.cutOff(p.in.skip(length + pngChecksum))
}

// cutOff returns err, or io.EOF if the file ends inside of its picture.
func (p *png) cutOff(err error) error {
	if p.picture && err == errCutOff && p.in.err == nil {
		return io.EOF
	}
	return err
}

// copy copies the next bytes of a chunk and its checksum.
func (p *png) copy(out []byte) ([]byte, error) {
	n := int(min(p.left, blockSize))
	if p.left -= int64(n); p.left == 0 {
		p.step = p.chunk
	}
	start := len(out)
	out = append(out, make([]byte, n)...)
	got, err := io.ReadFull(p.in.buf, out[start:])
	if err != nil {
		err = p.cutOff(errCutOff)
	}
	return out[:start+got], err
}

// exif writes an eXIf chunk with only the orientation of the first eXIf chunk
// (11.3.4.5).
func (p *png) exif(out []byte, length int64) ([]byte, error) {
	exif, err := p.in.head(length, int64(maxExif))
	if err != nil {
		return out, p.cutOff(err)
	}
	p.oriented = true
	if minimal := minimalExif(exif); minimal != nil {
		out = appendChunk(out, "eXIf", minimal)
	}
	return out, p.cutOff(p.in.skip(pngChecksum))
}

// appendChunk appends a chunk with its length and checksum.
func appendChunk(out []byte, kind string, content []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(content)))
	start := len(out)
	out = append(append(out, kind...), content...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[start:]))
}
