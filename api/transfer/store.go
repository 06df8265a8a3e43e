package transfer

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
	"imageserver/api/intake"
	"imageserver/db"
)

// Store returns the Images of a store in this process. Put follows rules.
func Store(store db.Images, rules intake.Rules) Images {
	return &local{store, intake.New(rules)}
}

// local is the Images of a store in this process.
type local struct {
	db.Images
	intake *intake.Intake
}

// Put stores an image as an upload does.
func (l *local) Put(ctx context.Context, name string, content Content, uploaded time.Time) (db.Image, db.Outcome, error) {
	if !l.intake.Fits(content.Size()) {
		return db.Image{}, 0, &Refusal{Err: l.intake.TooLarge()}
	}
	body, err := l.intake.Open(ctx, content.Open(), intake.Options{})
	if err != nil {
		return db.Image{}, 0, refusal(err)
	}
	defer body.Close()
	img, outcome, err := l.Images.Put(ctx, name, body, db.PutOptions{Uploaded: uploaded, Inspect: intake.Describe})
	return img, outcome, refusal(body.Explain(err))
}

// Errors that concern one image. With an error of notImage, the file is not an image.
var (
	notImage = []error{format.ErrUnknown, intake.ErrEmpty}
	refused  = []error{format.ErrMalformed, intake.ErrTooLarge, intake.ErrNotAllowed, strip.ErrUnsupported, strip.ErrTooLarge, db.ErrName}
)

// refusal returns err as a Refusal if it concerns one image. Other errors it returns
// unchanged.
func refusal(err error) error {
	is := func(reason error) bool { return errors.Is(err, reason) }
	switch {
	case slices.ContainsFunc(notImage, is):
		return &Refusal{NotImage: true, Err: err}
	case slices.ContainsFunc(refused, is):
		return &Refusal{Err: err}
	}
	return err
}

func (l *local) List(ctx context.Context, after string) ([]db.Image, string, error) {
	return l.Images.List(ctx, db.ListOptions{After: after, Limit: pageSize})
}

func (l *local) Fetch(ctx context.Context, img db.Image, w io.Writer) error {
	now, body, err := l.Get(ctx, img.Name)
	if err != nil {
		return err
	}
	defer body.Close()
	if now.SHA256 != img.SHA256 {
		return db.ErrNotFound
	}
	_, err = body.WriteTo(w)
	return err
}

// pageSize is how many images one List returns. A server allows no larger page.
const pageSize = 1000
