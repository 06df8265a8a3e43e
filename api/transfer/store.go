package transfer

import (
	"context"
	"errors"
	"io"
	"time"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
	"imageserver/api/intake"
	"imageserver/db"
)

// Store returns the Images of a store in this process, which rules are for.
func Store(store db.Images, rules intake.Rules) Images {
	return &local{store, intake.New(rules)}
}

type local struct {
	db.Images
	intake *intake.Intake
}

// Put stores an image as an upload does.
func (l *local) Put(ctx context.Context, name string, content Content, uploaded time.Time) (db.Image, db.Outcome, error) {
	if !l.intake.Fits(content.Size()) {
		return db.Image{}, 0, &Refusal{false, l.intake.TooLarge()}
	}
	body, err := l.intake.Open(ctx, content.Open(), intake.Options{})
	if err != nil {
		return db.Image{}, 0, refusal(err)
	}
	defer body.Close()
	img, outcome, err := l.Images.Put(ctx, name, body, db.PutOptions{Uploaded: uploaded, Inspect: intake.Describe})
	return img, outcome, refusal(body.Explain(err))
}

// refused are the errors that are about one image.
var refused = []error{
	format.ErrUnknown, intake.ErrEmpty, // no image
	format.ErrMalformed, intake.ErrTooLarge, intake.ErrNotAllowed, strip.ErrUnsupported, strip.ErrTooLarge, db.ErrName,
}

// refusal makes a Refusal of an error that is about one image.
func refusal(err error) error {
	for i, reason := range refused {
		if errors.Is(err, reason) {
			return &Refusal{i < 2, err}
		}
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

// pageSize is how many images are listed at a time: the most a server gives.
const pageSize = 1000
