package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"imageserver/api/imaging/format"
)

// TestHostileDecodes uploads damaged HEICs and AVIFs and requests copies of those that the
// server takes. Whatever the decoders make of them, the server serves other images, stays in
// its memory, and leaves no process behind.
func TestHostileDecodes(t *testing.T) {
	parallel(t)
	const (
		uploads, resizing = 16 << 20, 128 << 20
		limit             = uploads + resizing + 192<<20 // what the manual promises for a container
	)
	// The server keeps no copies, so the bystanders are decoded each time.
	cmd := serve(t, filepath.Join(t.TempDir(), "images.db"), "--upload-memory", fmt.Sprint(uploads), "--resize-memory", fmt.Sprint(resizing), "--copies-budget=0", "--trash=0")
	cmd.Env = append(cmd.Env, "CACHE_DIRECTORY="+t.TempDir())
	s := launch(t, cmd)
	if n := len(s.children(t)); n != 0 {
		t.Errorf("%d processes run before the first HEIC", n)
	}
	watched := watchChildren(t, s)
	bystanders := newBystanders(t, s)
	seeds := decodable(t)
	var (
		mu      sync.Mutex
		next    int
		decoded = make(map[[32]byte]bool) // digests of what reached a decoder
		results = make(map[string]int)
	)
	want := pick(100, 2000)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				done := len(decoded) >= want || t.Failed()
				mu.Unlock()
				if done {
					return
				}
				data := mutate(seeds, i)
				result, reached, err := hostileCopy(s, fmt.Sprintf("%d.bin", i), data)
				if err != nil {
					t.Errorf("file %d: %v", i, err)
				}
				if i%25 == 0 {
					bystanders.check(t, s)
				}
				mu.Lock()
				results[result]++
				if reached {
					decoded[sha256.Sum256(data)] = true
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	high, processes := watched()
	t.Logf("%d files, of which %d different ones reached a decoder: %v", next, len(decoded), results)
	t.Logf("%d processes were started, and all together had at most %d MiB of memory", len(processes), high>>20)
	if high > limit {
		t.Errorf("%d MiB of memory, want at most %d", high>>20, limit>>20)
	}
	bystanders.check(t, s)
	s.check(t)
	s.alive(t)
	for _, line := range strings.Split(s.log.String(), "\n") {
		if strings.Contains(line, "panic") || strings.Contains(line, "a decoder ended") {
			t.Errorf("the log says %.1000s", line)
		}
	}
	s.stop(t)
	if !eventually(func() bool { return !slices.ContainsFunc(processes, running) }) {
		t.Error("the server has left processes behind")
	}
}

// TestDecoderKilled: a decoder ends with its server, also if that is killed.
func TestDecoderKilled(t *testing.T) {
	parallel(t)
	s := startNew(t)
	newBystanders(t, s).check(t, s)
	processes := s.children(t)
	if len(processes) == 0 {
		t.Fatal("there is no decoder")
	}
	s.kill()
	if !eventually(func() bool { return !slices.ContainsFunc(processes, running) }) {
		t.Errorf("the decoders %v are still there", processes)
	}
}

// decodable returns the HEICs and AVIFs of the samples and of the corpus that have at most
// four megapixels.
func decodable(t *testing.T) (seeds [][]byte) {
	t.Helper()
	for _, pattern := range []string{"../../testdata/*.heic", "../../testdata/*.avif", "../../../shared/corpus/heic/*", "../../../shared/corpus/avif/*.avif"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if h, err := format.ReadHEIF(bytes.NewReader(data), int64(len(data))); err == nil && h.Width*h.Height <= 4e6 {
				seeds = append(seeds, data)
			}
		}
	}
	return seeds
}

// mutate returns the damaged file number i: cut off, or with bits flipped anywhere or in the
// header.
func mutate(seeds [][]byte, i int) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 48))
	data := bytes.Clone(seeds[r.IntN(len(seeds))])
	switch i % 4 {
	case 0:
		return data[:len(data)-1-r.IntN(len(data)/2)] // most headers are at the beginning
	case 1:
		for range 1 + r.IntN(3) {
			data[r.IntN(min(len(data), 600))] ^= 1 << r.IntN(8)
		}
	default:
		for range 1 + r.IntN(8) {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
	}
	return data
}

// hostileCopy uploads a damaged file and requests a copy. It returns what became of the file,
// and whether a decoder got it.
func hostileCopy(s *server, name string, data []byte) (result string, reached bool, err error) {
	if _, err := s.put(name, bytes.NewReader(data), int64(len(data))); err != nil {
		if code := refusal(err); code == http.StatusUnsupportedMediaType || code == http.StatusUnprocessableEntity {
			return "upload refused", false, nil
		}
		return "", false, err
	}
	defer func() {
		if gone := s.remove(name); err == nil {
			err = gone
		}
	}()
	resp, err := s.send(http.MethodGet, imagePath(name)+"?w=320&format=png", nil, 0, nil)
	if err != nil {
		return "", false, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", false, err
	}
	h, err := format.ReadHEIF(bytes.NewReader(data), int64(len(data)))
	info, kind := format.Detect(bytes.NewReader(data), int64(len(data)))
	reached = err == nil && kind == nil && !h.HDR() && (info.Type == format.HEIC || info.Type == format.AVIF)
	if animated, err := format.Animated(bytes.NewReader(data), int64(len(data)), info.Type); animated || err != nil {
		reached = false
	}
	switch {
	case resp.StatusCode == http.StatusUnprocessableEntity && bytes.Contains(body, []byte("damaged_picture")):
		return "too slow", reached, nil
	case resp.StatusCode == http.StatusUnprocessableEntity:
		return "too large", false, nil
	case resp.StatusCode != http.StatusOK:
		return "", false, fmt.Errorf("got %s: %.200s", resp.Status, body)
	case resp.Header.Get("X-Result-Width") != "":
		return "copy", reached, nil
	case !bytes.Equal(body, data):
		return "", false, fmt.Errorf("the response is neither a copy nor the original")
	case reached:
		return "original, from a decoder", true, nil
	}
	return "original, without a decoder", false, nil
}

// bystanders are paths of images and copies, with the bytes that the server sends before the
// attack.
type bystanders map[string][]byte

// newBystanders stores images and requests copies of them.
func newBystanders(t *testing.T, s *server) bystanders {
	t.Helper()
	b := make(bystanders)
	for _, name := range []string{"photo-444.jpg", "gradient.heic", "gradient.avif"} {
		data, err := os.ReadFile("../../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.put(name, bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
		b[imagePath(name)] = data
		copied := imagePath(name) + "?w=16"
		if b[copied], err = s.fetch(copied); err != nil || bytes.Equal(b[copied], data) {
			t.Fatalf("%s: not a copy, %v", copied, err)
		}
	}
	return b
}

// check requests all bystanders again.
func (b bystanders) check(t *testing.T, s *server) {
	t.Helper()
	for path, want := range b {
		if got, err := s.fetch(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, or other bytes than before", path, err)
		}
	}
}

// fetch returns the bytes of an image or a copy.
func (s *server) fetch(path string) ([]byte, error) {
	resp, err := s.open(path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// children returns the processes that the server has started.
func (s *server) children(t testing.TB) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		if _, parent, _ := strings.Cut(string(text), "\nPPid:\t"); strings.HasPrefix(parent, fmt.Sprintf("%d\n", s.cmd.Process.Pid)) {
			var pid int
			if _, err := fmt.Sscanf(file, "/proc/%d/status", &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// running reports whether a process exists. A zombie of another parent does not count.
func running(pid int) bool { return syscall.Kill(pid, 0) == nil }

// watchChildren looks at the memory of the server and of its processes until the function it
// returns is called. That returns the most memory, and all processes that were seen.
func watchChildren(t testing.TB, s *server) (end func() (most int64, processes []int)) {
	t.Helper()
	var most int64
	seen := make(map[int]bool)
	var done sync.WaitGroup
	quit := make(chan struct{})
	done.Go(func() {
		for {
			sum := s.memory(t)
			for _, pid := range s.children(t) {
				seen[pid] = true
				sum += anonymous(pid)
			}
			most = max(most, sum)
			select {
			case <-quit:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() (int64, []int) {
		close(quit)
		done.Wait()
		var all []int
		for pid := range seen {
			all = append(all, pid)
		}
		return most, all
	}
}

// anonymous returns the memory of a process, or 0 if it has ended.
func anonymous(pid int) (bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, value, _ := strings.Cut(string(text), "RssAnon:")
	_, _ = fmt.Sscan(value, &bytes)
	return bytes << 10
}
