package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// model knows what a server may hold: for each name the contents that it may
// stand for, by SHA-256. A request on its way, or one whose answer never came,
// leaves it open whether it was done; an answer settles that.
type model struct {
	mu    sync.Mutex
	names map[string][]string
}

// absent is the content of a name that is not stored.
const absent = ""

func newModel() *model { return &model{names: make(map[string][]string)} }

// try notes a request that makes name stand for sum. Its result is told to the
// function returned.
func (m *model) try(name, sum string) (settle func(error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, ok := m.names[name]
	if !ok {
		before = []string{absent}
	}
	m.names[name] = append(slices.Clone(before), sum)
	return func(err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		switch code := refusal(err); {
		case err == nil:
			m.names[name] = []string{sum}
		case code/100 == 4, code == http.StatusInsufficientStorage:
			m.names[name] = before // such a refusal promises that nothing was done
		}
	}
}

// upload stores a picture under a name that is free, or replaces what is there.
func (m *model) upload(s *server, name string, p picture) error {
	sum := p.sum()
	settle := m.try(name, sum)
	send := s.put
	if free := m.free(name); free && rand.IntN(2) == 0 {
		send = s.post
	}
	img, err := send(name, p.open(), p.size)
	if err == nil && (img.Filename != name || img.SHA256 != sum || img.Size != p.size) {
		err = fmt.Errorf("%q, %d bytes, digest %s is stored as %+v", name, p.size, sum, img)
	}
	settle(err)
	return err
}

// store puts content under a name, from a reader of it that may be slow.
func (m *model) store(s *server, name string, content []byte, body io.Reader) error {
	settle := m.try(name, fmt.Sprintf("%x", sha256.Sum256(content)))
	_, err := s.put(name, body, int64(len(content)))
	settle(err)
	return err
}

func (m *model) remove(s *server, name string) error {
	settle := m.try(name, absent)
	err := s.remove(name)
	settle(err)
	return err
}

// rename gives the image under from the name to, which is free. What was sent
// under from must be certain.
func (m *model) rename(s *server, from, to string) error {
	sum := m.certain(from)
	leave, take := m.try(from, absent), m.try(to, sum)
	err := s.rename(from, to)
	leave(err)
	take(err)
	return err
}

// restore brings back an image that has just been deleted.
func (m *model) restore(s *server, name, sum string) error {
	settle := m.try(name, sum)
	err := s.restore(name)
	settle(err)
	return err
}

// certain returns the content that name stands for, absent if that is open.
func (m *model) certain(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if may := m.names[name]; len(may) == 1 {
		return may[0]
	}
	return absent
}

// free reports whether no image was ever sent under name but the one under way.
func (m *model) free(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.names[name]) == 2 && m.names[name][0] == absent
}

// stored returns the names of all images that are there for certain, and of
// which it is certain what they hold.
func (m *model) stored() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, may := range m.names {
		if len(may) == 1 && may[0] != absent {
			names = append(names, name)
		}
	}
	return names
}

// What compare says of an image that is not as it must be.
const (
	isLost  = "is lost"
	isBack  = "should not be there"
	isOther = "holds other bytes"
)

// compare reads everything on the server and returns how it differs from what
// may be there. What it found is from then on what must be there.
func (m *model) compare(s *server) (differences []string) {
	images, err := s.list()
	if err != nil {
		return []string{fmt.Sprintf("GET /images: %v", err)}
	}
	found := make(map[string][]string)
	for _, img := range images {
		if found[img.Filename] != nil {
			differences = append(differences, fmt.Sprintf("%q is listed twice", img.Filename))
		}
		found[img.Filename] = []string{img.SHA256}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, may := range m.names {
		if found[name] == nil && !slices.Contains(may, absent) {
			differences = append(differences, fmt.Sprintf("%q %s", name, isLost))
		}
	}
	for _, img := range images {
		switch may := m.names[img.Filename]; {
		case len(may) == 0, len(may) == 1 && may[0] == absent:
			differences = append(differences, fmt.Sprintf("%q %s", img.Filename, isBack))
		case !slices.Contains(may, img.SHA256):
			differences = append(differences, fmt.Sprintf("%q %s, with the digest %s; want one of %q", img.Filename, isOther, img.SHA256, may))
		}
	}
	differences = append(differences, readAll(s, images)...)
	m.names = found
	return differences
}

// readAll reads the images and returns what is wrong with them.
func readAll(s *server, images []entry) (wrong []string) {
	var mu sync.Mutex
	each(8, images, func(img entry) {
		sum, size, err := s.get(img.Filename)
		if err != nil || sum != img.SHA256 || size != img.Size {
			mu.Lock()
			defer mu.Unlock()
			wrong = append(wrong, fmt.Sprintf("%q reads as %d bytes, digest %s, error %v; want %d bytes, %s", img.Filename, size, sum, err, img.Size, img.SHA256))
		}
	})
	return wrong
}

// each calls f with every item, n of them at once.
func each[T any](n int, items []T, f func(T)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, len(items)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(items)); i = next.Add(1) - 1 {
				f(items[i])
			}
		})
	}
	workers.Wait()
}

// load is clients that upload, replace and delete.
type load struct {
	stop     atomic.Bool
	done     sync.WaitGroup
	bytes    atomic.Int64 // that were sent
	acks     atomic.Int64 // requests that were acknowledged
	replaced atomic.Int64 // of them, those that put other bytes under a name
	deleted  atomic.Int64 // and those that freed one
	mu       sync.Mutex
	errors   []error // what ended each client
}

// maxOwn bounds the images of one client, and with them the size of the store.
const maxOwn = 40

// begin starts clients, each of which goes on until the first error. They share
// among them the images that are there. After limit bytes they only trickle.
func (m *model) begin(s *server, prefix string, clients int, limit int64) *load {
	l := &load{}
	owned := make([][]string, clients)
	for i, name := range m.stored() {
		owned[i%clients] = append(owned[i%clients], name)
	}
	for c, own := range owned {
		l.done.Go(func() {
			for i := 0; !l.stop.Load(); i++ {
				err := m.step(s, fmt.Sprintf("%s-%d-%d.png", prefix, c, i), &own, l)
				if err != nil {
					l.mu.Lock()
					l.errors = append(l.errors, err)
					l.mu.Unlock()
					return
				}
				if l.acks.Add(1); l.bytes.Load() > limit {
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	return l
}

// step does one request: mostly it uploads, sometimes it replaces, renames or
// deletes an image of its own, or brings it back.
func (m *model) step(s *server, fresh string, own *[]string, l *load) error {
	dice := rand.IntN(12)
	if dice < 6 && len(*own) < maxOwn || len(*own) == 0 {
		*own = append(*own, fresh)
		return m.send(s, fresh, l)
	}
	i := rand.IntN(len(*own))
	name := (*own)[i]
	switch {
	case dice < 8:
		err := m.send(s, name, l)
		count(&l.replaced, err)
		return err
	case dice == 8:
		(*own)[i] = fresh
		return m.rename(s, name, fresh)
	}
	sum := m.certain(name)
	if err := m.remove(s, name); err != nil || dice < 11 {
		*own = slices.Delete(*own, i, i+1)
		count(&l.deleted, err)
		return err
	}
	return m.restore(s, name, sum)
}

// send uploads a picture of any size.
func (m *model) send(s *server, name string, l *load) error {
	p := anyPicture()
	l.bytes.Add(p.size)
	return m.upload(s, name, p)
}

// count counts what was acknowledged.
func count(n *atomic.Int64, err error) {
	if err == nil {
		n.Add(1)
	}
}

// end waits for the clients and returns their errors.
func (l *load) end() []error {
	l.stop.Store(true)
	l.done.Wait()
	return l.errors
}

// undecided counts the names for which it is open what they stand for.
func (m *model) undecided() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for may := range maps.Values(m.names) {
		if len(may) > 1 {
			n++
		}
	}
	return n
}

// matches fails the test where the server and the model differ.
func (m *model) matches(t testing.TB, s *server) {
	t.Helper()
	report(t, m.compare(s))
}

// report fails the test if there are differences.
func report(t testing.TB, differences []string) {
	t.Helper()
	for i, d := range differences {
		if i == 10 {
			t.Errorf("and %d more", len(differences)-i)
			break
		}
		t.Error(d)
	}
	if t.Failed() {
		t.FailNow()
	}
}
