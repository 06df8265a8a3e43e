package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// TestMain runs the tests. A Pool starts the executable of the tests with arguments. Then
// TestMain does the work of a process, or what a process with a fault does.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && strings.HasPrefix(os.Args[1], "decode") {
		err := Run(context.Background(), format.Type(os.Args[2]), os.Args[3], os.Stdin, os.Stdout)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) == 4 && os.Args[1] == "late" { // it is ready when a file exists, and ends with its input
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		for _, err := os.Stat(os.Args[3]); err != nil; _, err = os.Stat(os.Args[3]) {
			time.Sleep(time.Millisecond)
		}
		_ = send(os.Stdout, answer{})
		select {}
	}
	if len(os.Args) == 4 && faults[os.Args[1]] != nil {
		_ = send(os.Stdout, answer{})
		faults[os.Args[1]]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// faults has processes that report that they are ready, and then do what a decoder must not do.
var faults = map[string]func(){
	"loop": func() {
		for n := 0; ; n++ { // uses the processor, and never ends
			if n < 0 {
				n = 0
			}
		}
	},
	"allocate": func() {
		for b := []byte{1}; ; b = bytes.Repeat(b, 2) {
			time.Sleep(time.Millisecond * time.Duration(len(b)>>20)) // so that watch can measure it
		}
	},
	"die":      func() { fmt.Fprint(os.Stderr, "panic: a fault") },
	"sleep":    func() { _, _ = io.Copy(io.Discard, neverEnds{}) },
	"babble":   func() { fmt.Print("hello, this is not a message") },
	"gigantic": func() { _ = send(os.Stdout, answer{Size: 1 << 40}); time.Sleep(time.Hour) },
	"report": func() { // reports what it inherited
		text := fmt.Sprint(os.Environ())
		for fd := 3; fd < 200; fd++ {
			f := os.NewFile(uintptr(fd), "")
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() == secretSize {
				text += " the secret"
			}
		}
		_ = send(os.Stdout, answer{Failure: damaged, Text: text})
		time.Sleep(time.Hour)
	},
	"escape": func() { // reports what it can reach after confine
		text := fmt.Sprint(confine())
		if _, err := os.Open("/etc/passwd"); err == nil {
			text += " opened a file"
		}
		if _, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
			text += " opened a socket"
		}
		if err := exec.Command("/bin/true").Run(); err == nil {
			text += " started a program"
		}
		if p, err := os.FindProcess(os.Getppid()); err == nil && p.Signal(nil) == nil {
			text += " sent a signal"
		}
		_ = send(os.Stdout, answer{Failure: damaged, Text: text})
		time.Sleep(time.Hour)
	},
}

// secretSize is the size of a file that no process may inherit.
const secretSize = 12345

// neverEnds blocks until the process is killed.
type neverEnds struct{}

func (neverEnds) Read([]byte) (int, error) { time.Sleep(time.Hour); return 0, io.EOF }

func program(t testing.TB, fault string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(self, fault, "heic", "")
}

// tiny is a picture for a process that does not decode it.
var tiny = resize.Source{ReaderAt: strings.NewReader("picture"), Size: 7, Info: format.Info{Type: format.HEIC, Width: 1, Height: 1}}

// TestFaults: if a process has a fault, the request returns an error, and the process ends.
func TestFaults(t *testing.T) {
	t.Parallel()
	var died *deathError
	for fault, want := range map[string]func(error) bool{
		"loop":     func(err error) bool { return errors.Is(err, ErrTooSlow) },
		"allocate": func(err error) bool { return errors.Is(err, ErrMemory) },
		"die":      func(err error) bool { return errors.As(err, &died) && strings.Contains(err.Error(), "a fault") },
		"babble":   func(err error) bool { return errors.As(err, &died) },
		"gigantic": func(err error) bool { return errors.As(err, &died) },
	} {
		t.Run(fault, func(t *testing.T) {
			if fault == "allocate" && runtime.GOOS != "linux" {
				t.Skip("only Linux says how much memory a process has")
			}
			l := limits{time.Hour, 1 << 40}
			switch fault {
			case "loop":
				l.processor = 200 * time.Millisecond
			case "allocate", "gigantic":
				l.memory = 64 << 20
			}
			p, err := start(program(t, fault))
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.make(t.Context(), tiny, request{Size: tiny.Size}, l)
			if !want(err) {
				t.Errorf("got %v", err)
			}
			if <-p.ended; !p.dead {
				t.Error("the process can be used again")
			}
		})
	}
}

// TestCancel: if a request is cancelled, its process ends.
func TestCancel(t *testing.T) {
	t.Parallel()
	p, err := start(program(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.make(ctx, tiny, request{Size: tiny.Size}, limits{time.Hour, 1 << 40}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	<-p.ended
}

// TestInherits: a process has no environment, and no file that the server has open.
func TestInherits(t *testing.T) {
	t.Parallel()
	text := ask(t, "report")
	if strings.Contains(text, "PATH=") || strings.Contains(text, "the secret") {
		t.Errorf("the process has %s", text)
	}
}

// TestConfine: a process opens no file and no socket, and starts no program.
func TestConfine(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	if text := ask(t, "escape"); text != "<nil>" {
		t.Errorf("the process: %s", text)
	}
}

// ask returns the text that a process answers.
func ask(t *testing.T, fault string) string {
	t.Helper()
	leakFile(t)
	p, err := start(program(t, fault))
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	_, err = p.make(t.Context(), tiny, request{Size: tiny.Size}, limits{time.Hour, 1 << 40})
	text, ok := strings.CutPrefix(fmt.Sprint(err), resize.ErrDamaged.Error()+": ")
	if !ok {
		t.Fatal(err)
	}
	return text
}

// TestSourceError: Make returns an error of the store unchanged. The next picture gets a new
// process.
func TestSourceError(t *testing.T) {
	t.Parallel()
	p, err := start(program(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	broken := tiny
	broken.ReaderAt = badReader{}
	if _, err := p.make(t.Context(), broken, request{Size: broken.Size}, limits{time.Hour, 1 << 40}); !errors.Is(err, errBad) || !p.dead {
		t.Errorf("got %v, and dead is %v", err, p.dead)
	}
}

var errBad = errors.New("a damaged chunk")

type badReader struct{}

func (badReader) ReadAt([]byte, int64) (int, error) { return 0, errBad }

// newFaulty returns a pool whose processes have a fault.
func newFaulty(t *testing.T, fault string) *Pool {
	p := New(Options{Types: []format.Type{format.HEIC}, Command: program(t, fault).Args[:2], Cache: func() string { return "" }, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(p.Close)
	return p
}

// TestDeath: if a process ends, only the request of this process fails.
func TestDeath(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../testdata/gradient.heic")
	if err != nil {
		t.Fatal(err)
	}
	s := resize.Source{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Info: format.Info{Type: format.HEIC, Width: 60, Height: 40, Orientation: 1}}
	pool := newFaulty(t, "die")
	for range 3 {
		if _, err := pool.Make(t.Context(), s, resize.Plan{Width: 60, Height: 40}); !errors.Is(err, resize.ErrDamaged) {
			t.Errorf("got %v, want %v", err, resize.ErrDamaged)
		}
	}
}

// TestNoProgram: if the program does not exist, each request returns an error.
func TestNoProgram(t *testing.T) {
	t.Parallel()
	pool := New(Options{Types: []format.Type{format.HEIC}, Command: []string{"/nowhere/program"}, Cache: func() string { return "" }, Log: slog.New(slog.DiscardHandler)})
	for range 2 {
		if _, err := pool.types[format.HEIC].acquire(t.Context()); err == nil || errors.Is(err, ErrStarting) {
			t.Errorf("got %v", err)
		}
	}
}

// TestKept: the pool uses a process again, and ends a process that was idle for too long.
func TestKept(t *testing.T) {
	t.Parallel()
	s := newFaulty(t, "sleep").types[format.HEIC]
	first, err := s.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.release(first)
	second, err := s.acquire(t.Context())
	if err != nil || second != first {
		t.Errorf("got another process, %v", err)
	}
	s.release(second)
	s.endIdle(s.used - 1) // the process was used after this number was read, so it does not end
	if len(s.idle) != 1 {
		t.Error("a process that was used ended")
	}
	s.endIdle(s.used)
	<-first.ended
}

// TestReady: a caller can wait until a process is ready, and all callers wait for the same one.
func TestReady(t *testing.T) {
	t.Parallel()
	signal := filepath.Join(t.TempDir(), "ready")
	pool := New(Options{Types: []format.Type{format.HEIC}, Command: program(t, "late").Args[:2], Cache: func() string { return signal }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(pool.Close)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := pool.Ready(gone, format.HEIC); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that has gone: got %v, want %v", err, context.Canceled)
	}
	var waiting sync.WaitGroup
	for range 10 {
		waiting.Go(func() {
			if err := pool.Ready(t.Context(), format.HEIC); err != nil {
				t.Error(err)
			}
		})
	}
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waiting.Wait()
	s := pool.types[format.HEIC]
	p, err := s.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.release(p)
	if err := pool.Ready(t.Context(), format.HEIC); err != nil { // the process is busy, and Ready does not wait for it
		t.Error(err)
	}
	if len(s.all) != 1 {
		t.Errorf("there are %d processes, want 1", len(s.all))
	}
}

// TestPrepare: a new pool has no process, and Prepare starts one.
func TestPrepare(t *testing.T) {
	t.Parallel()
	pool := newFaulty(t, "sleep")
	s := pool.types[format.HEIC]
	if s.running() {
		t.Error("a new pool has a process")
	}
	pool.Prepare(format.AVIF) // the pool does not decode this type
	pool.Prepare(format.HEIC)
	s.release(<-s.idle)
}

// TestClose: a process that works ends with the pool.
func TestClose(t *testing.T) {
	t.Parallel()
	pool := newFaulty(t, "sleep")
	p, err := pool.types[format.HEIC].acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	<-p.ended
	if _, err := pool.types[format.HEIC].acquire(t.Context()); err == nil {
		t.Error("a closed pool started a process")
	}
}

// TestCloseEarly: Close does not wait for a process that is still starting, and the goroutine
// of Prepare ends before Close returns.
func TestCloseEarly(t *testing.T) {
	t.Parallel()
	signal := filepath.Join(t.TempDir(), "ready")
	pool := New(Options{Types: []format.Type{format.HEIC}, Command: program(t, "late").Args[:2], Cache: func() string { return signal }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	pool.Prepare(format.HEIC)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(startTime / 2):
		t.Error("Close waits for the process")
	}
	if err := os.WriteFile(signal, nil, 0o600); err != nil { // lets the process end
		t.Fatal(err)
	}
	<-closed
}

// TestServerEnds: a process ends when the server closes its pipe, also while it decodes.
func TestServerEnds(t *testing.T) {
	t.Parallel()
	cmd := program(t, "decode")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
