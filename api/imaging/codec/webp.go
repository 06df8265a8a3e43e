package codec

import (
	"bytes"
	"context"
	"fmt"
	_ "unsafe" // for go:linkname

	_ "github.com/gen2brain/webp" // contains the encoder
)

// webpWASM is the WebAssembly code of libwebp. The Go module does not export it, and exports
// only functions that have no limits of memory.
//
//go:linkname webpWASM github.com/gen2brain/webp.webpWasm
var webpWASM []byte

// Encoder encodes pictures as WebP. Only one goroutine at a time may use it.
type Encoder struct{ machine }

// OpenEncoder compiles the encoder, which takes a quarter of a second. See Open for cache.
func OpenEncoder(ctx context.Context, cache string) (*Encoder, error) {
	m, err := compile(ctx, webpWASM, cache)
	if err != nil {
		return nil, fmt.Errorf("compile the encoder of WebP: %w", err)
	}
	return &Encoder{m}, nil
}

// EncodeMemory returns how many bytes Encode needs at most for a picture of w × h pixels, without
// its argument and its result. The numbers were measured, and TestEncodeMemory checks them.
func EncodeMemory(w, h int, transparent bool) int64 {
	const fixed, opaque, layered = 2 << 20, 16, 37
	n := int64(opaque)
	if transparent {
		n = layered
	}
	return fixed + n*int64(w)*int64(h)
}

// method is a number from 0 to 6. With a higher number, libwebp takes more time to find a shorter
// encoding.
const method = 2

// webpQuality converts a quality of image/jpeg to the quality of libwebp with which a variant 320
// pixels wide looks the same. It was measured with nine photographs. At 40 and 60, the mean SSIM
// of both is equal, and at 80 it differs by 0.3 dB. At 90, libwebp has the same PSNR with 84 and
// the same SSIM with 90, so 87 is between them. At 100, the PSNR is equal.
func webpQuality(jpeg int) uint64 {
	if jpeg == 90 {
		return 87
	}
	return uint64(jpeg)
}

// Encode returns a picture of w × h pixels as a lossy WebP without metadata. Alpha is lossless.
// planes has the luma, the two planes of chroma with half the width and height, rounded up, and
// alpha. Luma is from 16 to 235, and chroma from 16 to 240. quality is that of image/jpeg, from 1
// to 100. The errors are ErrMemory, and ErrDamaged if the encoder failed.
func (e *Encoder) Encode(ctx context.Context, planes []byte, w, h, quality int) ([]byte, error) {
	if cw, ch := (w+1)/2, (h+1)/2; len(planes) != 2*(w*h+cw*ch) {
		return nil, fmt.Errorf("%w: the planes have %d bytes, but the picture has %d × %d pixels", ErrDamaged, len(planes), w, h)
	}
	defer pauseCollection()()
	i, err := e.start(ctx, EncodeMemory(w, h, true))
	if err != nil {
		return nil, err
	}
	defer i.close()
	data, err := encodeWebP(i, planes, w, h, webpQuality(quality))
	if err != nil && i.memory.refused {
		err = ErrMemory
	}
	return data, err
}

// encodeWebP calls the function encode of lib/webp.c of the module.
func encodeWebP(i *instance, planes []byte, w, h int, quality uint64) ([]byte, error) {
	in, err := i.put(planes)
	if err != nil {
		return nil, err
	}
	size, err := i.allocate(4)
	if err != nil {
		return nil, err
	}
	const yuva, lossy, inexact = 4, 0, 0 // yuva is WEBP_YUV420A; with inexact, libwebp may change the colours of transparent pixels
	out, err := i.call("encode", in, uint64(w), uint64(h), size, yuva, quality, method, lossy, inexact)
	if err != nil {
		return nil, err
	}
	if out == 0 {
		return nil, fmt.Errorf("%w: libwebp could not encode it", ErrDamaged)
	}
	n, err := i.numbers(size, 1)
	if err != nil {
		return nil, err
	}
	data, err := i.view(out, n[0])
	return bytes.Clone(data), err
}
