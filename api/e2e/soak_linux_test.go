package e2e_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestSoak has all kinds of clients at a server for long: those that upload,
// replace, delete, restore and rename, that read images, parts and copies, list,
// archive and back up, and beside them slow ones, ones that break off, and
// hostile ones. Nothing that was acknowledged is lost or wrong, memory and
// goroutines stay what they are, all of it is given back at the end, and
// SIGTERM in the midst of uploads ends the server in time.
//
// With -race the server has the race detector. A race that it finds changes the exit code.
// What it uses is not judged then: the detector takes memory of its own.
func TestSoak(t *testing.T) {
	if !testing.Short() {
		parallel(t)
	}
	path := filepath.Join(t.TempDir(), "images.db")
	s := start(t, path, "--trash", "10s", "--copies-budget", "2MiB")
	k := newSoak(t, s)
	idle := s.gauges(t)
	used := k.run(t, pick(5*time.Second, 10*time.Minute))
	t.Logf("%s\n%s", k, used)
	for _, grown := range used.grown() {
		if !raced {
			t.Error(grown)
		}
	}
	s.client.CloseIdleConnections()
	var last gauges
	if !eventually(func() bool {
		last = s.gauges(t)
		return last.goroutines <= idle.goroutines+soakSpare && last.files <= idle.files+soakSpare
	}) {
		t.Errorf("%d goroutines and %d files are left when all clients have gone, %d and %d were there before",
			last.goroutines, last.files, idle.goroutines, idle.files)
	}
	k.m.matches(t, s)

	l := k.m.begin(s, "end", 8, 0)
	if !eventually(func() bool { return l.acks.Load() > 50 }) {
		t.Error("hardly an upload was acknowledged")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.wait(t)
	for _, err := range l.end() {
		if code := refusal(err); code != 0 && code != http.StatusServiceUnavailable {
			t.Errorf("at SIGTERM: %v", err)
		}
	}
	isSound(t, path)
	s = start(t, path)
	s.check(t)
	k.m.matches(t, s)
	s.stop(t)
}

// TestSoakLeak is the control: what a server keeps of each request is found,
// and so is an image that was deleted behind the model's back.
func TestSoakLeak(t *testing.T) {
	parallel(t)
	s := launch(t, serveChild(t, filepath.Join(t.TempDir(), "images.db"), leakVar))
	k := newSoak(t, s)
	used := k.run(t, 3*time.Second)
	t.Logf("%s\n%s", k, used)
	if grown := used.grown(); len(grown) != 2 {
		t.Errorf("a server that leaks memory and goroutines passes: %q", grown)
	}
	if err := s.remove(soakPhoto(0)); err != nil {
		t.Fatal(err)
	}
	if lost := k.m.compare(s); len(lost) != 1 || !strings.Contains(lost[0], isLost) {
		t.Errorf("when one image is lost: %q", lost)
	}
}

const (
	soakSpare  = 4 // goroutines and files that a server may have more than at its start
	soakPhotos = 8
)

// soak is a load of all kinds on one server.
type soak struct {
	s     *server
	m     *model
	check string            // the program that checks backups
	dir   string            // for those
	fixed map[string][]byte // images that nobody changes
	names []string          // theirs
	load  *load             // who changes others
	visit map[string]*atomic.Int64
}

func soakPhoto(i int) string { return fmt.Sprintf("photo-%d.jpg", i) }

func newSoak(t *testing.T, s *server) *soak {
	t.Helper()
	k := &soak{s: s, m: newModel(), check: binary(t), dir: t.TempDir(), fixed: make(map[string][]byte), visit: make(map[string]*atomic.Int64)}
	for i, size := range []int64{1e3, 5e3, 20e3, 100e3, 127e3, 400e3, 2e6, 6e6} {
		k.fixed[fmt.Sprintf("fixed-%d.png", i)] = newPicture(size).bytes()
	}
	for i := range soakPhotos {
		k.fixed[soakPhoto(i)] = soakJPEG(t, i)
	}
	for name := range k.fixed {
		k.names = append(k.names, name)
	}
	return k
}

// soakJPEG makes a photograph of 800 × 600 pixels, another one for each i.
func soakJPEG(t *testing.T, i int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 800, 600))
	for y := range 600 {
		for x := range 800 {
			img.Set(x, y, color.RGBA{uint8(x * y >> (8 + i%3)), uint8(x + 30*i), uint8(y), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// run puts the load on the server and returns what the server used meanwhile.
func (k *soak) run(t *testing.T, long time.Duration) usage {
	t.Helper()
	k.load = k.m.begin(k.s, "soak", 4, 0) // before there are others that it would change
	for name, content := range k.fixed {
		if err := k.m.store(k.s, name, content, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	var clients sync.WaitGroup
	for _, v := range []struct {
		name    string
		clients int
		pause   time.Duration // between two visits of a client
		visit   func() error
	}{
		{"whole images", 2, 10 * time.Millisecond, k.readWhole},
		{"parts", 2, 10 * time.Millisecond, k.readPart},
		{"images that change", 2, 10 * time.Millisecond, k.readChanging},
		{"copies", 2, 50 * time.Millisecond, k.readCopy},
		{"lists", 1, 50 * time.Millisecond, k.walk},
		{"archives", 1, 100 * time.Millisecond, k.archive},
		{"backups", 1, pick(2*time.Second, time.Minute), k.backup},
		{"slow readers", 8, time.Millisecond, k.readSlowly},
		{"slow uploads", 4, time.Millisecond, k.uploadSlowly},
		{"answers broken off", 1, 30 * time.Millisecond, k.breakOffAnswer},
		{"uploads broken off", 2, 30 * time.Millisecond, k.breakOffUpload},
		{"hostile requests", 4, 10 * time.Millisecond, k.attack},
	} {
		count := new(atomic.Int64)
		k.visit[v.name] = count
		for range v.clients {
			clients.Go(func() {
				for !stop.Load() && !t.Failed() {
					if err := v.visit(); err != nil {
						t.Errorf("%s: %v", v.name, err)
					}
					count.Add(1)
					time.Sleep(v.pause)
				}
			})
		}
	}
	used := watchUsage(t, k.s, long)
	stop.Store(true)
	clients.Wait()
	for _, err := range k.load.end() {
		t.Errorf("uploads and deletes: %v", err)
	}
	for name, count := range k.visit {
		if count.Load() == 0 {
			t.Errorf("%s: none", name)
		}
	}
	return used
}

// String tells how often each kind of client came.
func (k *soak) String() string {
	lines := []string{fmt.Sprintf("uploads and deletes: %d", k.load.acks.Load())}
	for name, count := range k.visit {
		lines = append(lines, fmt.Sprintf("%s: %d", name, count.Load()))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// any returns one of the images that nobody changes.
func (k *soak) any() (name string, content []byte) {
	name = k.names[rand.IntN(len(k.names))]
	return name, k.fixed[name]
}

// download sends a request that must be answered with a status, and reads the
// answer.
func (k *soak) download(method, path, body string, header http.Header, status int) (http.Header, []byte, error) {
	resp, err := k.s.send(method, path, strings.NewReader(body), int64(len(body)), header)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != status {
		err = fmt.Errorf("%s %s gives %d, want %d: %.200q", method, path, resp.StatusCode, status, b)
	}
	return resp.Header, b, err
}

func (k *soak) readWhole() error {
	name, want := k.any()
	_, got, err := k.download(http.MethodGet, imagePath(name), "", nil, http.StatusOK)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%s reads as %d other bytes", name, len(got))
	}
	return err
}

func (k *soak) readPart() error {
	name, want := k.any()
	from := rand.IntN(len(want))
	to := from + rand.IntN(min(len(want)-from, 300e3)) // inclusive
	header := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", from, to)}}
	_, got, err := k.download(http.MethodGet, imagePath(name), "", header, http.StatusPartialContent)
	if err == nil && !bytes.Equal(got, want[from:to+1]) {
		err = fmt.Errorf("bytes %d-%d of %s read as %d others", from, to, name, len(got))
	}
	return err
}

// readChanging reads an image that others replace and delete: it has the digest
// that its answer says, or there is none.
func (k *soak) readChanging() error {
	names := k.m.stored()
	if len(names) == 0 {
		return nil
	}
	name := names[rand.IntN(len(names))]
	resp, err := k.s.open(imagePath(name))
	if refusal(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, resp.Body)
	if tag := resp.Header.Get("ETag"); err == nil && tag != `"`+hexSum(h)+`"` {
		err = fmt.Errorf("%s with the ETag %s has %d bytes with the digest %s", name, tag, n, hexSum(h))
	}
	return err
}

func (k *soak) readCopy() error {
	q := fmt.Sprintf("?w=%d&q=%d", rand.IntN(790)+1, rand.IntN(100)+1)
	if rand.IntN(3) == 0 {
		q = fmt.Sprintf("?w=%d&h=%d&fit=cover", rand.IntN(500)+1, rand.IntN(500)+1)
	}
	name := soakPhoto(rand.IntN(soakPhotos))
	path := imagePath(name) + q
	h, b, err := k.download(http.MethodGet, path, "", nil, http.StatusOK)
	if err != nil {
		return err
	}
	if h.Get("X-Result-Width") == "" && bytes.Equal(b, k.fixed[name]) {
		return nil // a copy would be no smaller
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	size := img.Bounds().Size()
	if got := fmt.Sprint(size.X, size.Y); got != h.Get("X-Result-Width")+" "+h.Get("X-Result-Height") {
		return fmt.Errorf("%s has %s pixels, and the headers %q", path, got, h)
	}
	return nil
}

// walk goes through the list in one of its orders: what nobody changes is in it
// exactly once.
func (k *soak) walk() error {
	q := url.Values{
		"sort":  {[]string{"uploaded", "name", "size"}[rand.IntN(3)]},
		"order": {[]string{"asc", "desc"}[rand.IntN(2)]},
		"limit": {fmt.Sprint(10 + rand.IntN(90))},
	}
	images, err := k.s.listBy(q)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for _, img := range images {
		seen[img.Filename]++
	}
	for _, name := range k.names {
		if seen[name] != 1 {
			return fmt.Errorf("the list by %s has %s %d times", q.Encode(), name, seen[name])
		}
	}
	return k.s.call(http.MethodGet, "/images?trash", nil, nil)
}

func (k *soak) archive() error {
	form := url.Values{}
	for range 3 {
		name, _ := k.any()
		form.Add("name", name)
	}
	kind := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	_, b, err := k.download(http.MethodPost, "/archive", form.Encode(), kind, http.StatusOK)
	if err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	for _, name := range form["name"] {
		f, err := z.Open(name)
		if err != nil {
			return err
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || !bytes.Equal(got, k.fixed[name]) {
			return fmt.Errorf("%s in the archive: %d bytes, %v", name, len(got), err)
		}
	}
	return nil
}

// backup takes a backup, which must be a sound data file.
func (k *soak) backup() error {
	path := filepath.Join(k.dir, "backup.db")
	if err := k.s.backup(path); err != nil {
		return err
	}
	defer os.Remove(path)
	out, err := exec.Command(k.check, "check", "--db", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("imageserver check: %w\n%s", err, out)
	}
	return nil
}

// readSlowly reads 40 kB a second for a while, and then the rest or no more.
func (k *soak) readSlowly() error {
	const name = "fixed-7.png" // larger than what the systems' buffers take
	want := k.fixed[name]
	resp, err := k.s.open(imagePath(name))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got := new(bytes.Buffer)
	for range 5 + rand.IntN(pick(10, 50)) {
		if _, err := io.CopyN(got, resp.Body, 4e3); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	if rand.IntN(2) == 0 {
		return nil
	}
	_, err = got.ReadFrom(resp.Body)
	if err == nil && !bytes.Equal(got.Bytes(), want) {
		err = fmt.Errorf("%s, read slowly, has %d other bytes", name, got.Len())
	}
	return err
}

// uploadSlowly uploads an image at 40 kB a second, and deletes it.
func (k *soak) uploadSlowly() error {
	p := pictureBetween(4e3, pick(50e3, 200e3))
	name := fmt.Sprintf("slow-%d.png", rand.Uint64())
	content := p.bytes()
	if err := k.m.store(k.s, name, content, &slowly{content}); err != nil {
		return err
	}
	return k.m.remove(k.s, name)
}

// slowly gives 4 kB each tenth of a second.
type slowly struct{ rest []byte }

func (r *slowly) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	time.Sleep(100 * time.Millisecond)
	n := copy(p[:min(len(p), 4e3)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// breakOffAnswer reads a part of an image and goes away.
func (k *soak) breakOffAnswer() error {
	name, content := k.any()
	resp, err := k.s.open(imagePath(name) + "?download")
	if err != nil {
		return err
	}
	defer resp.Body.Close() // which ends the connection, since the rest is not read
	_, err = io.CopyN(io.Discard, resp.Body, rand.Int64N(int64(len(content))))
	return err
}
