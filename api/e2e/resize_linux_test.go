package e2e_test

import (
	"bytes"
	"compress/zlib"
	be "encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"sync"
	"testing"
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
				resp, err := s.client.Get(fmt.Sprintf("%s/images/%d.png?w=%d", s.url, i, size))
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("got %s, %v: %.200s", resp.Status, err, b)
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
