package api

import (
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"

	"imageserver/api/multipart"
	"imageserver/api/refusal"
)

const (
	maxBesides = 1 << 20 // bytes that a form may hold besides its files
	maxFiles   = 1000    // files of a form: the answer describes each
)

// form reads a multipart/form-data body as it comes. It is a reader of its
// current part.
type form struct {
	parts  *multipart.Reader
	part   *multipart.Part // nil before the first
	spent  int64           // bytes of headers, and of parts that were passed over
	files  int             // how many there were
	stored int             // how many of them are stored

	ahead     *multipart.Part // the file that life has found
	aheadErr  error           // or why it found none
	expiresIn string          // the field of that name
	fieldErr  error           // of reading it
}

// newForm begins to read the form of a request. base is the server's URL, for the
// message about a body that is not a form.
func newForm(r *http.Request, base string) (*form, error) {
	boundary, isForm := multipart.Boundary(r.Header.Get(echo.HeaderContentType))
	switch {
	case !isForm:
		return nil, refusal.New(http.StatusBadRequest, "not_a_form", "An upload is form data (multipart/form-data) with the image in the field “file”, as from: curl -F file=@cat.png %s/upload", base)
	case boundary == "": // a header that was set by hand, for a fetch that would have known the boundary
		return nil, refusal.New(http.StatusBadRequest, "not_a_form", "The Content-Type header names no boundary of the form data. Leave the header out: clients that are given a form set it themselves.")
	}
	return &form{parts: multipart.NewReader(r.Body, boundary)}, nil
}

// nextFile goes to the next part that is a file: one with a file name, or the
// field “file”, which a browser sends without a name when it is left empty. It
// notes the fields it passes. At the end of the form it returns io.EOF.
func (f *form) nextFile() (*multipart.Part, error) {
	if part, err := f.ahead, f.aheadErr; part != nil || err != nil {
		f.ahead, f.aheadErr = nil, nil
		return part, err
	}
	for {
		part, err := f.next()
		if err != nil || part.FileName != "" || part.Name == "file" {
			return part, err
		}
		if part.Name == "expires_in" {
			if f.expiresIn, f.fieldErr = f.field(part); f.fieldErr != nil {
				return nil, f.fieldErr
			}
		}
	}
}

// life reads on behind a file that has been read to its end, up to the next one,
// and returns the field expires_in: clients send the fields of a form before its
// file or behind it.
func (f *form) life() (string, error) {
	said := f.expiresIn
	f.ahead, f.aheadErr = f.nextFile()
	switch {
	case f.fieldErr != nil:
		return "", f.fieldErr
	case errors.Is(f.aheadErr, io.ErrUnexpectedEOF), errors.Is(f.aheadErr, os.ErrDeadlineExceeded):
		return "", f.aheadErr // the field may have been what is cut off
	}
	// What else is wrong behind the file is not its fault.
	if f.stored > 0 && said != f.expiresIn {
		return "", refusal.New(http.StatusBadRequest, "bad_expiry", "expires_in comes too late for the files before it. Put it before the first file, or into the URL.")
	}
	return f.expiresIn, nil
}

// maxField is the longest that a field may be, in bytes.
const maxField = 100

func (f *form) field(part *multipart.Part) (string, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxField+1))
	if len(b) > maxField {
		err = refusal.New(http.StatusBadRequest, "bad_form", "The field “%s” is too long.", part.Name)
	}
	return string(b), err
}

// next goes to the next part, passing over what is left of the current one. At
// the end of the form it returns io.EOF.
func (f *form) next() (*multipart.Part, error) {
	if f.part != nil {
		n, err := io.Copy(io.Discard, io.LimitReader(f, maxBesides-f.spent+1))
		if err != nil {
			return nil, err
		}
		f.spent += n
	}
	if f.spent > maxBesides {
		return nil, refusal.New(http.StatusBadRequest, "bad_form", "The form holds too much besides its files.")
	}
	part, err := f.parts.NextPart()
	f.part = part
	if err != nil {
		return nil, formError(err)
	}
	f.spent += int64(part.Header)
	return part, nil
}

func (f *form) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	return n, formError(err)
}

// formError gives the errors of the form itself a text for people. io.EOF is its
// proper end.
func formError(err error) error {
	for _, fault := range []error{multipart.ErrHeader, multipart.ErrBoundary, multipart.ErrEncoding} {
		if errors.Is(err, fault) {
			return refusal.Because(err, http.StatusBadRequest, "bad_form", "The upload is not proper form data: "+fault.Error()+".")
		}
	}
	return err
}
