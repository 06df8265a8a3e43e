//go:build unix

package pg_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"imageserver/api"
	"imageserver/api/apitest"
	"imageserver/db"
	"imageserver/db/pg"
	"imageserver/db/pg/pgtest"
)

// Environment variables with which the test executable is a server.
const (
	childStore    = "PG_TEST_STORE"    // the URL of the store
	childEndpoint = "PG_TEST_ENDPOINT" // the URL of the S3 server
	childFault    = "PG_TEST_FAULT"    // if set, the server returns images that were replaced, which is wrong
)

func init() { asServer = serveChild }

// serveChild serves a store until the process is killed.
func serveChild() {
	store, err := pg.Open(context.Background(), os.Getenv(childStore), pg.Options{Endpoint: os.Getenv(childEndpoint)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var served db.Store = store
	if os.Getenv(childFault) != "" {
		served = &forgetful{Store: store, seen: map[string]db.Image{}, calls: map[string]int{}}
	}
	fmt.Printf("http://%s\n", l.Addr())
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	http.Serve(l, api.New(served, http.NotFoundHandler(), api.Options{Trash: time.Hour, Log: log}))
}

// forgetful is a wrong store: nine of ten calls of Get return the image of the call before, even
// if another server has replaced it.
type forgetful struct {
	db.Store
	mu    sync.Mutex
	seen  map[string]db.Image
	calls map[string]int
}

func (f *forgetful) Get(ctx context.Context, name string) (db.Image, db.Body, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	img, body, err := f.Store.Get(ctx, name)
	if err != nil {
		return img, body, err
	}
	if f.calls[name]%10 == 0 {
		f.seen[name] = img
	}
	f.calls[name]++
	return f.seen[name], body, nil
}

// child is a server in a process of its own.
type child struct {
	url string
	cmd *exec.Cmd
}

func startChild(t *testing.T, store, endpoint, fault string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childStore+"="+store, childEndpoint+"="+endpoint, childFault+"="+fault)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &child{strings.TrimSpace(line), cmd}
}

// event is one operation on one name. A rename is two events: it takes an image from a
// name, and gives it to another name.
type event struct {
	name, kind string // get, put, create, delete, take, give, restore, taken
	digest     string // what is stored, or what get returned; empty for no image
	refused    bool   // whether the answer was that the condition does not hold
	unknown    bool   // whether there was no answer: the operation was done or not done
}

// step returns the states that a name may have after an event. The state is the digest of
// the image with this name, or empty.
func step(state string, e event) (states []string) {
	holds := map[string]bool{
		"get": state == e.digest, "put": true, "give": true, "create": state == "", "restore": state == "",
		"delete": state != "", "take": state == e.digest, "taken": state != "",
	}[e.kind]
	after := e.digest
	switch e.kind {
	case "delete", "take":
		after = ""
	case "taken":
		after = state
	}
	switch {
	case e.unknown && holds:
		return []string{state, after}
	case e.unknown, e.refused && !holds:
		return []string{state}
	case !e.refused && holds:
		return []string{after}
	}
	return nil
}

// linearizable is the model of one name.
var linearizable = (&porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byName := map[string][]porcupine.Operation{}
		for _, o := range history {
			name := o.Input.(event).name
			byName[name] = append(byName[name], o)
		}
		var all [][]porcupine.Operation
		for _, some := range byName {
			all = append(all, some)
		}
		return all
	},
	Init: func() []any { return []any{""} },
	Step: func(state, input, output any) (states []any) {
		for _, s := range step(state.(string), output.(event)) {
			states = append(states, s)
		}
		return states
	},
	Equal: func(a, b any) bool { return a == b },
}).ToModel()

// history has the operations of all clients.
type history struct {
	mu    sync.Mutex
	begun time.Time
	all   []porcupine.Operation
}

// record adds events that happened at one moment between `call` and now.
func (h *history) record(client int, call time.Duration, events ...event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		end := int64(time.Since(h.begun))
		if e.unknown {
			end = math.MaxInt64 // it may still be done at any time
		}
		h.all = append(h.all, porcupine.Operation{ClientId: client, Input: e, Output: e, Call: int64(call), Return: end})
	}
}

// servers is a test of several servers with one store.
type servers struct {
	history
	children []*child
	next     func() string // an unused picture
	client   http.Client
	stored   sync.Map // digest → true for each image that was acknowledged
}

// send sends a request. `sent` is false if no server got it. The status is 0 if there was
// no answer.
func (s *servers) send(method, url, header, body string) (status int, answer string, etag string, sent bool) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	apitest.SetHeader(req, header)
	res, err := s.client.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return 0, "", "", false
	}
	if err != nil {
		return 0, "", "", true
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 500 {
		return 0, "", "", true
	}
	return res.StatusCode, string(content), strings.Trim(res.Header.Get("ETag"), `"`), true
}

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// operate does one random operation, and records it.
func (s *servers) operate(t *testing.T, client int, rnd *rand.Rand) {
	names := []string{"a.png", "b.png", "c.png", "d.png", "e.png", "f.png"}
	name := names[rnd.IntN(len(names))]
	server := s.children[rnd.IntN(len(s.children))].url
	url := server + "/images/" + name
	call := time.Since(s.begun)
	switch rnd.IntN(8) {
	case 0, 1:
		picture := s.next()
		status, _, _, sent := s.send("PUT", url, "", picture)
		if sent {
			s.record(client, call, event{name: name, kind: "put", digest: digestOf(picture), unknown: status == 0})
			s.acknowledge(status/100 == 2, picture)
		}
	case 2:
		picture := s.next()
		status, _, _, sent := s.send("PUT", url, "If-None-Match: *", picture)
		if sent {
			s.record(client, call, event{name: name, kind: "create", digest: digestOf(picture), refused: status == 412, unknown: status == 0})
			s.acknowledge(status/100 == 2, picture)
		}
	case 3:
		status, _, _, sent := s.send("DELETE", url, "", "")
		if sent {
			s.record(client, call, event{name: name, kind: "delete", refused: status == 404, unknown: status == 0})
		}
	case 4:
		s.rename(client, server, name, names[rnd.IntN(len(names))])
	case 5: // only on the server that lives: without an answer, the name would be unknown
		status, answer, _, _ := s.send("POST", s.children[0].url+"/images/"+name+"/restore", "", "")
		if status/100 != 2 {
			if status != 404 {
				t.Errorf("restore: got %d %s", status, answer)
			}
			return
		}
		var img apitest.Image
		if err := json.Unmarshal([]byte(answer), &img); err != nil || img.SHA256 == "" {
			t.Errorf("restore: got %q", answer)
		}
		if img.Filename == name {
			s.record(client, call, event{name: name, kind: "restore", digest: img.SHA256})
		} else {
			s.record(client, call, event{name: name, kind: "taken"}, event{name: img.Filename, kind: "restore", digest: img.SHA256})
		}
	default:
		s.get(t, client, server, name)
	}
}

// get reads an image and checks its bytes.
func (s *servers) get(t *testing.T, client int, server, name string) (digest string) {
	call := time.Since(s.begun)
	status, content, etag, _ := s.send("GET", server+"/images/"+name, "", "")
	switch {
	case status == 200:
		s.record(client, call, event{name: name, kind: "get", digest: etag})
		if digestOf(content) != etag && !s.wrong() {
			t.Errorf("GET %s: got bytes with the digest %s, want %s", name, digestOf(content), etag)
		}
	case status == 404:
		s.record(client, call, event{name: name, kind: "get"})
	case status != 0:
		t.Errorf("GET %s: got %d %s", name, status, content)
	}
	return etag
}

// wrong reports whether the servers have a fault.
func (s *servers) wrong() bool {
	return !strings.HasSuffix(strings.Join(s.children[0].cmd.Env, "\n"), childFault+"=")
}

// rename moves an image that this client has seen under the name `from`.
func (s *servers) rename(client int, server, from, to string) {
	_, _, etag, _ := s.send("HEAD", server+"/images/"+from, "", "")
	if etag == "" || from == to {
		return
	}
	call := time.Since(s.begun)
	status, _, _, sent := s.send("POST", server+"/images/"+from+"/rename?conflict=replace", `If-Match: "`+etag+`"`, fmt.Sprintf(`{"filename": %q}`, to))
	if !sent {
		return
	}
	refused, unknown := status == 412, status == 0
	s.record(client, call, event{name: from, kind: "take", digest: etag, refused: refused, unknown: unknown})
	if !refused {
		s.record(client, call, event{name: to, kind: "give", digest: etag, unknown: unknown})
	}
}

func (s *servers) acknowledge(ok bool, picture string) {
	if ok {
		s.stored.Store(digestOf(picture), true)
	}
}

// run runs 16 clients on three servers. One server is killed in the middle, and another is
// stopped for a time. It returns whether the history is linearizable.
func (s *servers) run(t *testing.T, target, endpoint, fault string) porcupine.CheckResult {
	for range 3 {
		s.children = append(s.children, startChild(t, target, endpoint, fault))
	}
	var mu sync.Mutex
	var seed uint64
	s.next = func() string {
		mu.Lock()
		defer mu.Unlock()
		seed++
		return apitest.Picture(t, seed, 2000)
	}
	s.client = http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}} // so that no request is sent twice
	s.begun = time.Now()
	const clients, steps = 16, 50
	var running, half sync.WaitGroup
	half.Add(clients)
	for i := range clients {
		running.Go(func() {
			rnd := rand.New(rand.NewPCG(7, uint64(i)))
			for n := range steps {
				if n == steps/2 {
					half.Done()
				}
				s.operate(t, i, rnd)
			}
		})
	}
	half.Wait()
	s.children[1].cmd.Process.Signal(syscall.SIGKILL)
	s.children[2].cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(time.Second)
	s.children[2].cmd.Process.Signal(syscall.SIGCONT)
	running.Wait()
	for _, name := range []string{"a.png", "b.png", "c.png", "d.png", "e.png", "f.png"} {
		first, second := s.get(t, 0, s.children[0].url, name), s.get(t, 0, s.children[2].url, name)
		if first != second && fault == "" {
			t.Errorf("the servers have %q and %q under %s", first, second, name)
		}
	}
	return porcupine.CheckOperationsTimeout(linearizable, s.all, time.Minute)
}

// TestServers: several servers with one store behave as one, while one of them is killed
// and another stalls.
func TestServers(t *testing.T) {
	t.Parallel()
	r, target := newSweepRig(t)
	r.Store.Close() // its grace is too short for the uploads of the servers
	s := &servers{}
	if got := s.run(t, target, "http://"+r.bucket.Addr, ""); got != porcupine.Ok {
		t.Errorf("the history of the names is not linearizable: %s", got)
	}
	r.Store = openWith(t, target, pg.Options{Endpoint: "http://" + r.bucket.Addr, Poll: time.Hour, Grace: time.Nanosecond})
	s.wantAllStored(t, r)
	wantRecount(t, r.Store)
	wantNoGarbage(t, r, target)
}

// wantAllStored fails if an image that was acknowledged is neither in a list nor in the
// trash: nothing was deleted forever.
func (s *servers) wantAllStored(t *testing.T, store db.Images) {
	t.Helper()
	found := map[string]bool{}
	for _, trash := range []bool{false, true} {
		images, _, err := store.List(t.Context(), db.ListOptions{Limit: 1 << 20, Trash: trash})
		if err != nil {
			t.Fatal(err)
		}
		for _, img := range images {
			found[img.SHA256.String()] = true
		}
	}
	s.stored.Range(func(digest, _ any) bool {
		if !found[digest.(string)] {
			t.Errorf("the image %s was acknowledged, and is lost", digest)
		}
		return true
	})
}

// TestServersWrong: the check finds servers that remember what others have changed.
func TestServersWrong(t *testing.T) {
	t.Parallel()
	endpoint, _ := fakeS3(t)
	s := &servers{}
	if got := s.run(t, pgtest.URL(t, "bucket=pictures"), endpoint, "forgetful"); got != porcupine.Illegal {
		t.Errorf("the history of wrong servers: got %s, want it to be illegal", got)
	}
}
