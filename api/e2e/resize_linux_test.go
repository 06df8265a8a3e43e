package e2e_test

import (
	"bytes"
	"compress/zlib"
	"context"
	be "encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestResizeMemory has pictures resized that each take nearly all of the memory
// that is for it.
func TestResizeMemory(t *testing.T) {
	parallel(t)
	// 8 bytes a pixel: 200 and 400 MB.
	w, h, allowed := pick(5000, 8000), pick(5000, 6200), pick[int64](256, 512)<<20
	s := startNew(t, "--resize-memory", fmt.Sprint(allowed))
	for i := range 3 {
		data := deepPNG(t, w, h, byte(i))
		if _, err := s.put(fmt.Sprintf("%d.png", i), bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
	}
	most := watchMemory(t, s)
	var clients sync.WaitGroup
	for i := range 3 {
		for _, size := range []int{16, 320} {
			clients.Go(func() {
				if err := s.getPatiently(t.Context(), fmt.Sprintf("/images/%d.png?w=%d", i, size)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	clients.Wait()
	high := most()
	t.Logf("pictures that take %d MB each: at most %d MiB of memory", w*h*8/1e6, high>>20)
	if limit := allowed + memoryLimit; high > limit {
		t.Errorf("%d bytes of memory, want at most %d", high, limit)
	}
}

// getPatiently gets a copy, however long the server takes for it. On a busy machine a
// copy can wait too long for memory: then the server answers 503, and the client asks
// again as it is told to.
func (s *server) getPatiently(ctx context.Context, path string) error {
	client := http.Client{Transport: s.client.Transport} // without a timeout
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusOK:
			return nil
		case resp.StatusCode != http.StatusServiceUnavailable:
			return fmt.Errorf("got %s: %.200s", resp.Status, b)
		}
		sleep(ctx, time.Second)
	}
}

// deepPNG makes a PNG of w × h pixels of 16 bits a channel, all the same.
func deepPNG(t *testing.T, w, h int, value byte) []byte {
	t.Helper()
	b := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, content []byte) {
		be.Write(b, be.BigEndian, uint32(len(content)))
		content = append([]byte(kind), content...)
		b.Write(content)
		be.Write(b, be.BigEndian, crc32.ChecksumIEEE(content))
	}
	header := be.BigEndian.AppendUint32(nil, uint32(w))
	header = be.BigEndian.AppendUint32(header, uint32(h))
	chunk("IHDR", append(header, 16, 6, 0, 0, 0))
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	row := append([]byte{0}, bytes.Repeat([]byte{value}, 8*w)...)
	for range h {
		z.Write(row)
	}
	z.Close()
	chunk("IDAT", packed.Bytes())
	chunk("IEND", nil)
	return b.Bytes()
}
