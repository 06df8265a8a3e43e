package apitest

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// Log keeps what a server writes. A test can wait for a line of it.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Wait waits for a line with all of the words and returns it.
func (l *Log) Wait(t testing.TB, words ...string) string {
	t.Helper()
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(l.String()) {
			if ContainsAll(line, words) {
				return line
			}
		}
	}
	t.Fatalf("the log has no line with %q", words)
	return ""
}

// ContainsAll reports whether s contains all of the words.
func ContainsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}
