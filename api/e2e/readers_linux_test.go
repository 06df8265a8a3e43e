package e2e_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"imageserver/api/listen/listentest"
)

const (
	perReader     = 40 << 10 // bytes of the server's memory that a slow reader may cost
	perZIPReader  = 64 << 10 // of an archive: 42 kB when the machine is quiet, and 171 kB with a chunk for each
	perCopyReader = 64 << 10 // of a resized copy that is not kept, which is copied piece by piece
	perTLSReader  = 96 << 10 // over TLS, which has buffers of its own
)

// TestStalledReaders has many clients ask for an image and then read no more than
// the head of the response. The server must not hold a chunk of the image for each.
func TestStalledReaders(t *testing.T) {
	parallel(t)
	n := pick(200, 1000)
	dir := t.TempDir()
	certificate := listentest.NewCertificate(t)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, content := range map[string][]byte{cert: certificate.Cert, key: certificate.Key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const form = "name=large.png"
	get := "GET /images/large.png HTTP/1.1\r\nHost: %s\r\n\r\n"
	for _, c := range []struct {
		name, request string
		flags         []string
		limit         int
	}{
		{"image", get, nil, perReader},
		{"range", strings.Replace(get, "\r\n", "\r\nRange: bytes=500000-\r\n", 1), nil, perReader},
		{"resized copy that is not kept", strings.Replace(get, "png", "png?w=500", 1), []string{"--copies-budget=0"}, perCopyReader},
		{"archive", "POST /archive HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(form), form), nil, perZIPReader},
		{"image over TLS", get, []string{"--tls-cert=" + cert, "--tls-key=" + key}, perTLSReader},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := serve(t, filepath.Join(t.TempDir(), "images.db"), c.flags...)
			cmd.Env = append(cmd.Env, "GOGC=100") // the default of the program leaves more garbage in memory
			s := launch(t, cmd)
			s.client.Transport.(*http.Transport).TLSClientConfig = listentest.Trust(t, certificate.Cert)
			large := noise(t, 700) // 2 MB, more than the buffers of the systems take
			if _, err := s.put("large.png", strings.NewReader(large), int64(len(large))); err != nil {
				t.Fatal(err)
			}
			// The server has made its page now, which needs memory after the start.
			page, err := s.client.Get(s.url + "/ui/main.en.js")
			if err != nil {
				t.Fatal(err)
			}
			page.Body.Close()
			request := fmt.Sprintf(c.request, s.host())
			// The first ones show what does not depend on their number, such
			// as the memory that makes the resized copy.
			before := stallReaders(t, s, request, n/4)
			high := stallReaders(t, s, request, n) - before
			t.Logf("%d readers cost %d MiB, %d kB each", n, high>>20, high/int64(n)/1000)
			if limit := int64(c.limit * n); high > limit {
				t.Errorf("they cost %d bytes, want at most %d", high, limit)
			}
		})
	}
}

// stallReaders has n more clients stop reading, until the test ends. It returns the memory
// that the server had at most meanwhile.
func stallReaders(t *testing.T, s *server, request string, n int) (most int64) {
	t.Helper()
	high := watchMemory(t, s)
	var readers sync.WaitGroup
	for range n {
		readers.Go(func() { stallReading(t, s, request) })
	}
	readers.Wait()
	s.settle(t) // it has read from the store and sent what it will
	return high()
}

// stallReading sends a request, reads the head of the response and then nothing until the
// test ends.
func stallReading(t *testing.T, s *server, request string) {
	t.Helper()
	// A small buffer in the client's kernel, so that the server's is soon full.
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}
	conn, err := dialer.DialContext(t.Context(), "tcp", s.host())
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { conn.Close() })
	var stream net.Conn = conn
	if strings.HasPrefix(s.url, "https") {
		config := s.client.Transport.(*http.Transport).TLSClientConfig.Clone()
		config.ServerName, _, _ = net.SplitHostPort(s.host())
		stream = tls.Client(conn, config)
	}
	_, err = io.WriteString(stream, request)
	if err == nil {
		var resp *http.Response
		if resp, err = http.ReadResponse(bufio.NewReaderSize(stream, 16), nil); err == nil && resp.StatusCode >= 300 {
			err = fmt.Errorf("%s", resp.Status)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// noise makes a PNG of side × side pixels that nothing can compress: four bytes a pixel.
func noise(t *testing.T, side int) string {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	_, _ = rand.NewChaCha8([32]byte{}).Read(img.Pix)
	var b strings.Builder
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
