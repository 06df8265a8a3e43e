package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"strings"

	"github.com/dustin/go-humanize"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/refusal"
	"imageserver/db"
)

// copies finds resized copies in the store and has those made that are missing.
type copies struct {
	store   variantStore
	log     *slog.Logger
	resizer *resizer
	flights flights[resize.Copy]
	budget  int64 // bytes of all copies; see Options.CopiesBudget
	pixels  int64 // of a picture at most
}

// variantStore is the part of a store that copies need.
type variantStore interface {
	db.Images
	db.Variants
	db.Status
}

// copyOf is a copy of an image: what the image is, and what is planned.
type copyOf struct {
	image  db.Image
	source format.Info
	resize.Plan
	client netip.Prefix // who asks for it
}

func (c *copyOf) key() string    { return c.Plan.String() }
func (c *copyOf) id() string     { return copyID(c.image.SHA256, c.Plan) }
func (c *copyOf) String() string { return fmt.Sprintf("%q %s", c.image.Name, c.Plan) }

var (
	// errOriginal: the image itself is the answer.
	errOriginal = errors.New("no copy is made of this image")

	// errMoved: the image went away, or was replaced, while a copy was being made.
	errMoved = errors.New("the image was replaced or deleted while a copy was made")
)

// plan decides on the copy that answers what is wanted of img, whose bytes are in
// body, or returns errOriginal.
func plan(img db.Image, body db.Body, want resize.Request) (*copyOf, error) {
	info := format.Info{Type: format.ByMIME(img.ContentType), Width: img.Width, Height: img.Height, Orientation: img.Orientation}
	if !resize.CanDecode(info.Type) {
		return nil, errOriginal
	}
	if info.Orientation == 0 { // an image from a version that did not keep it
		var err error
		if info, err = format.Detect(body, img.Size); err != nil {
			return nil, err
		}
	}
	if want.Format == "" && info.Type == format.JPEG {
		want.Format = format.JPEG // nothing in it is transparent
	}
	source := resize.Source{Info: info}
	p := want.Plan(source.Upright())
	if p.IsOriginal(source) {
		return nil, errOriginal
	}
	return &copyOf{image: img, source: info, Plan: p}, nil
}

// get returns a copy and its bytes, after making it if it is not there, or
// errOriginal.
func (s *copies) get(ctx context.Context, c *copyOf) (db.Image, db.Body, error) {
	img, content, err := s.find(ctx, c)
	if !errors.Is(err, db.ErrNotFound) {
		return img, content, err
	}
	return s.join(ctx, c, false)
}

// join has the copy made, together with all who want it now. One that is there
// is made again if again is set.
func (s *copies) join(ctx context.Context, c *copyOf, again bool) (db.Image, db.Body, error) {
	if err := s.resizer.failures.of(c.image.SHA256); err != nil {
		return db.Image{}, nil, err
	}
	done := s.resizer.queue.ask(c.client, c.id())
	made, err := s.flights.do(ctx, c.id(), func(ctx context.Context) (resize.Copy, error) {
		if !again { // it may have been made since the caller looked
			if _, content, err := s.find(ctx, c); err == nil {
				content.Close()
				return resize.Copy{}, nil
			}
		}
		return s.make(ctx, c)
	})
	done()
	if err != nil {
		return db.Image{}, nil, err
	}
	img, content, err := s.find(ctx, c)
	switch {
	case !errors.Is(err, db.ErrNotFound):
		return img, content, err
	case made.Data == nil:
		return db.Image{}, nil, errMoved
	}
	content, err = s.resizer.lender.lend(c.client, made.Data) // it is not kept, or is gone already
	return c.describe(db.Image{
		Size:        int64(len(made.Data)),
		SHA256:      sha256.Sum256(made.Data),
		ContentType: made.Type.MIME(),
		Width:       made.Width,
		Height:      made.Height,
	}), content, err
}

// find returns the copy, or db.ErrNotFound when the store does not have it sound.
func (s *copies) find(ctx context.Context, c *copyOf) (db.Image, db.Body, error) {
	img, content, err := s.store.GetVariant(ctx, c.image.SHA256, c.key())
	if errors.Is(err, db.ErrDamaged) {
		s.damaged(c, err)
		err = db.ErrNotFound
	}
	return c.describe(img), content, err
}

func (s *copies) damaged(c *copyOf, err error) {
	s.log.Warn("a copy is damaged and made again", "copy", c.String(), "err", err)
}

// describe completes what the store knows of a copy: it has the dates of its
// image, and the name, with an extension that fits.
func (c *copyOf) describe(img db.Image) db.Image {
	img.Name, img.Uploaded, img.Expires = c.image.Name, c.image.Uploaded, c.image.Expires
	if img.ContentType != c.image.ContentType {
		img.Name = strings.TrimSuffix(img.Name, extension(img.Name)) + format.ByMIME(img.ContentType).Ext()
	}
	return img
}

// extension is that of a name, if it is one of an image's: other dots are the
// name's own.
func extension(name string) string {
	ext := path.Ext(name)
	if _, err := format.Parse(strings.TrimPrefix(ext, ".")); err != nil || ext == name {
		return ""
	}
	return ext
}

// make makes the copy and has the store keep it.
func (s *copies) make(ctx context.Context, c *copyOf) (resize.Copy, error) {
	img, body, err := s.store.Get(ctx, c.image.Name)
	if errors.Is(err, db.ErrNotFound) || err == nil && img.SHA256 != c.image.SHA256 {
		// Those who wait may know the same bytes by another name.
		err = errors.Join(errMoved, closed(body))
	}
	if err != nil {
		return resize.Copy{}, err
	}
	defer body.Close()
	source := resize.Source{ReaderAt: body, Size: img.Size, Info: c.source}
	animated, err := format.Animated(body, img.Size, source.Type)
	if animated && err == nil {
		err = errOriginal
		s.resizer.failures.add(img.SHA256, err)
	}
	if err == nil {
		err = s.check(source)
	}
	if err != nil {
		return resize.Copy{}, err
	}
	made, err := s.resizer.make(ctx, img.SHA256, source, c.Plan)
	if err == nil {
		s.keep(ctx, c, made)
	}
	return made, err
}

// closed closes the body if there is one.
func closed(body db.Body) error {
	if body == nil {
		return nil
	}
	return body.Close()
}

// check refuses a picture that is too large to be decoded.
func (s *copies) check(source resize.Source) error {
	if pixels := int64(source.Width) * int64(source.Height); pixels > s.pixels {
		return refusal.New(http.StatusUnprocessableEntity, "too_many_pixels", "This picture has %d × %d pixels, too many to be resized: the limit is %s. The original can be shown.",
			source.Width, source.Height, humanize.Comma(s.pixels)+" pixels")
	}
	return nil
}

// keep stores a copy. One that cannot be kept can be shown even so.
func (s *copies) keep(ctx context.Context, c *copyOf, made resize.Copy) {
	budget, err := s.room(ctx)
	if err == nil && budget > 0 {
		_, err = s.store.PutVariant(ctx, c.image.SHA256, c.key(), bytes.NewReader(made.Data), db.VariantOptions{
			ContentType: made.Type.MIME(), Width: made.Width, Height: made.Height, Budget: budget,
		})
	}
	level := slog.LevelWarn
	switch {
	case err == nil:
		return
	case errors.Is(err, db.ErrNotFound), errors.Is(err, context.Canceled), errors.Is(err, db.ErrBusy), errors.Is(err, db.ErrBudget):
		level = slog.LevelDebug // it happens where all is well
	}
	s.log.Log(ctx, level, "a copy is not kept", "copy", c.String(), "err", err)
}

// room is how many bytes all copies may take.
func (s *copies) room(ctx context.Context) (int64, error) {
	if s.budget != 0 {
		return max(s.budget, 0), nil
	}
	u, err := s.store.Usage(ctx)
	return max(u.Stored/10, 1<<30), err
}
