package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestResizing has many large photographs resized at once, while others read
// images: those keep their pace, and every copy comes out and is kept.
func TestResizing(t *testing.T) {
	parallel(t)
	s := startNew(t)
	photos := pick(2, 5)
	for i := range photos {
		photo := newPhoto(t, i)
		if _, err := s.put(fmt.Sprintf("%d.jpg", i), bytes.NewReader(photo), int64(len(photo))); err != nil {
			t.Fatal(err)
		}
	}
	small := newPicture(20e3)
	mustPut(t, s, "small.png", small)

	var copies pace
	var resizing sync.WaitGroup
	stopReading := readBeside(t, s, "small.png", small, 8, 10*time.Millisecond)
	sums := sync.Map{}
	began := time.Now()
	for i := range photos {
		for _, w := range []int{128, 160, 200, 256, 320, 400, 512, 640, 800, 1024}[:pick(3, 10)] {
			resizing.Go(func() {
				copies.time(t, func() error {
					sum, err := s.resized(i, w)
					sums.Store([2]int{i, w}, sum)
					return err
				})
			})
		}
	}
	resizing.Wait()
	took := time.Since(began)
	reads := stopReading(1)
	t.Logf("copies of 12 megapixels: %s; %.1f a second", &copies, float64(len(copies.took))/took.Seconds())
	t.Logf("reads beside them: %s", reads)
	if p99 := reads.percentile(99); whole && p99 > quick {
		t.Errorf("the 99th percentile of reads is %s, want at most %s", p99, quick)
	}
	if longest := reads.percentile(100); whole && longest > slowest {
		t.Errorf("a read took %s, want at most %s", longest, slowest)
	}
	sums.Range(func(key, sum any) bool {
		k := key.([2]int)
		if again, err := s.resized(k[0], k[1]); err != nil || again != sum {
			t.Errorf("the copy of %d to %d kept has the digest %s, error %v; want %s", k[0], k[1], again, err, sum)
		}
		return true
	})
}

// newPhoto makes a JPEG of 12 megapixels, with some grain, another one for each
// seed.
func newPhoto(t *testing.T, seed int) []byte {
	t.Helper()
	m := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		x, y := i%m.YStride, i/m.YStride
		m.Y[i] = uint8(128 + 90*math.Sin(float64(x)/500)*math.Cos(float64(y)/400) + float64((x*7919^y*104729^seed)%23))
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = uint8(i/m.CStride/8+seed), uint8(i%m.CStride/10)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 88}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// resized fetches the copy of a photo w pixels wide and returns its digest.
func (s *server) resized(photo, w int) (sum string, err error) {
	resp, err := s.client.Get(fmt.Sprintf("%s/images/%d.jpg?w=%d", s.url, photo, w))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	h := sha256.New()
	var b bytes.Buffer
	if _, err := io.Copy(io.MultiWriter(h, &b), resp.Body); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("photo %d to %d: status %d: %s", photo, w, resp.StatusCode, &b)
	}
	m, err := jpeg.DecodeConfig(&b)
	if err == nil && (m.Width != w || m.Height != w*3/4 || m.ColorModel != color.YCbCrModel) {
		err = fmt.Errorf("photo %d to %d: got %d × %d pixels", photo, w, m.Width, m.Height)
	}
	return hexSum(h), err
}
