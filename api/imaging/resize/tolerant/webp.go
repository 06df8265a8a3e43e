package tolerant

import (
	"bytes"
	"encoding/binary"
	"io"
)

// WebP returns a WebP (RFC 9649) that x/image/webp decodes, made from the one of
// size bytes in r: with the chunks of the picture and no others, and a header that
// fits them. Writers get the flag for transparency wrong both ways: without the flag
// browsers show no transparency, and without the chunk there is none. The errors are
// ErrUnsupported and those of r.
func WebP(r io.ReaderAt, size int64) (io.Reader, error) {
	var extended, alpha, picture []byte // the header of each, and of the first the content
	var alphaAt, pictureAt *io.SectionReader
	for at := int64(12); at+8 <= size && picture == nil; {
		var head [8]byte
		if _, err := r.ReadAt(head[:], at); err != nil {
			return nil, err
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		padded := length + length%2
		content := io.NewSectionReader(r, at+8, min(padded, size-at-8))
		switch string(head[:4]) {
		case "VP8X":
			extended = make([]byte, 18)
			if _, err := r.ReadAt(extended, at); err != nil && err != io.EOF {
				return nil, err
			}
		case "ALPH":
			alpha, alphaAt = head[:], content
		case "VP8 ", "VP8L":
			picture, pictureAt = head[:], content
		}
		at += 8 + padded
	}
	if picture == nil || bytes.HasPrefix(picture, []byte("VP8L")) && alpha != nil {
		return nil, ErrUnsupported
	}
	flagged := extended != nil && extended[8]&0x10 != 0
	if flagged == (alpha != nil) && (extended == nil || extended[4] == 10) {
		return nil, ErrUnsupported // the damage is somewhere else
	}
	parts := []io.Reader{bytes.NewReader(picture), pictureAt}
	length := 4 + 8 + pictureAt.Size()
	if flagged && alpha != nil {
		binary.LittleEndian.PutUint32(extended[4:], 10)
		extended[8] = 0x10 // the flag for transparency alone
		parts = append([]io.Reader{bytes.NewReader(extended), bytes.NewReader(alpha), alphaAt}, parts...)
		length += int64(len(extended)) + 8 + alphaAt.Size()
	}
	riff := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(length))
	return io.MultiReader(append([]io.Reader{bytes.NewReader(append(riff, "WEBP"...))}, parts...)...), nil
}
