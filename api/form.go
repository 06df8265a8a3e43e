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
	maxBesides = 1 << 20 // bytes that a form may have besides its files
	maxFiles   = 1000    // files of a form; the response describes each
)

// form reads a multipart/form-data body as it arrives. Read returns bytes of the current
// part.
type form struct {
	parts  *multipart.Reader
	part   *multipart.Part // nil before the first
	read   bool            // the part has been read to its end
	spent  int64           // bytes of headers and of skipped parts
	files  int             // files so far
	stored int             // files that were stored

	ahead     *multipart.Part // the next file, if lifetime has found it already
	aheadErr  error           // the error of lifetime's search for it
	expiresIn string          // the field of that name
	fieldErr  error           // the error of reading that field
}

// newForm begins to read the form of a request. base returns the server's URL, for the
// message about a body that is not a form. The caller closes the form.
func newForm(r *http.Request, base func() string) (*form, error) {
	boundary, isForm := multipart.Boundary(r.Header.Get(echo.HeaderContentType))
	switch {
	case !isForm:
		return nil, refusal.New(http.StatusBadRequest, "not_a_form", "Send the image as form data (multipart/form-data) in the field “file”. Example: curl -F file=@cat.png %s/upload", base())
	case boundary == "": // the header was set by hand; fetch would have added a boundary
		return nil, refusal.New(http.StatusBadRequest, "not_a_form", "The Content-Type header has no boundary for the form data. Leave the header out: a client that sends a form sets it.")
	}
	return &form{parts: multipart.NewReader(r.Body, boundary)}, nil
}

// close releases the memory of the form.
func (f *form) close() { f.parts.Close() }

// nextFile goes to the next file of the form, and reads the fields before it. A file is a
// part with a file name, or the field “file”. If the user chose no file, a browser sends
// that field without a file name. At the end of the form nextFile returns io.EOF.
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

// lifetime returns the field expires_in. It is called at the end of a file and reads the
// fields up to the next file, because clients send fields before or after the file.
func (f *form) lifetime() (string, error) {
	before := f.expiresIn
	f.ahead, f.aheadErr = f.nextFile()
	switch {
	case f.fieldErr != nil:
		return "", f.fieldErr
	case errors.Is(f.aheadErr, io.ErrUnexpectedEOF), errors.Is(f.aheadErr, os.ErrDeadlineExceeded):
		return "", f.aheadErr // the field may be in the part that did not arrive
	}
	// Any other error concerns the next file.
	if f.stored > 0 && before != f.expiresIn {
		return "", refusal.New(http.StatusBadRequest, "bad_expiry", "expires_in comes after files that are stored already. Put it before the first file, or in the URL.")
	}
	return f.expiresIn, nil
}

// maxField is the largest size of a field, in bytes.
const maxField = 100

func (f *form) field(part *multipart.Part) (string, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxField+1))
	if len(b) > maxField {
		err = refusal.New(http.StatusBadRequest, "bad_form", "The field “%s” is too long.", part.Name)
	}
	return string(b), err
}

// next skips the rest of the current part and goes to the next one. At the end of the form
// it returns io.EOF.
func (f *form) next() (*multipart.Part, error) {
	if f.part != nil && !f.read {
		n, err := io.Copy(io.Discard, io.LimitReader(f, maxBesides-f.spent+1))
		if err != nil {
			return nil, err
		}
		f.spent += n
	}
	if f.spent > maxBesides {
		return nil, refusal.New(http.StatusBadRequest, "bad_form", "The form has too much data besides its files.")
	}
	part, err := f.parts.NextPart()
	f.part, f.read = part, false
	if err != nil {
		return nil, formError(err)
	}
	f.spent += int64(part.Header)
	return part, nil
}

func (f *form) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	f.read = f.read || err == io.EOF
	return n, formError(err)
}

// formError turns errors in the syntax of the form into refusals. It returns io.EOF and all
// other errors unchanged.
func formError(err error) error {
	for _, fault := range []error{multipart.ErrHeader, multipart.ErrBoundary, multipart.ErrEncoding} {
		if errors.Is(err, fault) {
			return refusal.Because(err, http.StatusBadRequest, "bad_form", "The upload is not proper form data: "+fault.Error()+".")
		}
	}
	return err
}
