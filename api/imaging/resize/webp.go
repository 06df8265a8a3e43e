package resize

import (
	"encoding/binary"
	"image"

	"imageserver/api/imaging/format"
)

// Planes is the Type of a Result whose plan asks for a WebP. This package has no encoder of
// WebP. Data has the planes that libwebp encodes: luma; the two planes of chroma with half
// the width and height, rounded up; and alpha. Their levels are those of video. After the
// planes comes the ICC profile, if there is one.
const Planes format.Type = "planes"

// SplitPlanes returns the planes of a picture of w × h pixels, and its ICC profile or nil. It
// reports false if there are too few bytes.
func SplitPlanes(data []byte, w, h int) (planes, icc []byte, ok bool) {
	n := planesSize(w, h)
	if len(data) < n {
		return nil, nil, false
	}
	if len(data) > n {
		icc = data[n:]
	}
	return data[:n], icc, true
}

func planesSize(w, h int) int { return 2*w*h + 2*cells(w, 2)*cells(h, 2) }

// planesOf converts a picture that paint or Draw has made.
func planesOf(m image.Image, icc []byte) []byte {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	n, c := w*h, cells(w, 2)*cells(h, 2)
	data := make([]byte, planesSize(w, h), planesSize(w, h)+len(icc))
	luma, cb, cr, alpha := data[:n], data[n:n+c], data[n+c:n+2*c], data[n+2*c:]
	switch m := m.(type) {
	case *image.Gray:
		scaleLuma(luma, m.Pix)
		fill(cb, 128)
		fill(cr, 128)
		fill(alpha, 255)
	case *image.YCbCr: // the ratio is 4:4:4
		scaleLuma(luma, m.Y)
		halve(cb, m.Cb, w, h)
		halve(cr, m.Cr, w, h)
		fill(alpha, 255)
	case *image.NRGBA:
		for i := range luma {
			p := m.Pix[4*i:][:4]
			luma[i], alpha[i] = lumaOf(int(p[0]), int(p[1]), int(p[2])), p[3]
		}
		halveRGB(cb, cr, m)
	}
	return append(data, icc...)
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// scaleLuma converts levels from 0 to 255 to those of video, 16 to 235; see videoRange.
func scaleLuma(dst, src []byte) {
	for i, v := range src {
		dst[i] = byte(16 + (219*int(v)+127)/255)
	}
}

// halve averages the chroma of four pixels, and converts its levels to those of video, 16 to
// 240.
func halve(dst, src []byte, w, h int) {
	cw := cells(w, 2)
	for y := range cells(h, 2) {
		above, below := src[2*y*w:][:w], src[min(2*y+1, h-1)*w:][:w]
		for x := range cw {
			l, r := 2*x, min(2*x+1, w-1)
			sum := int(above[l]) + int(above[r]) + int(below[l]) + int(below[r])
			dst[y*cw+x] = byte((224*(sum-4*128) + 128*4*255 + 2*255) / (4 * 255))
		}
	}
}

// halveRGB averages the colours of four pixels, each as much as it is opaque.
func halveRGB(cb, cr []byte, m *image.NRGBA) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	cw := cells(w, 2)
	for y := range cells(h, 2) {
		above, below := m.Pix[2*y*m.Stride:], m.Pix[min(2*y+1, h-1)*m.Stride:]
		for x := range cw {
			l, r := 4*2*x, 4*min(2*x+1, w-1)
			var red, green, blue, all int
			for _, p := range [4][]byte{above[l:][:4], above[r:][:4], below[l:][:4], below[r:][:4]} {
				a := int(p[3])
				red, green, blue, all = red+a*int(p[0]), green+a*int(p[1]), blue+a*int(p[2]), all+a
			}
			all = max(all, 1)
			i := y*cw + x
			cb[i], cr[i] = chromaOf((red+all/2)/all, (green+all/2)/all, (blue+all/2)/all)
		}
	}
}

// lumaOf and chromaOf convert a colour to the levels of video (ITU-R BT.601, 2.5.1 to 2.5.3),
// with 16 bits after the point.
func lumaOf(r, g, b int) byte {
	return byte((16839*r + 33059*g + 6420*b + 16<<16 + 1<<15) >> 16)
}

func chromaOf(r, g, b int) (cb, cr byte) {
	const middle = 128<<16 + 1<<15
	return byte((-9719*r - 19081*g + 28800*b + middle) >> 16), byte((28800*r - 24116*g - 4684*b + middle) >> 16)
}

// The flags of a VP8X chunk (RFC 9649, section 2.7).
const (
	hasICC   = 0x20
	hasAlpha = 0x10
)

// InsertWebP inserts a profile into a WebP of w × h pixels that libwebp has made (RFC 9649,
// section 2.7). Without a profile it returns the WebP unchanged.
func InsertWebP(data, icc []byte, w, h int) []byte {
	if icc == nil {
		return data
	}
	const header, extended = 12, 8 + 10
	var flags byte = hasICC
	rest := data[header:]
	if string(rest[:4]) == "VP8X" {
		flags |= rest[8]
		rest = rest[extended:]
	}
	out := make([]byte, 0, len(data)+extended+8+len(icc)+1)
	out = append(out, data[:header]...)
	out = append(out, "VP8X\x0a\x00\x00\x00"...)
	out = append(out, flags, 0, 0, 0)
	out = append24(append24(out, w-1), h-1)
	out = append(out, "ICCP"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(icc)))
	out = append(out, icc...)
	if len(icc)%2 == 1 {
		out = append(out, 0)
	}
	out = append(out, rest...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func append24(b []byte, v int) []byte { return append(b, byte(v), byte(v>>8), byte(v>>16)) }
