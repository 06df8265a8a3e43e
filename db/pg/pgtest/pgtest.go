// Package pgtest starts a PostgreSQL server for tests. The server has its own cluster in a
// temporary folder, does not use fsync, and ends with the tests.
package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Server is a running PostgreSQL server.
type Server struct {
	Dir  string // of the cluster
	Addr string // HOST:PORT

	bin string
	cmd *exec.Cmd
	out lockedBuffer
	end chan struct{} // closed when the process has ended
}

const (
	User       = "imageserver" // the user of the database, who has all rights
	LockedUser = "locked"      // a user who needs a password; a test creates this user
)

var shared struct {
	sync.Mutex
	server *Server
	err    error
	begun  bool
}

// Main runs the tests, and then ends the server that Shared has started. It is the body of
// TestMain.
func Main(m *testing.M) {
	code := m.Run()
	End()
	os.Exit(code)
}

// End ends the server that Shared has started, for a TestMain that does more than Main.
func End() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.Stop()
		os.RemoveAll(shared.server.Dir)
	}
}

// Shared returns the server that all tests of a process use. Without PostgreSQL it skips
// the test; with the environment variable CI set, the test fails.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.begun {
		shared.begun = true
		shared.server, shared.err = Start()
	}
	if errors.Is(shared.err, errMissing) && os.Getenv("CI") == "" {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

var schemas atomic.Int64

// URL returns the URL of a new, empty store in the shared server. `query` has more
// parameters, such as bucket=pictures.
func URL(t testing.TB, query string) string {
	t.Helper()
	return Shared(t).URL(fmt.Sprintf("schema=s%d_%d&%s", os.Getpid(), schemas.Add(1), query))
}

// URL returns the URL of the database with these parameters.
func (s *Server) URL(query string) string { return URLAt(s.Addr, query) }

// URLAt does the same as URL, with another address, such as that of a proxy in front of the
// server.
func URLAt(addr, query string) string { return URLAs(url.User(User), addr, query) }

// URLAs does the same as URLAt, with another user.
func URLAs(user *url.Userinfo, addr, query string) string {
	u := url.URL{Scheme: "postgres", User: user, Host: addr, Path: "/postgres", RawQuery: "sslmode=disable&" + query}
	return u.String()
}

var errMissing = errors.New("PostgreSQL is not installed (Debian: apt-get install postgresql), so the tests of db/pg that need it are skipped")

// Start makes a cluster and starts its server.
func Start() (*Server, error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(bins)
	if len(bins) == 0 {
		path, err := exec.LookPath("initdb")
		if err != nil {
			return nil, errMissing
		}
		bins = []string{path}
	}
	s := &Server{bin: filepath.Dir(bins[len(bins)-1])}
	var err error
	if s.Dir, err = os.MkdirTemp(fastDir(), "imageserver-pg-*"); err != nil {
		return nil, err
	}
	if err := give(s.Dir); err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", s.Dir, "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	unprivileged(initdb)
	initdb.Dir = "/"
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := s.lock(LockedUser); err != nil {
		return nil, err
	}
	if s.Addr, err = freeAddr(); err != nil {
		return nil, err
	}
	return s, s.Start()
}

// lock makes the server require a password from a user.
func (s *Server) lock(user string) error {
	path := filepath.Join(s.Dir, "pg_hba.conf")
	rules, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte("host all "+user+" 127.0.0.1/32 scram-sha-256\n"), rules...), 0o600)
}

// MakeStandby turns a stopped server into a standby without a primary: it can only be
// read.
func (s *Server) MakeStandby() error {
	path := filepath.Join(s.Dir, "standby.signal")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return give(path)
}

// freeAddr returns an address that no program listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Start starts the server again after Stop or Crash. It has the same address.
func (s *Server) Start() error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.Dir, "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "max_connections=400", "-c", "shared_buffers=64MB", "-c", "max_wal_size=256MB", "-c", "autovacuum=off")
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Dir = &s.out, &s.out, "/"
	unprivileged(s.cmd)
	if s.end, err = start(s.cmd); err != nil {
		return err
	}
	for {
		select {
		case <-s.end:
			return fmt.Errorf("postgres ended: %s", s.out.String())
		case <-time.After(10 * time.Millisecond):
		}
		ready := exec.Command(filepath.Join(s.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port)
		if ready.Run() == nil {
			return nil
		}
	}
}

// Tool returns the command that runs a program of PostgreSQL, such as pg_dump, on the database.
func (s *Server) Tool(name string, args ...string) *exec.Cmd {
	host, port, _ := net.SplitHostPort(s.Addr)
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Env = append(os.Environ(), "PGHOST="+host, "PGPORT="+port, "PGUSER="+User, "PGDATABASE=postgres")
	return cmd
}

// Stop ends the server. It ends all connections.
func (s *Server) Stop() {
	s.cmd.Process.Signal(os.Interrupt) // PostgreSQL's fast shutdown
	<-s.end
}

// lockedBuffer is a buffer for the output of a process.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
