package progress

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time passes only in Sleep
		var out bytes.Buffer
		d := New(&out, "Checking images", 2000)
		for range 2000 {
			time.Sleep(11 * time.Millisecond)
			d.Add(1)
		}
		d.Printf(&out, "a.png is damaged")
		d.Close()
		d.Close()
		want := `Checking images: 0 of 2,000
Checking images: 910 of 2,000
Checking images: 1,820 of 2,000
a.png is damaged
Checking images: 2,000 of 2,000, 22s
`
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	})
}

func TestUnknownTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d := NewBytes(&out, "Copying", -1)
		d.Add(3 << 20)
		d.Close()
		if got, want := out.String(), "Copying: 0 B\nCopying: 3.0 MiB, 0s\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestBar checks the lines on the terminal after Close: the line of Printf is complete,
// and the last line replaces the bar.
func TestBar(t *testing.T) {
	var out bytes.Buffer
	d := begin(&out, "Checking images", 100, func(int64) string { return "N" }, true)
	d.Add(40)
	d.Printf(&out, "a.png is damaged")
	d.Add(60)
	d.Close()
	d.Add(1)
	if !strings.Contains(out.String(), "[") {
		t.Errorf("got %q, want a bar in it", out.String())
	}
	lines := screen(out.String())
	if len(lines) != 2 || lines[0] != "a.png is damaged" || !strings.HasPrefix(lines[1], "Checking images: N of N, ") {
		t.Errorf("the terminal shows %q", lines)
	}
}

// screen returns the lines that a terminal shows after it received s.
func screen(s string) (lines []string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		var shown []rune
		at := 0
		for _, c := range line {
			if c == '\r' {
				at = 0
				continue
			}
			if at == len(shown) {
				shown = append(shown, c)
			}
			shown[at] = c
			at++
		}
		if line := strings.TrimRight(string(shown), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestConcurrentUse(t *testing.T) {
	var out bytes.Buffer
	d := begin(&out, "Working", 1000, Bytes, true)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range 100 {
				d.Add(1)
				d.Printf(&out, "x")
			}
		})
	}
	all.Wait()
	d.Close()
	if lines := screen(out.String()); !strings.HasPrefix(lines[len(lines)-1], "Working: 1000 B of 1000 B, ") {
		t.Errorf("the last line is %q, want 1000 bytes of 1000 bytes", lines[len(lines)-1])
	}
}
