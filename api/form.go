package api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"sync"

	"github.com/labstack/echo/v4"
)

const (
	maxPartHead = 64 << 10 // bytes of the header of a part
	maxBesides  = 1 << 20  // bytes that a form may hold besides its files
	maxFiles    = 1000     // files of a form: the answer describes each
	tailSize    = 8 << 10  // bytes that hold the closing boundary and what may follow it
)

// form reads a multipart/form-data body (RFC 7578) as it comes. It is a reader
// of its current part.
type form struct {
	parts  *multipart.Reader
	part   *multipart.Part // nil before the first
	body   *tailReader
	buf    *bufio.Reader // of body
	left   int64         // how much more of it may be read
	spent  int64         // bytes of headers, and of parts that were passed over
	files  int           // how many there were
	stored int           // and of them are stored

	ahead     *multipart.Part // the file that life has found
	aheadErr  error           // or why it found none
	expiresIn string          // the field of that name
	fieldErr  error           // of reading it
	end       []byte          // the closing boundary
}

// formPool lends the buffers between the network and the parser, which asks for
// 4 KiB at a time.
var formPool = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}

// newForm begins to read the form of a request. What it says of one that is none
// has the server's URL in it, base.
func newForm(r *http.Request, base string) (*form, error) {
	kind, params, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	switch {
	case kind != echo.MIMEMultipartForm:
		return nil, refuse(http.StatusBadRequest, "not_a_form", "An upload is form data (multipart/form-data) with the image in the field “file”, as from: curl -F file=@cat.png %s/upload", base)
	case params["boundary"] == "": // set by hand, for a fetch that would have known it
		return nil, refuse(http.StatusBadRequest, "not_a_form", "The Content-Type names no boundary of the form data. Leave the header out: clients that are given a form set it themselves.")
	}
	f := &form{
		body: &tailReader{r: r.Body},
		buf:  formPool.Get().(*bufio.Reader),
		end:  []byte("--" + params["boundary"] + "--"),
	}
	f.buf.Reset(f.body)
	f.parts = multipart.NewReader(bounded{f}, params["boundary"])
	return f, nil
}

func (f *form) close() {
	f.buf.Reset(nil)
	formPool.Put(f.buf)
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
		if err != nil || part.FileName() != "" || part.FormName() == "file" {
			return part, err
		}
		if part.FormName() == "expires_in" {
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
		return "", refuse(http.StatusBadRequest, "bad_expiry", "expires_in comes too late for the files before it. Put it before the first file, or into the URL.")
	}
	return f.expiresIn, nil
}

// maxField is the longest that a field may be, in bytes.
const maxField = 100

func (f *form) field(part *multipart.Part) (string, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxField+1))
	if len(b) > maxField {
		err = refuse(http.StatusBadRequest, "bad_form", "The field “%s” is too long.", part.FormName())
	}
	return string(b), err
}

// next goes to the next part, passing over what is left of the current one. At
// the end of the form it returns io.EOF.
func (f *form) next() (*multipart.Part, error) {
	if f.part != nil {
		f.left = math.MaxInt64
		n, err := io.Copy(io.Discard, io.LimitReader(f, maxBesides-f.spent+1))
		if err != nil {
			return nil, err
		}
		f.spent += n
	}
	if f.spent > maxBesides {
		return nil, refuse(http.StatusBadRequest, "bad_form", "The form holds too much besides its files.")
	}
	f.left = maxPartHead // the parser itself would hold 10 MB of a header
	part, err := f.parts.NextPart()
	f.part, f.left = part, math.MaxInt64
	if err == io.EOF && f.body.ended && !bytes.Contains(f.body.tail, f.end) {
		err = io.ErrUnexpectedEOF // in the header of a part
	}
	if err != nil {
		return nil, formError(err)
	}
	for key, values := range part.Header {
		for _, v := range values {
			f.spent += int64(len(key) + len(v))
		}
	}
	return part, nil
}

func (f *form) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	return n, formError(err)
}

var errPartHead = refuse(http.StatusBadRequest, "bad_form", "The header of a part of the form is too long.")

// bounded reads a form's body for as long as f.left allows.
type bounded struct{ f *form }

func (b bounded) Read(p []byte) (int, error) {
	if b.f.left <= 0 {
		return 0, errPartHead
	}
	n, err := b.f.buf.Read(p[:min(int64(len(p)), b.f.left)])
	b.f.left -= int64(n)
	return n, err
}

// tailReader remembers the last of what it has read: a form whose last part is
// cut off in its header looks to the parser like one that ends there.
type tailReader struct {
	r     io.Reader
	tail  []byte // the last tailSize bytes at most
	ended bool
}

func (t *tailReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.tail = append(t.tail, p[max(0, n-tailSize):n]...)
	if over := len(t.tail) - tailSize; over > 0 {
		t.tail = append(t.tail[:0], t.tail[over:]...)
	}
	t.ended = err == io.EOF
	return n, err
}

// formError says why the form cannot be read on; io.EOF is its proper end.
func formError(err error) error {
	var own *refusal
	switch {
	case err == nil, err == io.EOF, errors.As(err, &own), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.Is(err, io.EOF): // before the closing boundary
		return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	return &refusal{http.StatusBadRequest, "bad_form", "The upload is no proper form data: " + err.Error() + ".", err}
}
