package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"imageserver/db"
)

// uploadError is an error of a body. The caller finds it in the error of Put with
// errors.As. The API uses such an error if a request is too long.
type uploadError struct{ limit int }

func (*uploadError) Error() string { return "upload is too large" }

// testReaderFails interrupts uploads before the first byte, at several bytes in the
// middle, and after the last byte.
func testReaderFails(t *testing.T, s db.Store) {
	data := content(1, 3<<20+5)
	for _, sent := range []int{0, 1, 100, 1<<20 - 1, 1 << 20, len(data)} {
		body := func(err error) io.Reader {
			return io.MultiReader(bytes.NewReader(data[:sent]), iotest.ErrReader(err))
		}
		what := fmt.Sprintf("Put cut off after %d bytes", sent)

		// The body of an interrupted request returns this error. io.ReadFull also
		// returns this error if a body ends normally.
		_, _, err := s.Put(t.Context(), "cat.png", body(io.ErrUnexpectedEOF), db.PutOptions{})
		wantError(t, what, err, io.ErrUnexpectedEOF)

		_, _, err = s.Put(t.Context(), "cat.png", body(&uploadError{limit: sent}), db.PutOptions{})
		if tooLarge := (*uploadError)(nil); !errors.As(err, &tooLarge) || tooLarge.limit != sent {
			t.Errorf("%s: got error %v, want the reader's own wrapped", what, err)
		}

		// One call of Read returns bytes and an error. Put reads the bytes, and then
		// returns the error.
		_, _, err = s.Put(t.Context(), "cat.png", iotest.DataErrReader(body(io.ErrUnexpectedEOF)), db.PutOptions{})
		wantError(t, what+" with the error", err, io.ErrUnexpectedEOF)

		wantAbsent(t, s, "cat.png")
		wantUsage(t, s, db.Usage{})
	}
	wantStored(t, s, create(t, s, "cat.png", data), data) // the same upload works the second time
}

// testReaderFailsReplacing: if an upload fails, the image that has the name stays. This
// is also true if the bytes that arrived are the bytes of this image.
func testReaderFailsReplacing(t *testing.T, s db.Store) {
	data := content(1, 3<<20)
	img := create(t, s, "cat.png", data)
	for _, conflict := range []db.Conflict{db.Rename, db.Replace, db.Fail} {
		body := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, _, err := s.Put(t.Context(), "cat.png", body, db.PutOptions{Conflict: conflict})
		wantError(t, "Put", err, io.ErrUnexpectedEOF)
	}
	wantStored(t, s, img, data)
	wantUsage(t, s, sum([]db.Image{img}))
}

// testOddReaders uses bodies that do everything that io.Reader allows.
func testOddReaders(t *testing.T, s db.Store) {
	for i, size := range []int{0, 1, 100, 40_000, 2<<20 + 3} {
		for _, c := range []struct {
			name string
			wrap func(io.Reader) io.Reader
		}{
			{"half", iotest.HalfReader},
			{"data with EOF", iotest.DataErrReader},
			{"half with EOF", func(r io.Reader) io.Reader { return iotest.HalfReader(iotest.DataErrReader(r)) }},
			{"nothing at times", func(r io.Reader) io.Reader { return &stutterer{r: r} }},
			{"one byte", iotest.OneByteReader},
		} {
			if c.name == "one byte" && size > 100_000 {
				continue // would test nothing new, and needs seconds under the race detector
			}
			name, data := fmt.Sprintf("%s %d.png", c.name, size), content(uint64(i), size)
			img, _, err := s.Put(t.Context(), name, c.wrap(bytes.NewReader(data)), db.PutOptions{})
			if err != nil {
				t.Errorf("Put(%q): %v", name, err)
				continue
			}
			wantStored(t, s, img, data)
		}
	}
}

// stutterer returns no bytes and no error at every second Read.
type stutterer struct {
	r     io.Reader
	quiet bool
}

func (s *stutterer) Read(p []byte) (int, error) {
	if s.quiet = !s.quiet; s.quiet {
		return 0, nil
	}
	return s.r.Read(p)
}

// testSlowReader: a client that stops sending does not block other callers. No call
// sees the bytes that the client has sent.
func testSlowReader(t *testing.T, s db.Store) {
	slow, quick := content(1, 5<<20), content(2, 5<<20)
	var upload sync.WaitGroup
	t.Cleanup(upload.Wait)
	body := newGate(t, slow, 3<<20)
	upload.Go(func() {
		img, outcome, err := s.Put(t.Context(), "cat.png", body, db.PutOptions{})
		if err != nil || outcome != db.Created || img.Name != "cat-2.png" {
			t.Errorf("the slow Put: got %q, %s and %v, want cat-2.png Created", img.Name, outcomes[outcome], err)
		}
	})
	<-body.reached
	wantAbsent(t, s, "cat.png")
	wantUsage(t, s, db.Usage{})
	img := create(t, s, "cat.png", quick)
	wantStored(t, s, img, quick)
	remove(t, s, "cat.png")
	create(t, s, "cat.png", quick)
	body.release()
	upload.Wait()
	wantRest(t, "the slow image", openBody(t, s, "cat-2.png"), slow)
	wantConsistent(t, s)
}

// gate is a reader that waits at one byte until release is called.
type gate struct {
	before, after io.Reader
	reached, open chan struct{}
	reach, free   sync.Once
}

func newGate(t *testing.T, data []byte, at int) *gate {
	g := &gate{
		before:  bytes.NewReader(data[:at]),
		after:   bytes.NewReader(data[at:]),
		reached: make(chan struct{}),
		open:    make(chan struct{}),
	}
	t.Cleanup(g.release) // a test that fails must also end
	return g
}

func (g *gate) release() { g.free.Do(func() { close(g.open) }) }

func (g *gate) Read(p []byte) (int, error) {
	if n, err := g.before.Read(p); err == nil {
		return n, nil
	}
	g.reach.Do(func() { close(g.reached) })
	<-g.open
	return g.after.Read(p)
}

// testCancelled: if a caller cancels before it has sent all bytes, nothing is stored.
func testCancelled(t *testing.T, s db.Store) {
	for _, size := range []int{100, 5 << 20} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := s.Put(ctx, "cat.png", bytes.NewReader(content(1, size)), db.PutOptions{})
		wantError(t, fmt.Sprintf("Put of %d bytes, cancelled before", size), err, context.Canceled)
		wantAbsent(t, s, "cat.png")
	}
	ctx, cancel := context.WithCancel(t.Context())
	data := content(1, 8<<20)
	body := io.MultiReader(bytes.NewReader(data[:3<<20]), then(cancel), bytes.NewReader(data[3<<20:]))
	_, _, err := s.Put(ctx, "cat.png", body, db.PutOptions{})
	wantError(t, "Put, cancelled on the way", err, context.Canceled)
	wantAbsent(t, s, "cat.png")
	wantUsage(t, s, db.Usage{})
}

// then returns a reader that has no bytes. When it is read, it calls f.
type then func()

func (f then) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}
