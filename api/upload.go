package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
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

// uploaded is the JSON of a successful upload: the last image's fields, with
// the words for people and the location that some editors look for. The
// contract is message and filename.
type uploaded struct {
	Message string `json:"message"`
	image
	Location    string  `json:"location"`
	Duplicate   bool    `json:"duplicate,omitempty"` // these bytes already stood under this name
	Images      []image `json:"images,omitempty"`    // all of them, when there are several
	*forEditors         // after a form
}

// forEditors is what some editors besides look for in the answer to a form:
// Editor.js success and file, CKEditor 4 uploaded.
type forEditors struct {
	Success  int     `json:"success"`  // 1
	Uploaded int     `json:"uploaded"` // 1
	File     fileURL `json:"file"`
}

// fileURL has no more fields than this, for Editor.js keeps them with its text.
type fileURL struct {
	URL string `json:"url"`
}

// upload stores the files of a multipart/form-data body (RFC 7578) and answers
// 201, or 200 when all of them were there already. Every field that carries a
// file is taken; of other fields, expires_in is heeded.
func (s *Server) upload(c echo.Context) error {
	conflict, err := conflictOf(c)
	if err != nil {
		return err
	}
	dated := len(c.Request().Header.Values("Uploaded-At")) > 0
	if (dated || conflict == db.Replace) && s.access.CrossOrigin(c) {
		return access.ErrCrossOrigin // other sites' pages may add images, as the newest, not replace them
	}
	form, err := newForm(c.Request(), s.access.BaseURL(c))
	if err != nil {
		return err
	}
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
	return s.answerUpload(c, stored, outcome)
}

func (s *Server) answerUpload(c echo.Context, stored []image, outcome db.Outcome) error {
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

// partlyStored is the refusal of one file after others of its request were
// stored: those stay.
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
func (s *Server) nextFile(c echo.Context, form *form, conflict db.Conflict) (taken, error) {
	for {
		part, err := form.nextFile()
		if err != nil {
			return taken{}, err
		}
		name := part.FileName
		if form.files++; form.files > maxFiles {
			return taken{}, refusal.New(http.StatusBadRequest, "too_many_files", "A form may hold %d files. Send the others in another one.", maxFiles)
		}
		if form.files > 1 { // the request counts for the first
			if err := s.access.CountUpload(c); err != nil {
				return taken{}, err
			}
		}
		img, err := s.take(c, form, incoming{
			name:     func(t format.Type) string { return db.CleanName(name, t.Ext()) },
			conflict: conflict,
			life:     form.life,
		})
		if name == "" && errors.Is(err, intake.ErrEmpty) {
			continue // what a browser sends for a file field left empty
		}
		if err != nil && name != "" {
			err = named(name, err)
		}
		return img, err
	}
}

// named says which file an error is about, where its text does not.
func named(file string, err error) error {
	e := explain(err)
	if e.Status >= 500 {
		return err
	}
	return refusal.Because(err, e.Status, e.Code, fmt.Sprintf("%s: %s", db.CleanName(file, ""), e.Message))
}

// incoming is how one image is to be stored.
type incoming struct {
	name     func(format.Type) string
	conflict db.Conflict
	allow    db.Precondition
	digest   *db.Digest             // what the client says the bytes have
	life     func() (string, error) // expires_in, asked for when all of the bytes are there; nil for never said
}

// taken is an image that has been stored.
type taken struct {
	db.Image
	outcome  db.Outcome
	key      deleteKey // not good for anything if the image was there already
	stripped bool
}

// take stores one image.
func (s *Server) take(c echo.Context, body io.Reader, in incoming) (taken, error) {
	ctx := c.Request().Context()
	strip, err := flag(c.QueryParams(), "strip")
	if err != nil {
		return taken{}, err
	}
	uploaded, err := uploadedAt(c.Request().Header, time.Now())
	if err != nil {
		return taken{}, err
	}
	sender := transport.Sender(c.Request())
	content, err := s.intake.Open(ctx, body, intake.Options{Strip: strip, Digest: in.digest != nil, Sender: sender})
	if err != nil {
		return taken{}, err
	}
	defer content.Close()
	key := newDeleteKey(time.Now())
	img, outcome, err := s.store.Put(ctx, in.name(content.Type), content, db.PutOptions{
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
			return setExpiry(img, c.Request(), in.life)
		},
	})
	stored := taken{Image: img, outcome: outcome, key: key, stripped: content.Stripped}
	if err == nil {
		s.o.Metrics.stored(stored, in.name(content.Type))
	}
	return stored, content.Explain(err)
}

// setExpiry gives img the end that the request asks for.
func setExpiry(img *db.Image, request *http.Request, life func() (string, error)) (err error) {
	field := ""
	if life != nil {
		if field, err = life(); err != nil {
			return err
		}
	}
	text, err := expiresIn(request, field)
	if err == nil {
		img.Expires, err = expiry(text, time.Now())
	}
	return err
}

func conflictOf(c echo.Context) (db.Conflict, error) {
	switch v := c.QueryParam("conflict"); v {
	case "", "rename":
		return db.Rename, nil
	case "replace":
		return db.Replace, nil
	case "error":
		return db.Fail, nil
	default:
		return 0, refusal.New(http.StatusBadRequest, "bad_conflict", "conflict=%s is unknown: it is rename, replace or error.", v)
	}
}
