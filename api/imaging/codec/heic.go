package codec

import (
	"fmt"
	"image"
	_ "unsafe" // for go:linkname

	_ "github.com/gen2brain/heic" // contains the decoder

	"imageserver/api/imaging/format"
)

// heicWASM is the WebAssembly code of the decoder. The Go module does not export it, and exports
// only functions that have no limits of memory and read narrow pictures with a wrong stride.
//
//go:linkname heicWASM github.com/gen2brain/heic.heifWasm
var heicWASM []byte

// Constants of libheif (heif.h).
const (
	heifYCbCr      = 0
	heifRGB        = 1
	heifMonochrome = 2
	heif420        = 1
	heif422        = 2
	heif444        = 3
)

// heicPerPixel returns how many bytes the decoder needs for each pixel. The numbers were
// measured, and TestMemory checks them.
func heicPerPixel(h format.HEIF) float64 {
	samples := 1 + float64(h.Chroma)/4 // for each pixel
	n := 4.5 + 2.5*samples
	if h.Depth > 8 {
		n += 4 * samples
	}
	if h.Alpha != nil {
		n += 4
	}
	return n
}

// decodeHEIC calls the function decode of lib/heif.c of the module, once for the size and once
// for the pixels. libheif crops and turns the picture, and converts samples to 8 bits. It does
// not convert colours to RGB, except those with the matrix 0.
func decodeHEIC(i *instance, h format.HEIF, file []byte) (image.Image, error) {
	in, err := i.put(file)
	if err != nil {
		return nil, err
	}
	about, err := i.allocate(4 * 5)
	if err != nil {
		return nil, err
	}
	decode := func(sizeOnly, out uint64) error {
		ok, err := i.call("decode", in, uint64(len(file)), sizeOnly, about, about+4, about+8, about+12, about+16, out)
		if err == nil && ok == 0 {
			err = fmt.Errorf("%w: libheif refused it", ErrDamaged)
		}
		return err
	}
	if err := decode(1, 0); err != nil {
		return nil, err
	}
	n, err := i.numbers(about, 5)
	if err != nil {
		return nil, err
	}
	width, height, space, chroma, premultiplied := n[0], n[1], n[2], n[3], n[4] == 1
	if err := sized(width, height, h); err != nil {
		return nil, err
	}
	l := newLayout(width, height, space, chroma)
	out, err := i.allocate(l.size)
	if err != nil {
		return nil, err
	}
	if err := decode(0, out); err != nil {
		return nil, err
	}
	pix, err := i.view(out, l.size)
	if err != nil {
		return nil, err
	}
	m, err := l.image(pix, premultiplied)
	if video, ok := m.(*image.YCbCr); ok && h.Chroma == 0 {
		return &image.Gray{Pix: video.Y, Stride: video.YStride, Rect: video.Rect}, nil
	} else if ok {
		repairEdges(video)
	}
	return m, err
}

// repairEdges computes the chroma samples at the edges of a picture again, from their
// neighbours. If the picture is 4:2:0 and its width and height are even, libheif 1.18.2 mixes
// each of these samples with another sample of the same edge. The mean square error of these
// samples was 200 to 600, and that of all other samples was below 1.
func repairEdges(m *image.YCbCr) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if m.SubsampleRatio != image.YCbCrSubsampleRatio420 || w%2+h%2 > 0 || w < 6 || h < 6 {
		return
	}
	w, h = w/2, h/2
	for _, p := range [][]byte{m.Cb, m.Cr} {
		for y := 1; y < h-1; y++ {
			row := p[y*m.CStride:][:w]
			row[0], row[w-1] = continued(row[1], row[2]), continued(row[w-2], row[w-3])
		}
		for x := range w {
			column := p[x:]
			column[0] = continued(column[m.CStride], column[2*m.CStride])
			column[(h-1)*m.CStride] = continued(column[(h-2)*m.CStride], column[(h-3)*m.CStride])
		}
	}
}

// continued returns the sample before a and b, as if the samples changed by equal steps.
func continued(a, b byte) byte { return byte(min(max(2*int(a)-int(b), 0), 255)) }

// layout says where in its output libheif writes the planes of a picture.
type layout struct {
	rect            image.Rectangle
	space           int
	ratio           image.YCbCrSubsampleRatio
	stride, cstride int
	luma, size      int // bytes
	chroma          int // bytes of a plane
}

func newLayout(w, h, space, chroma int) layout {
	l := layout{rect: image.Rect(0, 0, w, h), space: space, stride: stride(w), ratio: image.YCbCrSubsampleRatio444}
	if space == heifRGB {
		l.stride = stride(4 * w) // libheif aligns the bytes of a row
		if w < 64 {
			l.stride = 4 * 64
		}
	}
	l.luma = l.stride * h
	cw, ch := w, h
	switch chroma {
	case heif420:
		l.ratio, cw, ch = image.YCbCrSubsampleRatio420, (w+1)/2, (h+1)/2
	case heif422:
		l.ratio, cw = image.YCbCrSubsampleRatio422, (w+1)/2
	}
	l.cstride = stride(cw)
	if space == heifYCbCr {
		l.chroma = l.cstride * ch
	}
	l.size = l.luma + 2*l.chroma
	return l
}

// stride returns the bytes of a row of a plane. libheif allocates at least 64 samples, and
// aligns a row to 16 bytes (pixelimage.cc, ImagePlane::alloc).
func stride(w int) int { return (max(w, 64) + 15) &^ 15 }

func (l layout) image(pix []byte, premultiplied bool) (image.Image, error) {
	switch {
	case l.space == heifMonochrome:
		return &image.Gray{Pix: pix, Stride: l.stride, Rect: l.rect}, nil
	case l.space == heifYCbCr:
		cb := l.luma + l.chroma
		return &image.YCbCr{Y: pix[:l.luma], Cb: pix[l.luma:cb], Cr: pix[cb:], YStride: l.stride, CStride: l.cstride, SubsampleRatio: l.ratio, Rect: l.rect}, nil
	case l.space == heifRGB && premultiplied:
		return &image.RGBA{Pix: pix, Stride: l.stride, Rect: l.rect}, nil
	case l.space == heifRGB:
		return &image.NRGBA{Pix: pix, Stride: l.stride, Rect: l.rect}, nil
	}
	return nil, fmt.Errorf("%w: colour space %d", ErrUnsupported, l.space)
}
