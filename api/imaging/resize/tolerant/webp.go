package tolerant

import (
	"bytes"
	"encoding/binary"
	"io"
)

// WebP makes a WebP (RFC 9649) that x/image/webp can decode from the WebP of size
// bytes in r. The new WebP has only the chunks of the picture, and a header that
// matches them. Some programs set the flag for transparency without the chunk, or
// write the chunk without the flag. Browsers show transparency only with both. The
// errors are ErrUnsupported and those of r.
func WebP(r io.ReaderAt, size int64) (io.Reader, error) {
	var extended, alpha, picture []byte // VP8X with its content; the headers of the other two chunks
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
		return nil, ErrUnsupported // the header is right, so something else is damaged
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
