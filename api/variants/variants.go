// Package variants makes variants of images: smaller or converted pictures, which the manual
// calls resized copies. It makes each variant once, divides processor time and memory between
// clients, and stores the variants.
package variants

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"imageserver/api/imaging/codec"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/db"
)

// Options are the limits of Variants. The defaults are those of api.Options.
type Options struct {
	Budget    int64 // bytes of all variants in the store; see api.Options.VariantBudget
	Memory    int64 // bytes for making variants, and for sending those that are not kept
	MaxPixels int64 // pixels of the largest image of which variants are made

	// Decoders makes the variants of the types that package resize cannot decode; may be
	// nil.
	Decoders Decoders

	// Encoder encodes variants as WebP. If it is nil, no variant is a WebP.
	Encoder Encoder

	Made func(took time.Duration) // called after each variant is made; may be nil
	Log  *slog.Logger
}

// Decoders makes variants in other processes, see package worker, which also describes the
// errors.
type Decoders interface {
	Can(format.Type) bool
	Prepare(format.Type)
	Ready(context.Context, format.Type) error
	Cost(resize.Source, resize.Plan) (int64, error)
	Make(context.Context, resize.Source, resize.Plan) (resize.Result, error)
	Close()
}

// Encoder encodes WebP in other processes, see package worker, which also describes the errors.
type Encoder interface {
	EncoderReady(context.Context) error
	EncodeCost(resize.Source, resize.Plan) (int64, error)
	Encode(ctx context.Context, planes resize.Result, quality int) (resize.Result, error)
	Close()
}

// Store is the part of a store that variants need.
type Store interface {
	db.Images
	db.Variants
	db.Status
}

// Variants finds the variants of images in a store and makes those that are missing. It
// is safe for concurrent use.
type Variants struct {
	store   Store
	o       Options
	resizer *resizer
	flights flights[resize.Result]
}

// New returns the Variants of the images in a store.
func New(store Store, o Options) *Variants {
	return &Variants{store: store, o: o, resizer: newResizer(resizers(), o.Memory, o.Made, o.Decoders, o.Encoder)}
}

// Variant is a variant of an image that a client asks for.
type Variant struct {
	image  db.Image
	source format.Info
	resize.Plan
	client netip.Prefix
}

func (v *Variant) id() string     { return variantID(v.image.SHA256, v.Plan) }
func (v *Variant) String() string { return fmt.Sprintf("%q %s", v.image.Name, v.Plan) }

// The errors of a Variants.
var (
	// ErrOriginal means that the response to the request is the image itself.
	ErrOriginal = errors.New("no resized copy is made of this image")

	// ErrNotNow is like ErrOriginal, but a later request can get a variant. So no cache may
	// keep the image in place of the variant.
	ErrNotNow = errors.New("no resized copy can be made of this image now")

	// ErrReplaced means that the image was replaced or deleted while the variant was made.
	ErrReplaced = errors.New("the image was replaced or deleted while a resized copy was made")

	// ErrTooManyPixels means that the image has more pixels than Options.MaxPixels.
	ErrTooManyPixels = errors.New("this picture has too many pixels to be resized")

	// ErrMemory means that the variant needs more memory than the server allows, 7/8 of
	// Options.Memory.
	ErrMemory = errors.New("resizing this picture needs more memory than there is")

	// ErrTooSlow means that the image takes too much processor time.
	ErrTooSlow = errors.New("decoding this picture takes too long")

	// ErrNoEncoder means that WebP cannot be encoded on this system.
	ErrNoEncoder = errors.New("no WebP can be made on this system")

	// ErrEncoder means that the encoder of WebP failed. A later try can succeed.
	ErrEncoder = errors.New("the encoder failed")

	// ErrBusy means that too many variants wait or are being made. A later try can succeed.
	ErrBusy = errors.New("too many pictures are being resized")

	// A variant that the store does not keep is only in memory. A read returns
	// ErrTakenBack if this memory was needed for another variant. A later try can succeed.
	ErrTakenBack = errors.New("the memory of the resized copy was needed for another one")
)

// Plan decides which variant of img a client gets when it asks for want. It may read from
// body, which has the bytes of img. It returns ErrOriginal if there is no variant, and
// ErrNotNow if the decoder of the type is turned off. If there is none in the format that the
// client wants, it returns ErrNoEncoder or resize.ErrTooLong.
func (s *Variants) Plan(img db.Image, body io.ReaderAt, want resize.Request, client netip.Prefix) (*Variant, error) {
	info := format.Info{Type: format.ByMIME(img.ContentType), Width: img.Width, Height: img.Height, Orientation: img.Orientation}
	if !s.Resizes(info.Type) {
		if slices.Contains(codec.Types(), info.Type) {
			return nil, ErrNotNow
		}
		return nil, ErrOriginal
	}
	if info.Orientation == 0 { // stored by an early version, which did not keep it
		var err error
		if info, err = format.Detect(body, img.Size); err != nil {
			return nil, err
		}
	}
	if want.Format == "" && info.Type == format.JPEG {
		want.Format = format.JPEG // a JPEG has no transparency
	}
	source := resize.Source{Info: info}
	want.Still = want.Still && format.CanBeAnimated(info.Type)
	p := want.Plan(source.Upright())
	if still := p; p.Still {
		// A variant of a still image has no Still. To find out whether the image is
		// one, the file must be read, perhaps to its end. So that is done here only if the
		// response to a still image is the whole file, and otherwise in make.
		still.Still = false
		if still.IsOriginal(source) {
			var err error
			if p.Still, err = format.Animated(body, img.Size, info.Type); err != nil {
				return nil, err
			}
		}
	}
	if p.IsOriginal(source) {
		return nil, ErrOriginal
	}
	if p.Format == format.WebP && s.o.Encoder == nil {
		return nil, ErrNoEncoder
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	return &Variant{image: img, source: info, Plan: p, client: client}, nil
}

// Prepare starts the process that decodes a type, if another process decodes it, and does not
// wait. Then the first picture of that type waits less for its variants.
func (s *Variants) Prepare(t format.Type) {
	if s.resizer.elsewhere(t) {
		s.o.Decoders.Prepare(t)
	}
}

// Queued returns how many variants are being made or wait for their turn.
func (s *Variants) Queued() int { return s.resizer.queue.length() }

// Close makes all waiting and later requests for missing variants return err.
func (s *Variants) Close(err error) {
	s.resizer.queue.close(err)
	if s.o.Decoders != nil || s.o.Encoder != nil {
		go s.closeCodecs()
	}
}

// Resizes reports whether variants are made of images of a type.
func (s *Variants) Resizes(t format.Type) bool { return resize.CanDecode(t) || s.resizer.elsewhere(t) }

// closeCodecs waits until no variant is being made, and then ends the processes of the decoders
// and the encoder. If the server ends before that, the processes end, too.
func (s *Variants) closeCodecs() {
	for s.Queued() > 0 {
		time.Sleep(100 * time.Millisecond)
	}
	if s.o.Decoders != nil {
		s.o.Decoders.Close()
	}
	if s.o.Encoder != nil {
		s.o.Encoder.Close()
	}
}

// Get returns a variant and its bytes. It makes the variant if the store does not have it. The
// caller must close the body. If ctx ends, Get returns its error.
func (s *Variants) Get(ctx context.Context, v *Variant) (db.Image, db.Body, error) {
	img, content, err := s.find(ctx, v)
	if !errors.Is(err, db.ErrNotFound) {
		return img, content, err
	}
	return s.join(ctx, v, false)
}

// Remake makes a variant again, after the caller has read damaged bytes from a body of Get.
// `damage` is the error of that read, for the log. Otherwise Remake is like Get.
func (s *Variants) Remake(ctx context.Context, v *Variant, damage error) (db.Image, db.Body, error) {
	s.damaged(v, damage)
	return s.join(ctx, v, true)
}

// join makes the variant once for all callers that ask for it at the same time. If `again`
// is true, it makes the variant even if the store has it.
func (s *Variants) join(ctx context.Context, v *Variant, again bool) (db.Image, db.Body, error) {
	if err := s.resizer.failures.of(picture{v.image.SHA256, v.Still}); err != nil {
		return db.Image{}, nil, err
	}
	done := s.resizer.queue.ask(v.client, v.id())
	made, err := s.flights.do(ctx, v.id(), func(ctx context.Context) (resize.Result, error) {
		if !again { // another caller may have made the variant meanwhile
			if _, content, err := s.find(ctx, v); err == nil {
				content.Close()
				return resize.Result{}, nil
			}
		}
		return s.make(ctx, v)
	})
	done()
	if err != nil {
		return db.Image{}, nil, err
	}
	img, content, err := s.find(ctx, v)
	switch {
	case !errors.Is(err, db.ErrNotFound):
		return img, content, err
	case made.Data == nil:
		return db.Image{}, nil, ErrReplaced
	}
	content, err = s.resizer.lender.lend(v.client, made.Data) // the store does not keep it
	return v.describe(db.Image{
		Size:        int64(len(made.Data)),
		SHA256:      sha256.Sum256(made.Data),
		ContentType: made.Type.MIME(),
		Width:       made.Width,
		Height:      made.Height,
	}), content, err
}

// find returns the variant from the store. It returns db.ErrNotFound if the store does not
// have it, or if the stored variant is damaged. The variant of a still image has the same
// key with and without Still: the store has it only if the image is not an animation.
func (s *Variants) find(ctx context.Context, v *Variant) (db.Image, db.Body, error) {
	img, content, err := s.load(ctx, v, v.Plan)
	if v.Still && errors.Is(err, db.ErrNotFound) {
		still := v.Plan
		still.Still = false
		return s.load(ctx, v, still)
	}
	return img, content, err
}

// load returns the variant p of the image of v from the store. The errors are those of find.
func (s *Variants) load(ctx context.Context, v *Variant, p resize.Plan) (db.Image, db.Body, error) {
	img, content, err := s.store.GetVariant(ctx, v.image.SHA256, p.String())
	if errors.Is(err, db.ErrDamaged) {
		s.damaged(v, err)
		err = db.ErrNotFound
	}
	return v.describe(img), content, err
}

func (s *Variants) damaged(v *Variant, err error) {
	s.o.Log.Warn("a damaged resized copy is made again", "copy", v.String(), "err", err)
}

// describe adds the fields that the store does not have for a variant: the times of the image,
// and the name of the image with the extension of the variant's type.
func (v *Variant) describe(img db.Image) db.Image {
	img.Name, img.Uploaded, img.Expires = v.image.Name, v.image.Uploaded, v.image.Expires
	if img.ContentType != v.image.ContentType {
		img.Name = strings.TrimSuffix(img.Name, extension(img.Name)) + format.ByMIME(img.ContentType).Ext()
	}
	return img
}

// extension returns the extension of a name if it is that of an image type, and "" for any
// other text after a dot.
func extension(name string) string {
	ext := path.Ext(name)
	if _, err := format.Parse(strings.TrimPrefix(ext, ".")); err != nil || ext == name {
		return ""
	}
	return ext
}

// make makes the variant and stores it.
func (s *Variants) make(ctx context.Context, v *Variant) (resize.Result, error) {
	img, body, err := s.store.Get(ctx, v.image.Name)
	if errors.Is(err, db.ErrNotFound) || err == nil && img.SHA256 != v.image.SHA256 {
		// Another image may still have the same bytes. A caller can ask again with the
		// name of that image.
		if body != nil {
			body.Close()
		}
		return resize.Result{}, ErrReplaced
	}
	if err != nil {
		return resize.Result{}, err
	}
	defer body.Close()
	source := resize.Source{ReaderAt: body, Size: img.Size, Info: v.source, Placeholder: img.Placeholder == ""}
	p := v.Plan
	animated, err := format.Animated(body, img.Size, source.Type)
	if animated && err == nil && !p.Still {
		err = ErrOriginal
		s.resizer.failures.add(picture{img.SHA256, false}, err)
	}
	p.Still = animated
	if err == nil {
		err = s.check(source)
	}
	if err != nil {
		return resize.Result{}, err
	}
	made, err := s.resizer.make(ctx, img.SHA256, source, p)
	if err == nil {
		s.keep(ctx, v, p, made)
	}
	return made, err
}

// check returns an error if a picture has too many pixels.
func (s *Variants) check(source resize.Source) error {
	if pixels := int64(source.Width) * int64(source.Height); pixels > s.o.MaxPixels {
		return fmt.Errorf("%w: it has %d × %d, and the limit is %s pixels. The original can be shown",
			ErrTooManyPixels, source.Width, source.Height, humanize.Comma(s.o.MaxPixels))
	}
	return nil
}

// keep stores the variant p of the image of v. An error is only logged, because the variant can still be sent.
func (s *Variants) keep(ctx context.Context, v *Variant, p resize.Plan, made resize.Result) {
	budget, err := s.room(ctx)
	if err == nil && budget > 0 {
		_, err = s.store.PutVariant(ctx, v.image.SHA256, p.String(), bytes.NewReader(made.Data), db.VariantOptions{
			ContentType: made.Type.MIME(), Width: made.Width, Height: made.Height, Budget: budget, Placeholder: made.Placeholder,
		})
	}
	level := slog.LevelWarn
	switch {
	case err == nil:
		return
	case errors.Is(err, db.ErrNotFound), errors.Is(err, context.Canceled), errors.Is(err, db.ErrBusy), errors.Is(err, db.ErrBudget):
		level = slog.LevelDebug // normal in operation
	}
	s.o.Log.Log(ctx, level, "a resized copy is not kept", "copy", v.String(), "err", err)
}

// room returns how many bytes all stored variants may have together.
func (s *Variants) room(ctx context.Context) (int64, error) {
	if s.o.Budget != 0 {
		return max(s.o.Budget, 0), nil
	}
	u, err := s.store.Usage(ctx)
	return max(u.Stored/10, 1<<30), err
}
