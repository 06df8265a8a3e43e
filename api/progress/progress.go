// Package progress shows how far a long command is: a bar on a terminal, and a
// line now and then everywhere else, such as in the journal of a timer.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/schollz/progressbar/v3"

	"imageserver/api/printable"
)

const (
	lineEvery = 10 * time.Second // without a terminal
	drawEvery = 100 * time.Millisecond
)

// Display shows one piece of work. Its methods are safe for concurrent use.
type Display struct {
	w     io.Writer
	what  string
	total int64
	size  func(int64) string // of a number of what is counted, for people
	bar   *progressbar.ProgressBar

	mu     sync.Mutex
	done   int64
	begun  time.Time
	said   time.Time // when the last line was written
	closed bool
}

// New begins to show work on total things; total is -1 where it is not known.
// What names the work, such as "Checking images".
func New(w io.Writer, what string, total int64) *Display {
	return start(w, what, total, humanize.Comma)
}

// NewBytes is New for work that is counted in bytes.
func NewBytes(w io.Writer, what string, total int64) *Display {
	return start(w, what, total, Bytes)
}

// Bytes writes a number of bytes for people, such as 3.1 GiB.
func Bytes(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

// Count writes a number of things for people, such as 1,000 images.
func Count(n int64, one, more string) string {
	return humanize.Comma(n) + " " + english.PluralWord(int(n), one, more)
}

// start draws the bar on the terminal itself: it moves the cursor.
func start(w io.Writer, what string, total int64, size func(int64) string) *Display {
	if terminal, ok := printable.Terminal(w); ok {
		return begin(terminal, what, total, size, true)
	}
	return begin(w, what, total, size, false)
}

func begin(w io.Writer, what string, total int64, size func(int64) string, terminal bool) *Display {
	d := &Display{w: w, what: what, total: total, size: size, begun: time.Now()}
	if terminal && total > 0 { // the bar knows no work of nothing
		d.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(what),
			progressbar.OptionThrottle(drawEvery),
			progressbar.OptionSetTheme(progressbar.ThemeASCII),
			progressbar.OptionFullWidth(),
			progressbar.OptionSetRenderBlankState(true),
		)
		return d
	}
	d.line("")
	return d
}

// Add says that n more have been done.
func (d *Display) Add(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done += n
	switch {
	case d.closed:
	case d.bar != nil:
		_ = d.bar.Add64(n)
	case time.Since(d.said) >= lineEvery:
		d.line("")
	}
}

// Printf writes one line to w, which may be the same terminal, and keeps the bar
// out of its way. What is not printable is escaped.
func (d *Display) Printf(w io.Writer, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bar != nil && !d.closed {
		_ = d.bar.Clear()
	}
	fmt.Fprintln(w, printable.Text(fmt.Sprintf(format, args...)))
}

// Close ends the display with a line that says how much was done and how long
// it took. A second Close does nothing.
func (d *Display) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.closed = true
	if d.bar != nil {
		_ = d.bar.Exit()
		_ = d.bar.Clear()
	}
	d.line(", " + time.Since(d.begun).Round(100*time.Millisecond).String())
}

// line writes how far the work is.
func (d *Display) line(end string) {
	d.said = time.Now()
	of := ""
	if d.total >= 0 {
		of = " of " + d.size(d.total)
	}
	fmt.Fprintf(d.w, "%s: %s%s%s\n", d.what, d.size(d.done), of, end)
}
