package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestKill kills the server in the middle of 16 clients' uploads, again and
// again on one data file. What was acknowledged is there afterwards, and what
// was not is there whole or not at all.
func TestKill(t *testing.T) {
	parallel(t)
	path := filepath.Join(t.TempDir(), "images.db")
	m := newModel()
	acks, open := 0, 0
	for round := range pick(3, 20) {
		s := start(t, path)
		s.check(t)
		m.matches(t, s)
		l := m.begin(s, fmt.Sprint(round), 16, pick[int64](32, 256)<<20)
		time.Sleep(100*time.Millisecond + rand.N(pick[time.Duration](300, 900)*time.Millisecond))
		s.kill()
		for _, err := range l.end() {
			if refusal(err) != 0 {
				t.Errorf("before the kill: %v", err)
			}
		}
		acks += int(l.acks.Load())
		open += m.undecided()
	}
	s := start(t, path)
	s.check(t)
	m.matches(t, s)
	s.stop(t)
	isSound(t, path)
	t.Logf("%d requests acknowledged, %d cut off, %d images in the end", acks, open, len(m.stored()))
	if acks == 0 || open == 0 {
		t.Error("the kills met no uploads")
	}
}
