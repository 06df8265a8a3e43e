// Package multipart reads multipart/form-data bodies (RFC 7578, RFC 2046 section 5.1),
// part by part. It accepts bodies that browsers and programs send, although
// mime/multipart rejects them:
//
//   - control characters and other faults in the header of a part;
//   - file names in all common forms of quoting and escaping;
//   - a boundary that lacks its quotes.
//
// Unlike mime/multipart, it limits the header of a part, and it reads content directly
// into the caller's buffer.
package multipart

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"sync"
)

const (
	maxHeader   = 64 << 10 // largest header of a part, and largest preamble, in bytes
	maxBoundary = 200      // longest boundary, in bytes; RFC 2046 allows 70
	directSize  = 8 << 10  // smallest caller's buffer, in bytes, that content is read into directly
	fillSize    = 4 << 10  // bytes that are read at once into the reader's own buffer
)

// Errors of a body that is not valid form data. A body that ends before its closing
// boundary is an io.ErrUnexpectedEOF. Errors of the underlying reader are returned
// unchanged.
var (
	ErrHeader   = fmt.Errorf("the header of a part is too long: the limit is %d bytes", maxHeader)
	ErrBoundary = errors.New("a boundary must be followed by a line end")
	ErrEncoding = errors.New("a part does not have the encoding that its header names")
)

// Boundary returns the boundary in a Content-Type header, or "" if the boundary is
// missing or too long. isForm is false if the type is not multipart/form-data.
func Boundary(contentType string) (boundary string, isForm bool) {
	kind, params := parameters(contentType)
	if boundary = parameter(params, "boundary"); len(boundary) > maxBoundary {
		boundary = ""
	}
	return boundary, strings.EqualFold(kind, "multipart/form-data")
}

// Reader reads a body. It is not safe for concurrent use.
type Reader struct {
	r       io.Reader
	err     error // the error of r, including io.EOF
	buffers *buffers
	store   []byte // the memory of buf
	buf     []byte // bytes from r that are not consumed; it ends inside store
	field   []byte // the current field of the header of a part
	delim   []byte // CR LF "--" boundary; without CR if the lines of the body end with LF
	started bool   // the first boundary has been read
	ended   bool   // the closing boundary has been read
	part    Part   // the current part
}

// buffers are the first buffers of a Reader. Almost no body needs larger ones.
type buffers struct {
	store [fillSize]byte
	field [256]byte
	delim [4 + maxBoundary]byte
}

var pool = sync.Pool{New: func() any { return new(buffers) }}

// NewReader returns a Reader that reads from r. The boundary must not be empty. The
// caller closes the Reader.
func NewReader(r io.Reader, boundary string) *Reader {
	b := pool.Get().(*buffers)
	m := &Reader{r: r, buffers: b, store: b.store[:], buf: b.store[:0], field: b.field[:0]}
	m.delim = append(append(b.delim[:0], "\r\n--"...), boundary...)
	return m
}

// Close lets other Readers use the buffers. It does not close the underlying reader. The
// Reader and its parts must not be used after Close.
func (m *Reader) Close() {
	pool.Put(m.buffers)
	*m = Reader{}
}

// Part is one part of a body. Its Read returns the content. A Part is valid until the
// next call of NextPart.
type Part struct {
	Name     string // name of the field
	FileName string // file name from the client, unescaped, or ""
	Header   int    // size of the header with its line ends, in bytes; callers limit the sum

	m       *Reader
	content io.Reader // the decoded content; nil if the content is not encoded
	known   int       // bytes at the beginning of the buffer that are content
	delim   int       // size of the boundary after the content, once the end is found
	fresh   bool      // no content has been read
	err     error     // the error of raw
}

// NextPart skips the rest of the current part and returns the next part. After the
// closing boundary it returns io.EOF.
func (m *Reader) NextPart() (*Part, error) {
	if m.ended {
		return nil, io.EOF
	}
	if err := m.skip(); err != nil {
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
	m.part = Part{m: m, fresh: true}
	if err := m.part.readHeader(); err != nil {
		return nil, cutOff(err)
	}
	return &m.part, nil
}

// skip reads to the end of the next boundary.
func (m *Reader) skip() error {
	if m.started {
		_, err := io.Copy(io.Discard, raw{&m.part})
		m.take(m.part.delim)
		return err
	}
	m.started = true
	for skipped := 0; ; {
		line, err := m.line(maxHeader)
		if rest, ok := bytes.CutPrefix(line, m.dashes()); ok && endsLine(rest) {
			if bytes.HasSuffix(rest, []byte("\n")) && !bytes.HasSuffix(rest, []byte("\r\n")) {
				m.delim = m.delim[1:] // the lines of this body end without CR
			}
			m.unread(len(rest))
			return nil
		}
		if err != nil {
			return cutOff(err)
		}
		if skipped += len(line); skipped > maxHeader {
			return ErrHeader
		}
	}
}

// dashes returns the delimiter without its line end.
func (m *Reader) dashes() []byte { return bytes.TrimLeft(m.delim, "\r\n") }

// cutOff turns an io.EOF before the closing boundary into an io.ErrUnexpectedEOF.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill reads more bytes into the buffer. It returns the error of the underlying reader
// if that has no more bytes. Slices from take are not valid after fill.
//
// fill moves the bytes of the buffer only when the buffer is almost full, and then frees
// at least half of it. So it moves few bytes, even if each read returns one byte.
func (m *Reader) fill() error {
	if m.err != nil {
		return m.err
	}
	if have := len(m.buf); cap(m.buf)-have < fillSize/4 {
		if have > len(m.store)/2 {
			m.store = make([]byte, 2*have+fillSize)
		}
		m.buf = m.store[:copy(m.store, m.buf)]
	}
	n, err := m.r.Read(m.buf[len(m.buf):cap(m.buf)])
	m.buf, m.err = m.buf[:len(m.buf)+n], err
	return nil
}

// unread puts back the last n bytes that take returned. fill must not have been called
// since.
func (m *Reader) unread(n int) {
	at := len(m.store) - cap(m.buf) // the offset of buf in store
	m.buf = m.store[at-n : at+len(m.buf)]
}

// take removes n bytes from the buffer and returns them.
func (m *Reader) take(n int) (b []byte) {
	b, m.buf = m.buf[:n], m.buf[n:]
	return b
}

// line returns the next line with its line end. If the body ends before the line end,
// line returns the bytes up to there and the error. If the line is much longer than most
// bytes, it returns ErrHeader.
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

// readHeader reads the header of the part up to the empty line. It joins continued
// lines.
func (p *Part) readHeader() error {
	m := p.m
	m.field = m.field[:0]
	for {
		line, err := m.line(maxHeader)
		if err != nil {
			return err
		}
		if p.Header += len(line); p.Header > maxHeader {
			return ErrHeader
		}
		text := bytes.TrimRight(line, "\r\n")
		if len(text) == 0 {
			p.setField(m.field)
			return nil
		}
		if text[0] != ' ' && text[0] != '\t' {
			p.setField(m.field)
			m.field = m.field[:0]
		}
		m.field = append(m.field, text...)
	}
}

// setField reads one field of the header.
func (p *Part) setField(line []byte) {
	key, value, _ := bytes.Cut(line, []byte(":"))
	switch key = bytes.TrimSpace(key); {
	case bytes.EqualFold(key, []byte("Content-Disposition")):
		_, params := parameters(string(value))
		p.Name, p.FileName = parameter(params, "name"), fileName(params)
	case bytes.EqualFold(key, []byte("Content-Transfer-Encoding")): // deprecated by RFC 7578 section 4.7, but still in use
		switch strings.ToLower(string(bytes.TrimSpace(value))) {
		case "quoted-printable":
			p.content = quotedprintable.NewReader(raw{p})
		case "base64":
			p.content = base64.NewDecoder(base64.StdEncoding, raw{p})
		}
	}
}

// Read reads the content. It returns io.EOF at the end of the part.
func (p *Part) Read(b []byte) (int, error) {
	if p.content == nil {
		return raw{p}.Read(b)
	}
	n, err := p.content.Read(b)
	if err != nil && err != io.EOF && (p.err == nil || p.err == io.EOF) {
		err = fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return n, err
}

// raw reads the content of a part without decoding it.
type raw struct{ p *Part }

func (r raw) Read(b []byte) (n int, err error) {
	if r.p.err != nil || len(b) == 0 {
		return 0, r.p.err
	}
	n, err = r.p.read(b)
	r.p.err = err
	return n, err
}

// read reads the content without decoding it. It looks for the boundary in the buffer
// first. It reads into b directly if b is large and the buffer is small.
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
		case len(b) < directSize || len(m.buf) > fillSize:
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

// atDashes reports whether a boundary directly follows the header of a part. Then the
// part is empty: the line end before the boundary is the empty line of the header.
func (m *Reader) atDashes() bool {
	dashes := m.dashes()
	for len(m.buf) < len(dashes)+2 && bytes.HasPrefix(dashes, m.buf[:min(len(m.buf), len(dashes))]) && m.fill() == nil {
	}
	after, ok := bytes.CutPrefix(m.buf, dashes)
	return ok && delimits(after)
}

// readInto copies the buffer to b and reads more bytes directly into b. Bytes that may
// belong to a boundary go back into the buffer. It returns how many bytes of b are
// content.
func (m *Reader) readInto(b []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	k := copy(b, m.buf)
	got, err := m.r.Read(b[k:])
	data := b[:k+got]
	m.err = err
	n, _ := m.content(data)
	m.store = append(m.store[:0], data[n:]...)
	m.buf = m.store
	m.store = m.store[:cap(m.store)]
	return n, nil
}

// content returns how many bytes at the beginning of data are content, and whether a
// boundary follows them. It does not count bytes that may belong to a boundary that
// data does not contain completely.
func (m *Reader) content(data []byte) (n int, end bool) {
	for {
		i := bytes.Index(data[n:], m.delim)
		if i < 0 {
			break
		}
		n += i
		after := data[n+len(m.delim):]
		if len(after) < 2 && m.err == nil {
			return n, false // delimits needs two bytes
		}
		if delimits(after) {
			return n, true
		}
		n++
	}
	// A boundary may begin with the last line end in data. Only the last line end
	// matters, because a boundary contains no other.
	tail := max(n, len(data)-len(m.delim)+1)
	if i := bytes.LastIndexByte(data[tail:], m.delim[0]); i >= 0 && m.err == nil && bytes.HasPrefix(m.delim, data[tail+i:]) {
		return tail + i, false
	}
	return len(data), false
}

// endsLine reports whether a line is a boundary: after the boundary string, the line
// must end, or have the two dashes of the closing boundary. Before the first part, any
// other line belongs to the preamble.
func endsLine(after []byte) bool {
	text := string(bytes.TrimRight(after, " \t\r\n"))
	return text == "" || text == "--"
}

// delimits reports whether after can follow a boundary: the end of the body, white
// space, or the two dashes of the closing boundary. Otherwise the bytes before after are
// not a boundary.
func delimits(after []byte) bool {
	return len(after) == 0 || strings.IndexByte(" \t\r\n", after[0]) >= 0 || bytes.HasPrefix(after, []byte("--"))
}
