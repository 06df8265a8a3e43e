package strip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// pngSignature is from the PNG Specification, Third Edition, 5.2, like the other
// sections named here.
const pngSignature = "\x89PNG\r\n\x1a\n"

// pngChecksum is the size of the checksum behind a chunk (5.3).
const pngChecksum = 4

// pngKept are the chunks that stay: those of the picture, and those that say how it
// is shown (11.2, 11.3.1, 11.3.2, 11.3.4, 11.3.6). A suggested palette, sPLT, has a
// name of any text, and is of no use to a screen that shows all colours.
var pngKept = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true,
	"tRNS": true,
	"cHRM": true, "gAMA": true, "iCCP": true, "sBIT": true, "sRGB": true, "cICP": true, "mDCV": true, "cLLI": true,
	"bKGD": true, "hIST": true, "pHYs": true,
	"acTL": true, "fcTL": true, "fdAT": true,
}

// png strips a PNG: chunks (5.3).
type png struct {
	in *source
	steps
	left int64 // of a chunk under way

	picture  bool // some of the picture has come: if the file ends now, it is cut off and can be shown
	oriented bool // an eXIf chunk has come: of several the first counts
}

func newPNG(in *source) *png {
	p := &png{in: in}
	p.step = p.begin
	return p
}

func (p *png) begin(out []byte) ([]byte, error) {
	var b [len(pngSignature)]byte
	if err := p.in.full(b[:]); err != nil {
		return out, err
	}
	if string(b[:]) != pngSignature {
		return out, errors.New("does not begin like one")
	}
	p.step = p.chunk
	return append(out, b[:]...), nil
}

// chunk begins to copy a chunk, or passes over it.
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
		// It is empty (11.2.5). Any content goes, like all that follows.
		p.step = p.in.drain
		return appendChunk(out, "IEND", nil), p.cutOff(p.in.skip(length + pngChecksum))
	case pngKept[kind]:
		p.left = length + pngChecksum
		p.step = p.copy
		p.picture = p.picture || kind == "IDAT"
		return append(out, head[:]...), nil
	case kind[0]&0x20 == 0: // 5.4: critical
		return out, fmt.Errorf("has a chunk %q that changes it in a way not known here", kind)
	}
	return out, p.cutOff(p.in.skip(length + pngChecksum))
}

// cutOff makes the end of the file the end of the picture, if some of that has
// come.
func (p *png) cutOff(err error) error {
	if p.picture && err == errCutOff && p.in.err == nil {
		return io.EOF
	}
	return err
}

// copy copies some of a chunk with its checksum.
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

// exif makes of the first eXIf chunk (11.3.4.5) one with the orientation alone.
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
