// Package multipart reads multipart/form-data bodies (RFC 7578, RFC 2046 section
// 5.1) part by part, as browsers and programs really write them. It accepts what
// mime/multipart rejects: control characters and other faults in the header of a
// part, file names that are not quoted or escaped in any of the ways in use, and
// a boundary that should be quoted and is not. Unlike mime/multipart it bounds
// the header of a part, and content goes straight into the caller's buffer.
package multipart

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
)

const (
	maxHeader   = 64 << 10 // bytes of the header of a part, or of the preamble
	maxBoundary = 200      // bytes; RFC 2046 allows 70
	direct      = 8 << 10  // the smallest buffer that content is read into without a copy
	fillSize    = 4 << 10  // bytes that are read at a time otherwise
)

// Errors of a body that is not proper form data. A body that ends before its
// closing boundary is an io.ErrUnexpectedEOF. Errors of the reader are returned
// as they are.
var (
	ErrHeader   = fmt.Errorf("the header of a part is too long: it may have %d bytes", maxHeader)
	ErrBoundary = errors.New("a boundary is followed by something else than a line end")
	ErrEncoding = errors.New("a part is not in the encoding that its header names")
)

// Boundary returns the boundary that a Content-Type header names, or "" if it is
// the header of another type, or names none that can be used.
func Boundary(contentType string) (boundary string, isForm bool) {
	kind, params := parameters(contentType)
	if boundary = params["boundary"]; len(boundary) > maxBoundary {
		boundary = ""
	}
	return boundary, strings.EqualFold(kind, "multipart/form-data")
}

// Reader reads a body. It is not safe for concurrent use.
type Reader struct {
	r       io.Reader
	err     error  // of r
	store   []byte // the array of buf
	buf     []byte // read from r and not consumed
	delim   []byte // CR LF "--" boundary; without CR if the body has none
	started bool   // the first boundary has been read
	ended   bool   // the closing boundary has been read
	part    *Part
}

// NewReader returns a Reader of r with a boundary that is not empty.
func NewReader(r io.Reader, boundary string) *Reader {
	return &Reader{r: r, delim: []byte("\r\n--" + boundary)}
}

// Part is one part of a body, and the reader of its content. It is valid until
// the next call of NextPart.
type Part struct {
	Name     string // of the field
	FileName string // as the client calls its file, unescaped, or ""
	Header   int    // bytes of the header with its line ends, for a bound on all of them

	m       *Reader
	content io.Reader // decodes what raw returns
	known   int       // bytes at the head of the buffer that are content
	delim   int       // bytes of the boundary at its end, once that is known
	fresh   bool      // nothing of the content has been read
	err     error     // of raw
}

// NextPart returns the next part, or io.EOF behind the closing boundary. It
// passes over what is left of the current part.
func (m *Reader) NextPart() (*Part, error) {
	if m.ended {
		return nil, io.EOF
	}
	if err := m.pass(); err != nil {
		return nil, err
	}
	rest, err := m.line(maxBoundary)
	switch text := bytes.TrimRight(rest, " \t\r\n"); {
	case bytes.Equal(text, []byte("--")):
		m.ended = true
		return nil, io.EOF
	case err != nil:
		return nil, cutOff(err)
	case len(text) > 0:
		return nil, ErrBoundary
	}
	header, size, err := m.header()
	if err != nil {
		return nil, cutOff(err)
	}
	m.part = newPart(m, header, size)
	return m.part, nil
}

// pass reads up to the end of the next boundary.
func (m *Reader) pass() error {
	if m.started {
		_, err := io.Copy(io.Discard, raw{m.part})
		m.take(m.part.delim)
		return err
	}
	m.started = true
	for passed := 0; ; {
		line, err := m.line(maxHeader)
		if rest, ok := bytes.CutPrefix(line, m.dashes()); ok && endsLine(rest) {
			if bytes.HasSuffix(rest, []byte("\n")) && !bytes.HasSuffix(rest, []byte("\r\n")) {
				m.delim = m.delim[1:] // the lines of this body end without CR
			}
			m.unread(rest)
			return nil
		}
		if err != nil {
			return cutOff(err)
		}
		if passed += len(line); passed > maxHeader {
			return ErrHeader
		}
	}
}

// dashes returns the delimiter without its line end.
func (m *Reader) dashes() []byte { return bytes.TrimLeft(m.delim, "\r\n") }

// cutOff makes an end of the body before its closing boundary an error.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill reads more into the buffer. It returns the error of the reader once there
// is no more. What take returned before is not valid any longer. However little
// comes at a time, few bytes are moved: only when the buffer has no room, and then
// half of it becomes free.
func (m *Reader) fill() error {
	if m.err != nil {
		return m.err
	}
	if have := len(m.buf); cap(m.buf)-have < fillSize/4 {
		if m.store == nil || have > len(m.store)/2 {
			m.store = make([]byte, 2*have+fillSize)
		}
		m.buf = m.store[:copy(m.store, m.buf)]
	}
	n, err := m.r.Read(m.buf[len(m.buf):cap(m.buf)])
	m.buf, m.err = m.buf[:len(m.buf)+n], err
	return nil
}

// unread puts back the end of what take returned last.
func (m *Reader) unread(b []byte) { m.buf = append(bytes.Clone(b), m.buf...) }

func (m *Reader) take(n int) (b []byte) {
	b, m.buf = m.buf[:n], m.buf[n:]
	return b
}

// line returns the next line with its end. If the body ends first it returns
// what there is, and the error. A line of more than most bytes is an ErrHeader.
func (m *Reader) line(most int) ([]byte, error) {
	for searched := 0; ; {
		if i := bytes.IndexByte(m.buf[searched:], '\n'); i >= 0 {
			return m.take(searched + i + 1), nil
		}
		if searched = len(m.buf); searched > most {
			return nil, ErrHeader
		}
		if err := m.fill(); err != nil {
			return m.take(len(m.buf)), err
		}
	}
}

// header returns the lines of a header up to the empty line, joined where one is
// continued, with "\n" between them, and how many bytes it has.
func (m *Reader) header() (lines string, size int, err error) {
	var joined strings.Builder
	for {
		line, err := m.line(maxHeader)
		if err != nil {
			return "", 0, err
		}
		if size += len(line); size > maxHeader {
			return "", 0, ErrHeader
		}
		text := bytes.TrimRight(line, "\r\n")
		if len(text) == 0 {
			return joined.String(), size, nil
		}
		if text[0] != ' ' && text[0] != '\t' {
			joined.WriteByte('\n')
		}
		joined.Write(text)
	}
}

func newPart(m *Reader, header string, size int) *Part {
	p := &Part{m: m, fresh: true, Header: size}
	p.content = raw{p}
	for line := range strings.SplitSeq(header, "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "content-disposition":
			_, params := parameters(value)
			p.Name, p.FileName = params["name"], fileName(params)
		case "content-transfer-encoding": // deprecated by RFC 7578 section 4.7, and still in use
			switch strings.ToLower(strings.TrimSpace(value)) {
			case "quoted-printable":
				p.content = quotedprintable.NewReader(raw{p})
			case "base64":
				p.content = base64.NewDecoder(base64.StdEncoding, raw{p})
			}
		}
	}
	return p
}

// Read reads the content. Its end is io.EOF.
func (p *Part) Read(b []byte) (int, error) {
	n, err := p.content.Read(b)
	if err != nil && err != io.EOF && (p.err == nil || p.err == io.EOF) {
		err = fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return n, err
}

// raw reads the content of a part as it was sent.
type raw struct{ p *Part }

func (r raw) Read(b []byte) (n int, err error) {
	if r.p.err != nil || len(b) == 0 {
		return 0, r.p.err
	}
	n, err = r.p.read(b)
	r.p.err = err
	return n, err
}

func (p *Part) read(b []byte) (int, error) {
	m := p.m
	if p.fresh {
		p.fresh = false
		if m.atDashes() {
			p.delim = len(m.dashes())
			return 0, io.EOF
		}
	}
	for {
		end := false
		if p.known == 0 {
			p.known, end = m.content(m.buf)
		}
		switch {
		case p.known > 0:
			n := copy(b, m.take(min(p.known, len(b))))
			p.known -= n
			return n, nil
		case end:
			p.delim = len(m.delim)
			return 0, io.EOF
		case len(b) < direct || len(m.buf) > fillSize:
			if err := m.fill(); err != nil {
				return 0, cutOff(err)
			}
		default:
			if n, err := m.readInto(b); n > 0 || err != nil {
				return n, cutOff(err)
			}
		}
	}
}

// atDashes reports whether a boundary follows the header of a part at once. The
// part is empty then, and the line end before the boundary is that of the header.
func (m *Reader) atDashes() bool {
	dashes := m.dashes()
	for len(m.buf) < len(dashes)+2 && bytes.HasPrefix(dashes, m.buf[:min(len(m.buf), len(dashes))]) && m.fill() == nil {
	}
	behind, ok := bytes.CutPrefix(m.buf, dashes)
	return ok && delimits(behind)
}

// readInto reads straight into b, behind what is in the buffer, and puts back
// what may belong to a boundary. It returns how much of b is content.
func (m *Reader) readInto(b []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	k := copy(b, m.buf)
	got, err := m.r.Read(b[k:])
	data := b[:k+got]
	m.err = err
	n, _ := m.content(data)
	if m.store == nil {
		m.store = make([]byte, fillSize)
	}
	m.store = append(m.store[:0], data[n:]...)
	m.buf = m.store
	m.store = m.store[:cap(m.store)]
	return n, nil
}

// content returns how many bytes at the head of data are content, and whether a
// boundary follows them. It leaves out what only more data can decide.
func (m *Reader) content(data []byte) (n int, end bool) {
	for {
		i := bytes.Index(data[n:], m.delim)
		if i < 0 {
			break
		}
		n += i
		behind := data[n+len(m.delim):]
		if len(behind) < 2 && m.err == nil {
			return n, false // two bytes decide
		}
		if delimits(behind) {
			return n, true
		}
		n++
	}
	// A line end in the last bytes may begin a boundary. It has no other one in it.
	tail := max(n, len(data)-len(m.delim)+1)
	if i := bytes.LastIndexByte(data[tail:], m.delim[0]); i >= 0 && m.err == nil && bytes.HasPrefix(m.delim, data[tail+i:]) {
		return tail + i, false
	}
	return len(data), false
}

// endsLine reports whether nothing but the end of its line follows a boundary, or
// the dashes of the closing one. Any other line in front of the first part belongs
// to the preamble.
func endsLine(behind []byte) bool {
	text := string(bytes.TrimRight(behind, " \t\r\n"))
	return text == "" || text == "--"
}

// delimits reports whether what follows a boundary makes it one: white space, or
// the two dashes of the closing boundary.
func delimits(behind []byte) bool {
	return len(behind) == 0 || strings.IndexByte(" \t\r\n", behind[0]) >= 0 || bytes.HasPrefix(behind, []byte("--"))
}
