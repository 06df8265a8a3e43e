package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"imageserver/api/format"
	"imageserver/api/resize"
	"imageserver/db"
)

// copyRequest reads the parameters that ask for a resized copy. It returns nil
// when there are none.
func copyRequest(q url.Values) (*resize.Request, error) {
	asked := false
	for _, name := range []string{"w", "h", "fit", "format", "q"} {
		asked = asked || q.Has(name)
	}
	if !asked {
		return nil, nil
	}
	w, errW := pixelsOf(q, "w", "width")
	h, errH := pixelsOf(q, "h", "height")
	quality, errQ := qualityOf(q)
	cover, errFit := fitOf(q)
	kind, errFormat := formatOf(q)
	if err := errors.Join(errW, errH, errFit, errFormat, errQ); err != nil {
		return nil, err
	}
	if cover && (w == 0 || h == 0) {
		return nil, refuse(http.StatusBadRequest, "bad_fit", "fit=cover fills a box, so it needs both w and h.")
	}
	return &resize.Request{Width: w, Height: h, Cover: cover, Format: kind, Quality: quality}, nil
}

// pixelsOf reads a length in pixels and takes it up to the next step; it is 0 if
// not given.
func pixelsOf(q url.Values, name, what string) (int, error) {
	if !q.Has(name) {
		return 0, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 1 || n > resize.MaxSide {
		return 0, refuse(http.StatusBadRequest, "bad_"+what, "%s=%s is no %s: it is a number of pixels from 1 to %d.", name, q.Get(name), what, resize.MaxSide)
	}
	return resize.Step(n), nil
}

func qualityOf(q url.Values) (int, error) {
	if !q.Has("q") {
		return resize.DefaultQuality, nil
	}
	n, err := strconv.Atoi(q.Get("q"))
	if err != nil || n < 1 || n > 100 {
		return 0, refuse(http.StatusBadRequest, "bad_quality", "q=%s is no quality: it is a number from 1 to 100.", q.Get("q"))
	}
	return resize.Quality(n), nil
}

func fitOf(q url.Values) (cover bool, err error) {
	switch fit := q.Get("fit"); {
	case fit == "cover":
		return true, nil
	case fit == "contain" || !q.Has("fit"):
		return false, nil
	default:
		return false, refuse(http.StatusBadRequest, "bad_fit", "fit=%s is unknown: it is contain or cover.", fit)
	}
}

func formatOf(q url.Values) (format.Type, error) {
	if !q.Has("format") {
		return "", nil
	}
	t, err := format.Parse(q.Get("format"))
	if err != nil || t != format.JPEG && t != format.PNG {
		return "", refuse(http.StatusBadRequest, "bad_format", "format=%s cannot be made: it is jpeg or png.", q.Get("format"))
	}
	return t, nil
}

// copies finds resized copies in the store and has those made that are missing.
type copies struct {
	store   db.Store
	log     *slog.Logger
	resizer *resizer
	flights flights[*made]
	budget  int64 // bytes of all copies; see Options.CopiesBudget
	pixels  int64 // of a picture at most
}

// made is a copy as it is when it has just been made.
type made struct {
	db.Image
	data []byte // nil when the store has it
}

// copyOf says which copy of an image is the answer.
type copyOf struct {
	source db.Image
	resize.Plan
}

func (c copyOf) key() string    { return c.Plan.String() }
func (c copyOf) String() string { return fmt.Sprintf("%q %s", c.source.Name, c.Plan) }

// plan decides on the copy that answers what is wanted of img, whose bytes are
// in body. It returns nil where the image itself does.
func plan(img db.Image, body db.Body, want resize.Request) (*copyOf, *resize.Source, error) {
	source, err := sourceOf(img, body)
	if err != nil || !resize.CanDecode(source.Type) {
		return nil, nil, err
	}
	p := want.Plan(source.Upright())
	if p.IsOriginal(source) {
		return nil, nil, nil
	}
	return &copyOf{img, p}, &source, nil
}

// sourceOf describes an image to the resizer. What the store does not know of
// images from an earlier version is read from their header.
func sourceOf(img db.Image, body db.Body) (resize.Source, error) {
	s := resize.Source{ReaderAt: body, Size: img.Size}
	if img.Orientation != 0 {
		s.Info = format.Info{Type: format.ByMIME(img.ContentType), Width: img.Width, Height: img.Height, Orientation: img.Orientation}
		return s, nil
	}
	var err error
	s.Info, err = format.Detect(body, img.Size)
	return s, err
}

// get returns the copy of img that is wanted, or nil where the image itself is
// the answer. It is made if it is not there, and in any case if again is set.
func (s *copies) get(ctx context.Context, img db.Image, body db.Body, want resize.Request, again bool) (*db.Image, db.Body, error) {
	c, source, err := plan(img, body, want)
	if c == nil || err != nil {
		return nil, nil, err
	}
	if !again {
		if found, content, err := s.find(ctx, c); found != nil || err != nil {
			return found, content, err
		}
	}
	if err := s.check(source); err != nil {
		return nil, nil, err
	}
	if animated, err := format.Animated(body, img.Size, source.Type); animated || err != nil {
		return nil, nil, err
	}
	m, err := s.flights.do(ctx, img.SHA256.String()+c.key(), func(ctx context.Context) (*made, error) {
		return s.make(ctx, c, source.Info)
	})
	switch {
	case errors.Is(err, resize.ErrUnsupported):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case m.data == nil:
		if found, content, err := s.find(ctx, c); found != nil || err != nil {
			return found, content, err
		}
		return nil, nil, errMoved // it has been deleted already
	}
	return c.describe(m.Image), memoryBody{bytes.NewReader(m.data)}, nil
}

// renew makes a copy again, for later.
func (s *copies) renew(ctx context.Context, img db.Image, body db.Body, want resize.Request) {
	_, content, err := s.get(ctx, img, body, want, true)
	if err != nil {
		s.log.Warn("a damaged copy is not made again", "image", img.Name, "err", err)
		return
	}
	if content != nil {
		content.Close()
	}
}

// errMoved: the image went away, or was replaced, while a copy was being made.
var errMoved = errors.New("the image was replaced or deleted while a copy was made")

// find returns the copy if the store has it.
func (s *copies) find(ctx context.Context, c *copyOf) (*db.Image, db.Body, error) {
	found, content, err := s.store.GetCopy(ctx, c.source.SHA256, c.key())
	switch {
	case err == nil:
		return c.describe(found), content, nil
	case errors.Is(err, db.ErrNotFound):
		return nil, nil, nil
	case errors.Is(err, db.ErrDamaged):
		s.log.Warn("a copy is damaged and made again", "copy", c.String(), "err", err)
		return nil, nil, nil
	}
	return nil, nil, err
}

// describe completes what the store knows of a copy: it has the date of its
// source, and the name, with an extension that fits.
func (c *copyOf) describe(found db.Image) *db.Image {
	found.Name, found.Uploaded = c.source.Name, c.source.Uploaded
	if found.ContentType != c.source.ContentType {
		found.Name = strings.TrimSuffix(found.Name, path.Ext(found.Name)) + format.ByMIME(found.ContentType).Ext()
	}
	return &found
}

// check refuses a picture that is too large to be decoded.
func (s *copies) check(source *resize.Source) error {
	if pixels := int64(source.Width) * int64(source.Height); pixels > s.pixels {
		return refuse(http.StatusUnprocessableEntity, "too_many_pixels", "This picture has %d × %d pixels, too many to be resized: the limit is %s. The original can be shown.",
			source.Width, source.Height, humanize.Comma(s.pixels)+" pixels")
	}
	return nil
}

// make makes the copy and has the store keep it.
func (s *copies) make(ctx context.Context, c *copyOf, info format.Info) (*made, error) {
	img, body, err := s.store.Get(ctx, c.source.Name)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if img.SHA256 != c.source.SHA256 {
		return nil, errMoved
	}
	source := resize.Source{ReaderAt: body, Size: img.Size, Info: info}
	copied, err := s.resizer.make(ctx, img.SHA256, source, c.Plan)
	if err != nil {
		return nil, err
	}
	m := &made{data: copied.Data, Image: db.Image{
		Size:        int64(len(copied.Data)),
		SHA256:      sha256.Sum256(copied.Data),
		ContentType: copied.Type.MIME(),
		Width:       copied.Width,
		Height:      copied.Height,
	}}
	if s.budget < 0 {
		return m, nil
	}
	kept, err := s.keep(ctx, c, m)
	if err != nil { // it can be shown even so
		s.log.Warn("a copy is not kept", "copy", c.String(), "err", err)
		return m, nil
	}
	return kept, nil
}

// keep stores a copy.
func (s *copies) keep(ctx context.Context, c *copyOf, m *made) (*made, error) {
	budget, err := s.room(ctx)
	if err != nil {
		return nil, err
	}
	img, err := s.store.PutCopy(ctx, c.source.SHA256, c.key(), bytes.NewReader(m.data), db.CopyOptions{
		ContentType: m.ContentType, Width: m.Width, Height: m.Height, Budget: budget,
	})
	return &made{Image: img}, err
}

// room is how many bytes all copies may take.
func (s *copies) room(ctx context.Context) (int64, error) {
	if s.budget != 0 {
		return s.budget, nil
	}
	u, err := s.store.Usage(ctx)
	return max(u.Stored/10, 1<<30), err
}

// memoryBody is a copy that the store does not have.
type memoryBody struct{ *bytes.Reader }

func (memoryBody) Close() error { return nil }

var _ db.Body = memoryBody{}
