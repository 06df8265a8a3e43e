package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/access"
	"imageserver/api/imaging/format"
	"imageserver/api/intake"
	"imageserver/api/refusal"
	"imageserver/api/transport"
	"imageserver/db"
)

// uploaded is the JSON of a successful upload. It has the fields of the last image, a
// message for people, and fields that some editors need. Only message and filename are
// promised to stay forever.
type uploaded struct {
	Message string `json:"message"`
	image
	Location    string  `json:"location"`
	Duplicate   bool    `json:"duplicate,omitempty"` // the name already had these bytes
	Images      []image `json:"images,omitempty"`    // all images, if there are several
	*forEditors         // in the response to a form
}

// forEditors has the fields that editors need in the response to a form: success and file
// for Editor.js, uploaded for CKEditor 4.
type forEditors struct {
	Success  int     `json:"success"`  // 1
	Uploaded int     `json:"uploaded"` // 1
	File     fileURL `json:"file"`
}

// fileURL has only one field, because Editor.js stores all of them in its document.
type fileURL struct {
	URL string `json:"url"`
}

// upload stores the files of a multipart/form-data body (RFC 7578). It responds with 201,
// or with 200 if all of them were stored already. A file can be in a field of any name.
// The only other field that counts is expires_in.
func (s *Server) upload(c echo.Context) error {
	conflict, err := conflictOf(c)
	if err != nil {
		return err
	}
	dated := len(c.Request().Header.Values("Uploaded-At")) > 0
	if (dated || conflict == db.Replace) && s.access.CrossOrigin(c) {
		return access.ErrCrossOrigin // pages of other sites may only add images, with the current time
	}
	form, err := newForm(c.Request(), func() string { return s.access.BaseURL(c) })
	if err != nil {
		return err
	}
	defer form.close()
	var stored []image
	outcome := db.Unchanged
	for {
		img, err := s.nextFile(c, form, conflict)
		if err == io.EOF {
			break
		}
		if err != nil {
			if len(stored) > 0 {
				return &partlyStored{stored, err}
			}
			return err
		}
		stored = append(stored, s.describeStored(c, img))
		form.stored++
		if img.outcome != db.Unchanged {
			outcome = img.outcome
		}
	}
	if len(stored) == 0 {
		return refusal.New(http.StatusBadRequest, "no_file", "There is no file in the upload. Send the image as form data in the field “file”.")
	}
	return s.respondUploaded(c, stored, outcome)
}

func (s *Server) respondUploaded(c echo.Context, stored []image, outcome db.Outcome) error {
	last := stored[len(stored)-1]
	a := uploaded{
		Message:    "Image uploaded.",
		image:      last,
		Location:   last.URL,
		Duplicate:  outcome == db.Unchanged,
		forEditors: &forEditors{Success: 1, Uploaded: 1, File: fileURL{last.URL}},
	}
	code := http.StatusCreated
	if a.Duplicate {
		code = http.StatusOK
		a.Message = "This image was already here."
	}
	if len(stored) > 1 {
		a.Images = stored
		a.Message = fmt.Sprintf("%d images uploaded.", len(stored))
	}
	c.Response().Header().Set(echo.HeaderLocation, last.URL)
	if strings.HasPrefix(c.Request().Header.Get(echo.HeaderAccept), echo.MIMETextPlain) {
		var lines strings.Builder
		for _, i := range stored {
			fmt.Fprintln(&lines, i.URL)
		}
		return c.String(code, lines.String())
	}
	return c.JSON(code, a)
}

// partlyStored is the error of one file of a request, after other files of the request
// were stored.
type partlyStored struct {
	images []image
	err    error
}

func (e *partlyStored) Error() string { return e.err.Error() }
func (e *partlyStored) Unwrap() error { return e.err }

func (e *partlyStored) message(refusal string) string {
	names := make([]string, len(e.images))
	for i, img := range e.images {
		names[i] = img.Filename
	}
	return fmt.Sprintf("%s The files before it are stored: %s.", refusal, strings.Join(names, ", "))
}

// nextFile stores the next file of the form, or returns io.EOF.
func (s *Server) nextFile(c echo.Context, form *form, conflict db.Conflict) (received, error) {
	for {
		part, err := form.nextFile()
		if err != nil {
			return received{}, err
		}
		name := part.FileName
		if form.files++; form.files > maxFiles {
			return received{}, refusal.New(http.StatusBadRequest, "too_many_files", "A form may have %d files. Send the others in another form.", maxFiles)
		}
		if form.files > 1 { // LimitUploads has counted the first
			if err := s.access.CountUpload(c); err != nil {
				return received{}, err
			}
		}
		img, err := s.receive(c, form, incoming{
			name:     func(t format.Type) string { return db.CleanName(name, t.Ext()) },
			conflict: conflict,
			lifetime: form.lifetime,
		})
		if name == "" && errors.Is(err, intake.ErrEmpty) {
			continue // a browser sends this for a file field without a file
		}
		if err != nil && name != "" {
			err = named(name, err)
		}
		return img, err
	}
}

// named adds the name of the file to the message of an error.
func named(file string, err error) error {
	e := refusalOf(err)
	if e.Status >= 500 {
		return err
	}
	return refusal.Because(err, e.Status, e.Code, fmt.Sprintf("%s: %s", db.CleanName(file, ""), e.Message))
}

// incoming says how to store one image.
type incoming struct {
	name     func(format.Type) string
	conflict db.Conflict
	allow    db.Precondition
	digest   *db.Digest             // that the client announced, or nil
	lifetime func() (string, error) // reads the form's field expires_in after the last byte of the image; nil without a form
}

// received is an image that was stored.
type received struct {
	db.Image
	outcome  db.Outcome
	key      deleteKey // has no effect if the image was stored already
	stripped bool
}

// receive stores one image.
func (s *Server) receive(c echo.Context, body io.Reader, in incoming) (received, error) {
	ctx := c.Request().Context()
	q := query(c)
	strip, err := flag(q, "strip")
	if err != nil {
		return received{}, err
	}
	uploaded, err := uploadedAt(c.Request().Header, time.Now())
	if err != nil {
		return received{}, err
	}
	sender := transport.Sender(c.Request())
	content, err := s.intake.Open(ctx, body, intake.Options{Strip: strip, Digest: in.digest != nil, Sender: sender})
	if err != nil {
		return received{}, err
	}
	defer content.Close()
	s.variants.Prepare(content.Type)
	key := newDeleteKey(time.Now())
	name := in.name(content.Type)
	img, outcome, err := s.store.Put(ctx, name, content, db.PutOptions{
		Sender:        sender,
		Conflict:      in.conflict,
		Allow:         in.allow,
		Uploaded:      uploaded,
		DeleteKeyHash: key.hash(),
		TrashTTL:      s.o.Trash,
		Inspect: func(r io.ReaderAt, img *db.Image) error {
			if in.digest != nil && *in.digest != content.Digest(img.SHA256) {
				return errDigest
			}
			if err := intake.Describe(r, img); err != nil {
				return err
			}
			return setExpiry(img, c.Request().Header, q, in.lifetime)
		},
	})
	stored := received{Image: img, outcome: outcome, key: key, stripped: content.Stripped}
	if err == nil {
		s.o.Metrics.stored(stored, name)
	}
	return stored, content.Explain(err)
}

// setExpiry sets the expiry of img to what the request asks for.
func setExpiry(img *db.Image, h http.Header, q url.Values, life func() (string, error)) (err error) {
	field := ""
	if life != nil {
		if field, err = life(); err != nil {
			return err
		}
	}
	text, err := expiresIn(h, q, field)
	if err == nil {
		img.Expires, err = expiry(text, time.Now())
	}
	return err
}

func conflictOf(c echo.Context) (db.Conflict, error) {
	switch v := query(c).Get("conflict"); v {
	case "", "rename":
		return db.Rename, nil
	case "replace":
		return db.Replace, nil
	case "error":
		return db.Fail, nil
	default:
		return 0, refusal.New(http.StatusBadRequest, "bad_conflict", "conflict=%.40s is not valid. Use rename, replace or error.", v)
	}
}
