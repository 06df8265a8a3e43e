// Package codec decodes AVIF and HEIC, and encodes WebP. The decoders are libavif with libaom,
// and libheif with libde265, and the encoder is libwebp. All are WebAssembly: they run
// without cgo, and a damaged file cannot make them write outside of their own memory.
//
// Nothing can stop a decoder or the encoder while it runs, not even the end of a context. So a
// program that must continue to respond runs them in another process: see package worker.
package codec

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime/debug"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"imageserver/api/imaging/format"
)

// The errors of Decode and Encode.
var (
	// ErrDamaged means that the decoder refused the file, or failed.
	ErrDamaged = errors.New("damaged picture")

	// ErrUnsupported means that the decoder cannot decode this kind of picture, or that its
	// result would not look like the picture.
	ErrUnsupported = errors.New("this kind of picture cannot be decoded")

	// ErrMemory means that the decoder or the encoder needed more memory than it was
	// allowed.
	ErrMemory = errors.New("this picture needs too much memory")
)

// Available reports whether this process can run decoders and encoders: see ErrForbidden.
func Available() bool { return executable() }

// ErrForbidden means that the system does not let this process run code that it has
// compiled. A decoder without compiled code would be 29 times slower, so there is none.
var ErrForbidden = errors.New("the system forbids memory that is executable")

// Picture is a decoded picture. Unless Applied is set, the caller must still crop and turn it.
// The pixels are in memory of the decoder, and must not be used after Close.
type Picture struct {
	// Image is an *image.YCbCr, an *image.Gray, an *image.NRGBA, an *image.RGBA, or an
	// *image.RGBA64.
	image.Image

	// Alpha is the transparency of a YCbCr or a Gray, or nil. It can have another size.
	Alpha *image.Gray

	// Applied is true if the decoder has already cropped and turned the picture.
	Applied bool

	instances []*instance
}

// Close frees the memory of the picture.
func (p *Picture) Close() {
	for _, i := range p.instances {
		i.close()
	}
}

// codec has what is different for each decoder.
type codec struct {
	wasm   *[]byte // compressed with gzip
	decode func(i *instance, h format.HEIF, file []byte) (image.Image, error)
	// applies is true if the decoder crops and turns pictures; see Picture.Applied.
	applies bool
	// fixed is how many bytes of memory the decoder needs for each picture of any size: its
	// tables, its stack, and the borders of its pictures. perPixel is how many more bytes it
	// needs for each pixel.
	fixed    float64
	perPixel func(h format.HEIF) float64
}

var codecs = map[format.Type]codec{
	format.AVIF: {wasm: &avifWASM, decode: decodeAVIF, fixed: 12 << 20, perPixel: avifPerPixel},
	format.HEIC: {wasm: &heicWASM, decode: decodeHEIC, fixed: 2 << 20, perPixel: heicPerPixel, applies: true},
}

// Types returns the types that can be decoded.
func Types() []format.Type { return []format.Type{format.HEIC, format.AVIF} }

// Memory returns how many bytes Decode needs at most for one picture of a file that has `size`
// bytes. It needs the same number of bytes for the transparency, which is a separate picture.
func Memory(t format.Type, h format.HEIF, size int64) int64 {
	pixels := float64(h.Width) * float64(h.Height)
	return int64(min(codecs[t].perPixel(h)*pixels+codecs[t].fixed+2*float64(size), 1<<62))
}

// Decoder decodes pictures of one type. Only one goroutine at a time may use it.
type Decoder struct {
	codec
	machine
}

// Open compiles the decoder of a type, which takes one to three seconds. If cache is not empty,
// it is a folder in which Open keeps the result. Then later calls take 0.1 seconds. No other
// user may have permission to write to that folder, because this process runs the code in it.
func Open(ctx context.Context, t format.Type, cache string) (*Decoder, error) {
	c, ok := codecs[t]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnsupported, t)
	}
	m, err := compile(ctx, *c.wasm, cache)
	if err != nil {
		return nil, fmt.Errorf("compile the decoder of %s: %w", t, err)
	}
	return &Decoder{c, m}, nil
}

// machine is a compiled WebAssembly module.
type machine struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

// compile compiles a module that is compressed with gzip. For cache see Open.
func compile(ctx context.Context, wasm []byte, cache string) (m machine, err error) {
	if !Available() {
		return m, ErrForbidden
	}
	config := wazero.NewRuntimeConfigCompiler()
	if cache != "" {
		if files, err := wazero.NewCompilationCacheWithDir(cache); err == nil {
			config = config.WithCompilationCache(files)
		}
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	code, err := unpack(wasm)
	if err == nil {
		m.module, err = m.runtime.CompileModule(ctx, code)
	}
	if err == nil {
		_, err = wasi_snapshot_preview1.Instantiate(ctx, m.runtime)
	}
	return m, err
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// Decode decodes the picture of a file. h has the properties of the file. Decode needs at most
// `memory` bytes for the picture, and as many for its transparency. The caller must close the
// picture. The errors are ErrDamaged, ErrUnsupported and ErrMemory.
func (d *Decoder) Decode(ctx context.Context, h format.HEIF, file []byte, memory int64) (*Picture, error) {
	defer pauseCollection()()
	p := &Picture{Applied: d.applies}
	edits := h.Grey
	if !d.applies {
		edits = nil
	}
	m, err := d.run(ctx, p, h, edited(file, edits), memory)
	if err != nil {
		return nil, err
	}
	p.Image = m
	if d.applies && len(h.Alpha) > 0 {
		if p.Alpha, err = d.alpha(ctx, p, h, edited(file, edits, h.Alpha), memory); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

// pauseCollection stops garbage collections until the caller calls resume. A collection must
// stop all goroutines, and cannot stop one that runs the code of a module. So all other
// goroutines would wait until that code returns.
func pauseCollection() (resume func()) {
	percent := debug.SetGCPercent(-1)
	return func() { debug.SetGCPercent(percent) }
}

// edited returns a copy of the file with the edits.
func edited(file []byte, all ...[]format.Edit) []byte {
	edits := slices.Concat(all...)
	if len(edits) > 0 {
		file = bytes.Clone(file)
	}
	for _, e := range edits {
		copy(file[e.Off:], e.New)
	}
	return file
}

// alpha decodes the transparency. It is a picture of its own, of which only the luma is used.
func (d *Decoder) alpha(ctx context.Context, p *Picture, h format.HEIF, file []byte, memory int64) (*image.Gray, error) {
	m, err := d.run(ctx, p, h, file, memory)
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *image.Gray:
		return m, nil
	case *image.YCbCr:
		return &image.Gray{Pix: m.Y, Stride: m.YStride, Rect: m.Rect}, nil
	}
	return nil, fmt.Errorf("%w: its transparency is a %T", ErrUnsupported, m)
}

// run decodes in a new instance, whose memory belongs to the picture.
func (d *Decoder) run(ctx context.Context, p *Picture, h format.HEIF, file []byte, memory int64) (image.Image, error) {
	i, err := d.start(ctx, memory)
	if err != nil {
		return nil, err
	}
	m, err := d.decode(i, h, file)
	if err != nil {
		i.close()
		if i.memory.refused {
			err = ErrMemory
		}
		return nil, err
	}
	p.instances = append(p.instances, i)
	return m, nil
}

// instance is a running module. Each instance has its own memory.
type instance struct {
	ctx    context.Context
	module api.Module
	memory *memory
}
