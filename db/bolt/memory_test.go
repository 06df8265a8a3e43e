package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
)

// slowBody is a body that stalls until it is closed or must give way. It is its own
// db.Sender.
type slowBody struct {
	*io.PipeReader
	w       *io.PipeWriter
	stalled atomic.Int64 // what Stalled returns
}

var errGaveWay = errors.New("gave way")

func (b *slowBody) Client() string         { return "slow" }
func (b *slowBody) Stalled() time.Duration { return time.Duration(b.stalled.Load()) }
func (b *slowBody) GiveWay()               { b.w.CloseWithError(errGaveWay) }

// putSlowly begins a Put. When putSlowly returns, the Put has read n bytes.
func putSlowly(t *testing.T, s *Store, name string, n int, stalled time.Duration) (b *slowBody, done chan error) {
	t.Helper()
	r, w := io.Pipe()
	b, done = &slowBody{PipeReader: r, w: w}, make(chan error, 1)
	go func() {
		_, _, err := s.Put(ctx, name, b, db.PutOptions{Sender: b})
		done <- err
	}()
	if _, err := w.Write(make([]byte, n)); err != nil { // returns when all has been read
		t.Fatal(err)
	}
	b.stalled.Store(int64(stalled))
	return b, done
}

// bufferSizes are the lengths of the buffers of an upload.
var bufferSizes = [...]int{8 << 10, 32 << 10, chunk.ChecksumSize + layout.ChunkSize}

// TestMemory gives all uploads together only as much memory as one upload needs.
func TestMemory(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{UploadMemory: 1, UploadWait: 50 * time.Millisecond})
	all := s.memory.Free()
	want := content(1, 20*layout.ChunkSize+1)
	mustPut(t, s, "one.png", want) // it can continue with one buffer
	if got := mustRead(t, s, "one.png"); !bytes.Equal(got, want) {
		t.Error("an image staged in small pieces reads wrong")
	}
	slow, done := putSlowly(t, s, "slow.png", 5, 0)
	if got, want := all-s.memory.Free(), int64(bufferSizes[0]); got != want {
		t.Errorf("an upload of 5 bytes holds %d bytes, want %d", got, want)
	}
	if _, _, err := s.Put(ctx, "late.png", bytes.NewReader(want), db.PutOptions{}); !errors.Is(err, db.ErrBusy) {
		t.Errorf("error %v, want ErrBusy", err)
	}
	slow.w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	mustPut(t, s, "late.png", want)
	if got := s.memory.Free(); got != all {
		t.Errorf("%d bytes are free in the end, want %d", got, all)
	}
}

// TestGrowingBuffers: an upload of any size near that of a buffer is read back as it
// was, and buffers at most four times as many bytes as have arrived.
func TestGrowingBuffers(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{NoSync: true})
	all := s.memory.Free()
	for _, size := range bufferSizes {
		for n := size - chunk.ChecksumSize - 1; n <= size-chunk.ChecksumSize+1; n++ {
			name, want := fmt.Sprintf("%d.png", n), content(byte(n), n)
			mustPut(t, s, name, want)
			if got := mustRead(t, s, name); !bytes.Equal(got, want) {
				t.Errorf("%d bytes read wrong", n)
			}
			slow, done := putSlowly(t, s, "slow.png", n, 0)
			if got, most := all-s.memory.Free(), int64(max(bufferSizes[0], 4*(n+chunk.ChecksumSize))); got > most {
				t.Errorf("an upload of %d bytes holds %d, want at most %d", n, got, most)
			}
			slow.w.CloseWithError(io.ErrUnexpectedEOF)
			<-done
		}
	}
}

// TestStalledGiveWay: uploads that have stalled give way to others. While no other
// waits, they continue.
func TestStalledGiveWay(t *testing.T) {
	t.Parallel()
	const size = 2 << 20
	s := newStore(t, Options{NoSync: true, UploadMemory: size, UploadWait: time.Hour})
	var ends []chan error
	var healthy sync.WaitGroup
	for i := range 100 { // of 1 MB each, so most must give way
		_, done := putSlowly(t, s, fmt.Sprintf("slow-%d.png", i), 1_000_000, time.Duration(i+1)*time.Second)
		ends = append(ends, done)
		healthy.Go(func() { mustPut(t, s, fmt.Sprintf("healthy-%d.png", i), content(byte(i), 300_000)) })
		if free := s.memory.Free(); free < 0 {
			t.Fatalf("%d bytes more are in use than there are", -free)
		}
	}
	healthy.Wait()
	gone := 0
	for _, done := range ends {
		select {
		case err := <-done:
			if gone++; !errors.Is(err, errGaveWay) {
				t.Errorf("error %v, want the body's own", err)
			}
		default:
		}
	}
	if gone == 0 {
		t.Error("no stalled upload had to give way")
	}
}
