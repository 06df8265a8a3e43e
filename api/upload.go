package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/labstack/echo/v4"

	"imageserver/api/format"
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
	if conflict == db.Replace && s.foreign(s.crossing, c) {
		return errCrossing // other sites' pages may add images, not replace them
	}
	form, err := newForm(c.Request(), s.base(c))
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
		return refuse(http.StatusBadRequest, "no_file", "There is no file in the upload. Send the image as form data in the field “file”.")
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
		name := part.FileName()
		if form.files++; form.files > maxFiles {
			return taken{}, refuse(http.StatusBadRequest, "too_many_files", "A form may hold %d files. Send the others in another one.", maxFiles)
		}
		img, err := s.take(c, form, intake{
			name:     func(t format.Type) string { return db.CleanName(name, t.Ext()) },
			conflict: conflict,
			life:     form.life,
		})
		var nothing *emptyError
		if name == "" && errors.As(err, &nothing) {
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
	if e.status >= 500 {
		return err
	}
	return &refusal{e.status, e.code, fmt.Sprintf("%s: %s", db.CleanName(file, ""), e.message), err}
}

// intake is how one image is to be stored.
type intake struct {
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

// emptyError is the refusal of a file without a byte.
type emptyError struct{ error }

func (e *emptyError) Unwrap() error { return e.error }

// headPool lends readers that can peek at as much as format.Sniff wants.
var headPool = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, format.SniffLen) }}

// take stores one image. Its type is decided by its first bytes, before any
// more is read, and its dimensions by the whole, before it can be seen.
func (s *Server) take(c echo.Context, body io.Reader, in intake) (taken, error) {
	r := headPool.Get().(*bufio.Reader)
	defer func() { r.Reset(nil); headPool.Put(r) }()
	r.Reset(&limited{r: body, left: s.o.MaxUpload, max: s.o.MaxUpload})
	head, err := r.Peek(format.SniffLen)
	switch {
	case err != nil && err != io.EOF:
		return taken{}, fmt.Errorf("read image: %w", err)
	case len(head) == 0:
		return taken{}, &emptyError{refuse(http.StatusBadRequest, "empty", "The file is empty.")}
	}
	kind, err := format.Sniff(head)
	if err != nil {
		return taken{}, err
	}
	if err := s.allow(kind); err != nil {
		return taken{}, err
	}
	content, err := s.prepare(c, r, kind, in.digest != nil)
	if err != nil {
		return taken{}, err
	}
	defer content.close()
	key := newDeleteKey(time.Now())
	img, outcome, err := s.store.Put(c.Request().Context(), in.name(kind), content, db.PutOptions{
		Conflict:   in.conflict,
		Allow:      in.allow,
		DeleteHash: key.hash(),
		Trash:      s.o.Trash,
		Inspect: func(r io.ReaderAt, img *db.Image) error {
			if in.digest != nil && *in.digest != content.digest(img.SHA256) {
				return errDigest
			}
			return inspect(r, img, c.Request(), in.life)
		},
	})
	return taken{Image: img, outcome: outcome, key: key, stripped: content.stripped}, content.explain(err)
}

// inspect fills in what the store does not know of an image.
func inspect(r io.ReaderAt, img *db.Image, request *http.Request, life func() (string, error)) error {
	info, err := format.Detect(r, img.Size)
	if err != nil {
		return err
	}
	img.ContentType, img.Width, img.Height, img.Orientation = info.Type.MIME(), info.Width, info.Height, info.Orientation
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

// allow refuses the types that --allow leaves out.
func (s *Server) allow(t format.Type) error {
	if s.allowed[t] {
		return nil
	}
	names := make([]string, len(s.o.Allow))
	for i, t := range s.o.Allow {
		names[i] = strings.ToUpper(string(t))
	}
	return refuse(http.StatusUnsupportedMediaType, "not_allowed", "This server does not take %s images, only %s.", strings.ToUpper(string(t)), strings.Join(names, ", "))
}

// limited reads at most left bytes and then fails.
type limited struct {
	r    io.Reader
	left int64
	max  int64
}

func (l *limited) Read(p []byte) (int, error) {
	// One byte more than allowed tells a file that fits from one that does not.
	n, err := l.r.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return 0, tooLarge(l.max)
	}
	return n, err
}

func tooLarge(limit int64) error {
	return refuse(http.StatusRequestEntityTooLarge, "too_large", "The image is too large: the limit is %s.", humanize.IBytes(uint64(limit)))
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
		return 0, refuse(http.StatusBadRequest, "bad_conflict", "conflict=%s is unknown: it is rename, replace or error.", v)
	}
}
