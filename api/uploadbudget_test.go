package api_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/apitest"
	"imageserver/api/batchlog"
	"imageserver/api/units"
	"imageserver/db/bolt"
)

// TestUploadBudget checks how much memory an upload takes, with everything on that a user
// has on. Each upload is alone, so nothing is shared with other uploads of a commit.
//
// Most of the 20 kB upload is bbolt's: it reads each page that changes into
// 64 bytes for each key, and doubles them to add a key. Of the 1 MB upload, the pages of the
// image are bbolt's: it makes them new for each commit.
func TestUploadBudget(t *testing.T) { // not parallel: it counts the allocations of the whole program
	if raced() {
		t.Skip("the race detector makes sync.Pool forget buffers")
	}
	for _, c := range []struct {
		size           int
		objects, bytes uint64 // the most that one upload may allocate
	}{
		{20_000, 330, 105_000},
		{1_000_000, 510, 1_120_000},
	} {
		u := newUploader(t, newFullServer(t), 1, c.size)
		allocated(t, u, 100) // the trees of the store get their usual depth
		// The garbage collector empties pools at any time, which can only add to the
		// result. So the smallest result of several counts.
		objects, bytes := ^uint64(0), ^uint64(0)
		for range 5 {
			o, b := allocated(t, u, 30)
			objects, bytes = min(objects, o), min(bytes, b)
		}
		t.Logf("an upload of %d bytes allocates %d objects and %d bytes", c.size, objects, bytes)
		if objects > c.objects || bytes > c.bytes {
			t.Errorf("an upload of %d bytes allocates %d objects and %d bytes, want at most %d and %d", c.size, objects, bytes, c.objects, c.bytes)
		}
	}
}

// allocated returns how many objects and bytes an upload allocates, averaged over n.
func allocated(t *testing.T, u *uploader, n uint64) (objects, bytes uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		if err := u.upload(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / n, (after.TotalAlloc - before.TotalAlloc) / n
}

// newFullServer starts a server with everything on that a user has on: the access token,
// a rate limit, the trash, metrics and a log. It has enough memory for 64 uploads, so that
// none of them waits and no client seems to stall.
func newFullServer(t testing.TB) *apitest.Server {
	t.Helper()
	metrics := api.NewMetrics()
	store := apitest.OpenStore(t, bolt.Options{Committed: metrics.Commit, UploadMemory: 256 << 20})
	return apitest.ServeOver(t, store, api.Options{
		Access:  access.Options{Token: "secret", Rate: units.Rate{Count: 1e9, Per: time.Second}},
		Trash:   24 * time.Hour,
		Metrics: metrics,
		Log:     slog.New(batchlog.JSON(batchlog.NewWriter(io.Discard, false))),
	}, false)
}

// uploader sends a form again and again on one connection. Each time the image has
// another name and other bytes. An upload allocates no memory in the uploader.
type uploader struct {
	conn     net.Conn
	request  []byte
	name     []byte // in the request
	mark     []byte // in the request: some bytes of the image
	response []byte
	number   uint64 // of the last upload
}

// newUploader connects to a server. `client` is a number that no other uploader has.
func newUploader(t testing.TB, s *apitest.Server, client, size int) *uploader {
	t.Helper()
	const name, mark = "00000000", "-MARK-00000000"
	image := apitest.Picture(t, uint64(client), size-len(mark)) + mark
	body := apitest.Form(apitest.File("file", fmt.Sprintf("%d-%s.png", client, name), image))
	request := fmt.Appendf(nil, "POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: test\r\nAccept: */*\r\nAuthorization: Bearer secret\r\n%s\r\nContent-Length: %d\r\n\r\n%s", apitest.FormType, len(body), body)
	u := &uploader{conn: s.Dial(t).TCP, request: request, response: make([]byte, 4<<10)}
	if err := u.conn.SetDeadline(time.Time{}); err != nil { // a benchmark may take long
		t.Fatal(err)
	}
	u.name = request[bytes.Index(request, []byte(name)):][:len(name)]
	u.mark = request[bytes.Index(request, []byte(mark)):][len(mark)-8 : len(mark)]
	return u
}

// upload stores the next image.
func (u *uploader) upload() error {
	u.number++
	binary.BigEndian.PutUint64(u.mark, u.number)
	for i, n := len(u.name)-1, u.number; i >= 0; i, n = i-1, n/10 {
		u.name[i] = '0' + byte(n%10)
	}
	if _, err := u.conn.Write(u.request); err != nil {
		return err
	}
	for have := 0; ; {
		n, err := u.conn.Read(u.response[have:])
		have += n
		got := u.response[:have]
		switch {
		case err != nil:
			return fmt.Errorf("%w after %q", err, got)
		case !bytes.HasPrefix(got, []byte("HTTP/1.1 201 ")) || have == len(u.response):
			return fmt.Errorf("got %q, want a response with the status 201", got)
		case complete(got):
			return nil
		}
	}
}

// complete reports whether b is a complete response.
func complete(b []byte) bool {
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	_, length, _ := bytes.Cut(head, []byte("Content-Length: "))
	length, _, _ = bytes.Cut(length, []byte("\r\n"))
	size, err := strconv.Atoi(string(length))
	return ok && err == nil && len(body) == size
}
