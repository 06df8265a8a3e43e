package dbtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"testing/iotest"

	"imageserver/db"
)

// testRanges reads parts of a body in any order, as HTTP range requests do.
func testRanges(t *testing.T, s db.Store) {
	for i, size := range []int{0, 1, 100, 128<<10 + 64, 1<<20 + 1, 5<<20 + 7} {
		name, data := fmt.Sprintf("%d.png", size), content(uint64(i), size)
		create(t, s, name, data)
		body := openBody(t, s, name)
		wantBytes(t, "Read before ReadAt", read(t, body, size/2), data[:size/2])
		for _, r := range ranges(size) {
			wantReadAt(t, body, data, r.off, r.n)
		}
		if n, err := body.ReadAt(make([]byte, 1), -1); n != 0 || err == nil {
			t.Errorf("ReadAt(1 byte at -1): got %d bytes and %v, want an error", n, err)
		}
		wantRest(t, "Read after ReadAt, which moves nothing", body, data[size/2:])
	}
}

type span struct{ off, n int }

// ranges returns parts of a body with `size` bytes. Some parts are at the beginning, at
// the end, or behind the end. Other parts are across the boundaries that an engine may
// have.
func ranges(size int) []span {
	rs := []span{{0, 0}, {0, 1}, {0, size}, {0, size + 1}, {size, 0}, {size, 1}, {size + 1, 1}, {size + 1<<20, 10}}
	for _, cut := range sizes {
		for _, n := range []int{1, 4097, 130 << 10} {
			for _, off := range []int{cut - 1, cut, cut - n/2, size - cut} {
				if off >= 0 && off <= size {
					rs = append(rs, span{off, n})
				}
			}
		}
	}
	return rs
}

func wantReadAt(t *testing.T, r io.ReaderAt, data []byte, off, n int) {
	t.Helper()
	p := make([]byte, n)
	got, err := r.ReadAt(p, int64(off))
	want := data[min(off, len(data)):min(off+n, len(data))]
	what := fmt.Sprintf("ReadAt(%d bytes at %d of %d)", n, off, len(data))
	wantBytes(t, what, p[:got], want)
	switch {
	case len(want) < n && err != io.EOF:
		t.Errorf("%s: got error %v, want EOF", what, err)
	case len(want) == n && err != nil && err != io.EOF:
		t.Errorf("%s: got error %v, want nil", what, err)
	}
}

func testSeek(t *testing.T, s db.Store) {
	const size = 3<<20 + 5
	data := content(1, size)
	create(t, s, "cat.png", data)
	body := openBody(t, s, "cat.png")
	for _, c := range []struct {
		offset int64
		whence int
		want   int64
	}{
		{0, io.SeekEnd, size}, // http.ServeContent gets the size in this way
		{0, io.SeekStart, 0},
		{1<<20 - 1, io.SeekStart, 1<<20 - 1},
		{100, io.SeekCurrent, 1<<20 + 109}, // ten bytes were read after the previous Seek
		{-50, io.SeekCurrent, 1<<20 + 69},
		{-10, io.SeekEnd, size - 10},
		{-size, io.SeekEnd, 0},
	} {
		got, err := body.Seek(c.offset, c.whence)
		if err != nil || got != c.want {
			t.Fatalf("Seek(%d, %d): got %d and %v, want %d", c.offset, c.whence, got, err, c.want)
		}
		want := data[got:min(got+10, size)]
		wantBytes(t, fmt.Sprintf("Read at %d", got), read(t, body, len(want)), want)
	}
	for _, whence := range []int{io.SeekStart, io.SeekCurrent, io.SeekEnd} {
		if got, err := body.Seek(-size-11, whence); err == nil {
			t.Errorf("Seek(%d, %d): got %d, want an error", -size-11, whence, got)
		}
	}
	if got, err := body.Seek(0, 99); err == nil {
		t.Errorf("Seek(0, 99): got %d, want an error", got)
	}
	wantBytes(t, "Read after refused seeks", read(t, body, 10), data[10:20])

	if _, err := body.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, err := body.Read(make([]byte, 10)); n != 0 || err != io.EOF {
			t.Errorf("Read at the end: got %d bytes and %v, want EOF", n, err)
		}
	}
}

func testWriteTo(t *testing.T, s db.Store) {
	for i, size := range []int{0, 100, 128<<10 + 64, 5<<20 + 7} {
		name, data := fmt.Sprintf("%d.png", size), content(uint64(i), size)
		create(t, s, name, data)
		for _, from := range []int{0, size / 2, size} {
			body := openBody(t, s, name)
			wantBytes(t, "Read before WriteTo", read(t, body, from), data[:from])
			var w bytes.Buffer
			w.Grow(size)
			n, err := body.WriteTo(&w)
			if n != int64(size-from) || err != nil {
				t.Errorf("WriteTo from %d of %d: got %d and %v, want all that is left", from, size, n, err)
			}
			wantBytes(t, "WriteTo", w.Bytes(), data[from:])
			if n, err := body.WriteTo(&w); n != 0 || err != nil {
				t.Errorf("WriteTo at the end: got %d and %v, want nothing and nil", n, err)
			}
		}
		if size > 0 {
			wantWriterError(t, openBody(t, s, name), size)
		}
	}
}

// testWriteN writes parts of a body, one after the other.
func testWriteN(t *testing.T, s db.Store) {
	const size = 300<<10 + 7
	data := content(1, size)
	create(t, s, "cat.png", data)
	body := openBody(t, s, "cat.png")
	var got bytes.Buffer
	for _, n := range []int{0, 1, 1000, 128 << 10, 100<<10 + 1} {
		before := got.Len()
		if k, err := body.WriteN(&got, int64(n)); k != int64(n) || err != nil {
			t.Errorf("WriteN of %d bytes: got %d and %v", n, k, err)
		}
		wantBytes(t, "WriteN", got.Bytes()[before:], data[before:before+n])
	}
	rest := size - got.Len()
	if k, err := body.WriteN(&got, math.MaxInt64); k != int64(rest) || err != nil {
		t.Errorf("WriteN of more bytes than are left: got %d and %v, want %d", k, err, rest)
	}
	wantBytes(t, "WriteN", got.Bytes(), data)
}

// testReceiver writes to a receiver whose room changes. Room is how many bytes the
// receiver can take; see db.Receiver. No write may be larger than the room before it.
// An error of Room ends WriteTo.
func testReceiver(t *testing.T, s db.Store) {
	const size = 700<<10 + 7
	data := content(1, size)
	create(t, s, "cat.png", data)
	for _, from := range []int{0, 1, 100<<10 + 1, size - 1} {
		body := openBody(t, s, "cat.png")
		if _, err := body.Seek(int64(from), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		w := &roomy{rooms: []int{1, 40 << 10, 1 << 20, 70 << 10, 32 << 10, 5}}
		n, err := body.WriteTo(w)
		if n != int64(size-from) || err != nil || w.over {
			t.Errorf("WriteTo a receiver from %d: got %d and %v, more than its room: %t; want all %d", from, n, err, w.over, size-from)
		}
		wantBytes(t, "WriteTo a receiver", w.got.Bytes(), data[from:])
	}
	body := openBody(t, s, "cat.png")
	w := &roomy{rooms: []int{100 << 10}, err: io.ErrClosedPipe}
	_, err := body.WriteTo(w)
	wantError(t, "WriteTo a receiver that fails", err, io.ErrClosedPipe)
}

// testDirectReceiver writes to a receiver that takes a part of the bytes without a wait; see
// db.DirectReceiver. Between two calls of WriteNow that took only a part, Room must be
// called. If the receiver supports no WriteNow, it gets the bytes by Write.
func testDirectReceiver(t *testing.T, s db.Store) {
	for i, size := range []int{1, 700, 5000, 2<<20 + 7} {
		name, data := fmt.Sprintf("%d.png", size), content(uint64(i), size)
		create(t, s, name, data)
		for _, takes := range []int{1 + size/7, 100 << 10, 1 << 30, 0} { // 0: WriteNow is not supported
			for _, part := range []struct{ from, n int }{{0, size}, {size / 2, size}, {size / 3, size / 2}} {
				body := openBody(t, s, name)
				if _, err := body.Seek(int64(part.from), io.SeekStart); err != nil {
					t.Fatal(err)
				}
				want := data[part.from:min(size, part.from+part.n)]
				w := &direct{roomy: roomy{rooms: []int{64 << 10}}, takes: takes}
				if n, err := body.WriteN(w, int64(part.n)); n != int64(len(want)) || err != nil {
					t.Errorf("WriteN of %d bytes from %d to a receiver that takes %d: got %d and %v", part.n, part.from, takes, n, err)
				}
				wantBytes(t, "WriteN to a direct receiver", w.got.Bytes(), want)
				if w.hasty {
					t.Errorf("WriteNow was called again without a call of Room")
				}
			}
		}
	}
}

// direct is a db.DirectReceiver. After each call of Room, it takes at most `takes` bytes.
type direct struct {
	roomy
	takes int
	full  bool
	hasty bool // whether WriteNow was called when it was full
}

func (d *direct) Room(most int) (int, error) {
	d.full = false
	return d.roomy.Room(most)
}

func (d *direct) WriteNow(buffers [][]byte) (n int, err error) {
	if d.takes == 0 {
		return 0, errors.ErrUnsupported
	}
	d.hasty = d.hasty || d.full
	for _, b := range buffers {
		k := min(len(b), d.takes-n)
		d.got.Write(b[:k])
		n += k
		d.full = d.full || k < len(b)
	}
	return n, nil
}

// roomy is a receiver. It returns its rooms one after the other, and then begins again.
type roomy struct {
	rooms []int
	err   error

	turn, room int
	over       bool // whether a write was larger than the room and than leastPart
	got        bytes.Buffer
}

// leastPart is how many bytes a receiver must be ready to take, even if its room is
// smaller. The reason: engines verify whole parts of an image.
const leastPart = 64 << 10

func (r *roomy) Room(most int) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	r.room = min(most, r.rooms[r.turn%len(r.rooms)])
	r.turn++
	return r.room, nil
}

func (r *roomy) Write(p []byte) (int, error) {
	r.over = r.over || len(p) > max(r.room, leastPart)
	r.room = 0
	return r.got.Write(p)
}

// wantWriterError writes a body to a client that disconnects after half of the bytes.
func wantWriterError(t *testing.T, body db.Body, size int) {
	t.Helper()
	n, err := body.WriteTo(&leaver{room: size / 2})
	wantError(t, "WriteTo a writer that fails", err, io.ErrClosedPipe)
	if n != int64(size/2) {
		t.Errorf("WriteTo a writer that fails: got %d, want the %d bytes it took", n, size/2)
	}
}

// leaver accepts room bytes, and then fails.
type leaver struct{ room int }

func (l *leaver) Write(p []byte) (int, error) {
	n := min(len(p), l.room)
	l.room -= n
	if n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

// testReader runs the reader test of the standard library on a body.
func testReader(t *testing.T, s db.Store) {
	for i, size := range []int{0, 1, 100, 4<<10 + 1, 128<<10 + 64} {
		name, data := fmt.Sprintf("%d.png", size), content(uint64(i), size)
		create(t, s, name, data)
		if err := iotest.TestReader(openBody(t, s, name), data); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func testClosedBody(t *testing.T, s db.Store) {
	create(t, s, "cat.png", content(1, 2<<20))
	_, body, err := s.Get(t.Context(), "cat.png")
	if err != nil {
		t.Fatal(err)
	}
	read(t, body, 100)
	closeBody(t, body)
	wantNoBytes(t, body)
	body.Close() // may return an error, but must not crash
	wantNoBytes(t, body)
}

// wantNoBytes fails if a closed body still returns bytes. It also fails if the body
// returns io.EOF, as a body does that was read to its end.
func wantNoBytes(t *testing.T, body db.Body) {
	t.Helper()
	p := make([]byte, 10)
	if n, err := body.Read(p); n != 0 || err == nil || err == io.EOF {
		t.Errorf("Read of a closed body: got %d bytes and %v, want an error", n, err)
	}
	if n, err := body.ReadAt(p, 0); n != 0 || err == nil || err == io.EOF {
		t.Errorf("ReadAt of a closed body: got %d bytes and %v, want an error", n, err)
	}
	if n, err := body.WriteTo(io.Discard); n != 0 || err == nil {
		t.Errorf("WriteTo of a closed body: got %d bytes and %v, want an error", n, err)
	}
}
