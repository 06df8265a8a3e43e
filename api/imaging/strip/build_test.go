package strip_test

import (
	"encoding/binary"
	"hash/crc32"
	"iter"
	"strings"
)

// The functions in this file build the parts of images.

// segment returns a segment of a JPEG.
func segment(marker byte, content string) string {
	return "\xff" + string([]byte{marker}) + be(len(content)+2, 2) + content
}

func exifSegment(tiff string) string { return segment(0xe1, "Exif\x00\x00"+tiff) }

// chunk returns a chunk of a PNG.
func chunk(kind, content string) string {
	return be(len(content), 4) + kind + content + be(int(crc32.ChecksumIEEE([]byte(kind+content))), 4)
}

// chunkLE returns a chunk of a WebP.
func chunkLE(kind, content string) string {
	return kind + le(len(content), 4) + content + strings.Repeat("\x00", len(content)%2)
}

// riff returns a WebP of these chunks.
func riff(chunks ...string) string { return chunkLE("RIFF", "WEBP"+strings.Join(chunks, "")) }

// vp8x returns the extended header of a WebP of 60 × 40 pixels.
func vp8x(flags byte) string {
	return chunkLE("VP8X", string([]byte{flags})+"\x00\x00\x00"+le(59, 3)+le(39, 3))
}

// vp8 is the beginning of a picture of 60 × 40 pixels.
const vp8 = "\x10\x00\x00\x9d\x01\x2a\x3c\x00\x28\x00"

// tiff returns the content of Exif with only the orientation.
func tiff(orientation int) string {
	return "MM\x00*" + be(8, 4) + be(1, 2) + be(274, 2) + be(3, 2) + be(1, 4) + be(orientation, 2) + be(0, 2) + be(0, 4)
}

// secretTIFF returns the content of Exif with the orientation and a secret, in the other
// byte order.
func secretTIFF(orientation int) string {
	return "II*\x00" + le(8, 4) + le(2, 2) +
		le(274, 2) + le(3, 2) + le(1, 4) + le(orientation, 4) +
		le(315, 2) + le(2, 2) + le(len(secret), 4) + le(38, 4) + le(0, 4) + secret
}

const secret = "Anna Beispiel"

func be(n, size int) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(n))
	return string(b[8-size:])
}

func le(n, size int) string {
	b := binary.LittleEndian.AppendUint64(nil, uint64(n))
	return string(b[:size])
}

// chunks iterates over the chunks of a PNG.
func chunks(png []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := png[8:]; len(rest) >= 12; {
			n := 12 + int(binary.BigEndian.Uint32(rest))
			if n > len(rest) || !yield(string(rest[:n])) {
				return
			}
			rest = rest[n:]
		}
	}
}

// chunksLE iterates over the chunks of a WebP.
func chunksLE(rest []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(rest) >= 8 {
			n := int(binary.LittleEndian.Uint32(rest[4:]))
			if n += 8 + n%2; n > len(rest) || !yield(string(rest[:n])) {
				return
			}
			rest = rest[n:]
		}
	}
}
