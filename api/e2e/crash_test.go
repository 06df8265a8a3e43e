package e2e_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
)

// TestKill kills the server in the middle of 16 clients' uploads, again and
// again on one data file. Afterwards every upload that was acknowledged is there,
// and every other is there whole or not at all.
func TestKill(t *testing.T) {
	parallel(t)
	path := filepath.Join(t.TempDir(), "images.db")
	m := newModel()
	acks, open := 0, 0
	for round := range pick(3, 20) {
		s := start(t, path)
		s.check(t)
		m.matches(t, s)
		l := m.begin(s, fmt.Sprint(round), 16, pick[int64](32, 256)<<20)
		// One upload is half received at the kill, whatever the others do then.
		half := m.half(t, s, fmt.Sprintf("half-%d.png", round), newPicture(pick[int64](3, 12)<<20))
		enough := 1 + rand.Int64N(pick[int64](150, 1000))
		if !eventually(func() bool { return l.acks.Load() >= enough }) {
			t.Errorf("%d requests were acknowledged, want %d before the kill", l.acks.Load(), enough)
		}
		s.kill()
		for _, err := range append(l.end(), half.end()) {
			if refusal(err) != 0 {
				t.Errorf("before the kill: %v", err)
			}
		}
		acks += int(l.acks.Load())
		open += m.undecided()
	}
	s := start(t, path)
	s.check(t)
	m.matches(t, s)
	s.stop(t)
	isSound(t, path)
	t.Logf("%d requests acknowledged, %d cut off, %d images in the end", acks, open, len(m.stored()))
	if open == 0 {
		t.Error("no kill met an upload")
	}
}

// half is an upload whose second half is not sent yet.
type half struct {
	rest   io.Reader
	feed   *io.PipeWriter
	settle func(error)
	result chan error
}

// half starts an upload of p and returns when the server has read from it.
func (m *model) half(t *testing.T, s *server, name string, p picture) *half {
	t.Helper()
	body, feed := io.Pipe()
	h := &half{rest: p.open(), feed: feed, settle: m.try(name, p.sum()), result: make(chan error, 1)}
	go func() {
		// With Expect the client sends nothing before the server reads. Without it the
		// half could be in a connection that the server has not accepted.
		resp, err := s.send(http.MethodPut, imagePath(name), body, p.size, http.Header{"Expect": {"100-continue"}})
		if err == nil {
			err = read(resp, nil)
		}
		body.CloseWithError(io.ErrClosedPipe) // ends the writes below, if the server refuses
		h.result <- err
	}()
	if _, err := io.CopyN(feed, h.rest, p.size/2); err != nil {
		t.Errorf("PUT %s: %v", name, err)
	}
	return h
}

// end returns the error of the upload, without sending the rest.
func (h *half) end() error {
	h.feed.CloseWithError(io.ErrUnexpectedEOF)
	err := <-h.result
	h.settle(err)
	return err
}

// finish sends the rest and returns the error of the upload.
func (h *half) finish() error {
	_, err := io.Copy(h.feed, h.rest)
	h.feed.CloseWithError(err) // nil is the normal end
	err = <-h.result
	h.settle(err)
	return err
}
