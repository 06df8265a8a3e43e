package codec

import (
	"bytes"
	"fmt"
	"image"
	_ "unsafe" // for go:linkname

	_ "github.com/gen2brain/avif" // contains the decoder

	"imageserver/api/imaging/format"
)

// avifWASM is the WebAssembly code of the decoder. The Go module does not export it, and exports
// only functions that have no limits of memory.
//
//go:linkname avifWASM github.com/gen2brain/avif.decodeWasm
var avifWASM []byte

// avifPerPixel returns how many bytes the decoder needs for each pixel. The numbers were
// measured, and TestMemory checks them.
func avifPerPixel(h format.HEIF) float64 {
	n := 22 + 3*float64(h.Chroma)/4
	if h.Depth > 8 {
		n += 12
	}
	if h.Alpha != nil {
		n += 14
	}
	return n
}

// decodeAVIF calls the function decode of lib/decode.c of the module, once for the size and
// once for the pixels of the first picture. libavif converts the colours to RGB, with the
// matrix and the levels of the file.
func decodeAVIF(i *instance, h format.HEIF, file []byte) (image.Image, error) {
	in, err := i.put(file)
	if err != nil {
		return nil, err
	}
	about, err := i.allocate(4*4 + 8)
	if err != nil {
		return nil, err
	}
	decode := func(sizeOnly, out uint64) error {
		ok, err := i.call("decode", in, uint64(len(file)), sizeOnly, 0, about, about+4, about+8, about+12, about+16, out)
		if err == nil && ok == 0 {
			err = fmt.Errorf("%w: libavif refused it", ErrDamaged)
		}
		return err
	}
	if err := decode(1, 0); err != nil {
		return nil, err
	}
	n, err := i.numbers(about, 4)
	if err != nil {
		return nil, err
	}
	width, height, pixel := n[0], n[1], 4
	if n[2] > 8 { // bits of a sample
		pixel = 8
	}
	if err := sized(width, height, h); err != nil {
		return nil, err
	}
	size := pixel * width * height
	out, err := i.allocate(size)
	if err != nil {
		return nil, err
	}
	pix, err := i.view(out, size)
	if err != nil {
		return nil, err
	}
	impossible := []byte("\xff\xff\xff\x00") // white with alpha 0: libavif multiplies colours with alpha, so it never returns this
	if pixel == 8 {
		impossible = []byte("\xff\xff\xff\xff\xff\xff\x00\x00")
	}
	copy(pix, impossible)
	if err := decode(0, out); err != nil {
		return nil, err
	}
	if pix, err = i.view(out, size); err != nil { // the memory may have grown
		return nil, err
	}
	if bytes.HasPrefix(pix, impossible) { // lib/decode.c has reported success, but has written no picture
		return nil, fmt.Errorf("%w: libavif could not decode it", ErrDamaged)
	}
	rect := image.Rect(0, 0, width, height)
	if pixel == 4 {
		return &image.RGBA{Pix: pix, Stride: 4 * width, Rect: rect}, nil
	}
	for k := 0; k+1 < len(pix); k += 2 { // WebAssembly is little-endian
		pix[k], pix[k+1] = pix[k+1], pix[k]
	}
	return &image.RGBA64{Pix: pix, Stride: 8 * width, Rect: rect}, nil
}
