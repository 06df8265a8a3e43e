package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"runtime/debug"

	"imageserver/api/imaging/codec"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// Run does the whole work of a process. It reads requests from `in`, makes the variants, and
// writes the answers to `out`. The process exits when `in` ends: the server has closed it, or
// has ended. If t is format.WebP, the process encodes WebP. Otherwise it decodes pictures of
// the type t. cache is the folder for codec.Open, or empty.
func Run(ctx context.Context, t format.Type, cache string, in io.Reader, out io.Writer) error {
	work, err := open(ctx, t, cache)
	if err == nil {
		debug.FreeOSMemory() // return the memory that the compiler needed
		err = confine()
	}
	if err := send(out, answerFor(err)); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	requests := make(chan request)
	files := make(chan []byte)
	go read(in, requests, files)
	for r := range requests {
		made, err := work.try(r, <-files)
		a := answerFor(err)
		a.Type, a.Width, a.Height, a.Size = string(made.Type), made.Width, made.Height, int64(len(made.Data))
		a.Placeholder = []byte(made.Placeholder)
		if err := send(out, a); err != nil {
			return err
		}
		if _, err := out.Write(made.Data); err != nil {
			return err
		}
		made.Data = nil
		if r.Memory > largeMemory {
			debug.FreeOSMemory() // otherwise this memory would count beside that of the next picture
		}
	}
	return nil
}

// largeMemory is a limit in bytes. If a picture needed more memory, Run returns the memory to
// the system at once. For smaller pictures this would take longer than the encoding.
const largeMemory = 8 << 20

// work makes the variant that a request asks for. file has the bytes of the picture.
type work func(r request, file []byte) (resize.Result, error)

// open compiles the encoder if t is format.WebP, and otherwise the decoder of the type t.
func open(ctx context.Context, t format.Type, cache string) (work, error) {
	if t == format.WebP {
		e, err := codec.OpenEncoder(ctx, cache)
		return func(r request, file []byte) (resize.Result, error) { return encode(ctx, e, r, file) }, err
	}
	d, err := codec.Open(ctx, t, cache)
	return func(r request, file []byte) (resize.Result, error) { return draw(ctx, d, r, file) }, err
}

// try calls w. If w panics, try returns codec.ErrDamaged.
func (w work) try(r request, file []byte) (made resize.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v\n%s", codec.ErrDamaged, p, debug.Stack())
		}
	}()
	return w(r, file)
}

// read reads requests and their files. When `in` ends, it ends the process at once, even while
// the decoder is running: nothing else stops the decoder, and nobody waits for its answer.
func read(in io.Reader, requests chan<- request, files chan<- []byte) {
	for {
		var r request
		err := receive(in, &r)
		if err == io.EOF {
			os.Exit(0)
		}
		var file []byte
		if err == nil {
			file = make([]byte, r.Size)
			_, err = io.ReadFull(in, file)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "read a request:", err)
			os.Exit(1)
		}
		requests <- r
		files <- file
	}
}

// encode makes a WebP of resize.Planes.
func encode(ctx context.Context, e *codec.Encoder, r request, file []byte) (made resize.Result, err error) {
	w, h := r.Plan.Width, r.Plan.Height
	planes, icc, ok := resize.SplitPlanes(file, w, h)
	if !ok {
		return made, fmt.Errorf("%w: %d bytes for %d × %d pixels", codec.ErrDamaged, len(file), w, h)
	}
	data, err := e.Encode(ctx, planes, w, h, r.Plan.Quality)
	if err != nil {
		return made, err
	}
	return resize.Result{Data: resize.InsertWebP(data, icc, w, h), Type: format.WebP, Width: w, Height: h}, nil
}

// draw makes a variant.
func draw(ctx context.Context, d *codec.Decoder, r request, file []byte) (made resize.Result, err error) {
	h, err := format.ReadHEIF(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return made, err
	}
	if h.HDR() {
		return made, fmt.Errorf("%w: it is HDR", codec.ErrUnsupported)
	}
	p, err := d.Decode(ctx, h, file, r.Memory)
	if err != nil {
		return made, err
	}
	defer p.Close()
	s := resize.Source{ReaderAt: bytes.NewReader(file), Size: int64(len(file)), Info: r.Info, Placeholder: r.Placeholder}
	m := resize.Decoded{Image: p.Image, Alpha: p.Alpha, Premultiplied: h.Premultiplied, Matrix: h.Matrix, Limited: h.Limited}
	if !p.Applied {
		m.Image = p.Image.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(h.Crop)
		s.Orientation = h.Orientation
	}
	return resize.Draw(s, m, r.Plan.resizePlan())
}

// failures has the kind of failure for each error. All other errors count as damaged.
var failures = []struct {
	kind failure
	err  error
}{
	{damaged, codec.ErrDamaged},
	{damaged, resize.ErrDamaged},
	{damaged, format.ErrMalformed},
	{unsupported, codec.ErrUnsupported},
	{unsupported, resize.ErrUnsupported},
	{memory, codec.ErrMemory},
	{tooLong, resize.ErrTooLong},
	{forbidden, codec.ErrForbidden},
}

// answerFor returns the answer for err. If err is nil, the answer has no failure.
func answerFor(err error) answer {
	if err == nil {
		return answer{}
	}
	a := answer{Failure: damaged, Text: err.Error()}
	a.Text = a.Text[:min(len(a.Text), maxError)]
	for _, f := range failures {
		if errors.Is(err, f.err) {
			a.Failure = f.kind
			break
		}
	}
	return a
}

// maxError limits the text of an error, in bytes.
const maxError = 4 << 10
