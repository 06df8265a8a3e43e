package e2e_test

import (
	"fmt"
	"sync"
	"testing"
)

// memoryLimit is what the server may take while many upload at once.
const memoryLimit = 200 << 20

// TestMemory has many clients send large images at the same moment.
func TestMemory(t *testing.T) {
	parallel(t)
	s := startNew(t)
	pictures := make([]picture, pick(24, 64))
	for i := range pictures {
		pictures[i] = newPicture(pick[int64](6, 20) << 20)
	}
	most := watchMemory(t, s)
	var clients sync.WaitGroup
	begin := make(chan struct{})
	for i, p := range pictures {
		clients.Go(func() {
			<-begin
			send := s.put
			if i%2 == 0 {
				send = s.post
			}
			img, err := send(fmt.Sprintf("%d.png", i), p.open(), p.size)
			if err != nil || img.SHA256 != p.sum() {
				t.Errorf("upload %d: %+v, %v, want the digest %s", i, img, err, p.sum())
			}
		})
	}
	close(begin)
	clients.Wait()
	high := most()
	t.Logf("%d clients, %d MiB each: at most %d MiB of memory", len(pictures), pictures[0].size>>20, high>>20)
	if high > memoryLimit {
		t.Errorf("%d bytes of memory, want at most %d", high, memoryLimit)
	}
	images, err := s.list()
	if err != nil || len(images) != len(pictures) {
		t.Fatalf("the list has %d images, %v, want %d", len(images), err, len(pictures))
	}
	report(t, readAll(s, images))
}
