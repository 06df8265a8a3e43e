// Package progress shows the progress of a long command. On a terminal it shows a bar.
// Elsewhere, such as in the journal of systemd, it writes a line every ten seconds.
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
	lineEvery = 10 * time.Second       // between lines, without a terminal
	drawEvery = 100 * time.Millisecond // between two drawings of the bar
)

// Display shows the progress of one task. Its methods are safe for concurrent use.
type Display struct {
	w     io.Writer
	what  string
	total int64
	size  func(int64) string // formats done and total for people
	bar   *progressbar.ProgressBar

	mu       sync.Mutex
	done     int64
	started  time.Time
	lastLine time.Time // when the last line was written
	closed   bool
}

// New shows a task that counts to total. total is -1 if it is not known. what names the
// task, such as "Checking images".
func New(w io.Writer, what string, total int64) *Display {
	return start(w, what, total, humanize.Comma)
}

// NewBytes is New for a task that counts bytes.
func NewBytes(w io.Writer, what string, total int64) *Display {
	return start(w, what, total, Bytes)
}

// Bytes formats a number of bytes for people, such as 3.1 GiB.
func Bytes(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

// Count formats a number and its unit for people, such as 1,000 images. If plural is
// empty, Count forms it from singular.
func Count(n int64, singular, plural string) string {
	return humanize.Comma(n) + " " + english.PluralWord(int(n), singular, plural)
}

// start shows a bar if w writes to a terminal. The bar moves the cursor, so it bypasses
// a printable.Writer, which would escape its control characters.
func start(w io.Writer, what string, total int64, size func(int64) string) *Display {
	if terminal, ok := printable.Terminal(w); ok {
		return begin(terminal, what, total, size, true)
	}
	return begin(w, what, total, size, false)
}

// begin shows a bar if terminal is set, and lines otherwise.
func begin(w io.Writer, what string, total int64, size func(int64) string, terminal bool) *Display {
	d := &Display{w: w, what: what, total: total, size: size, started: time.Now()}
	if terminal && total > 0 { // progressbar cannot show a total of 0
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

// Add adds n to the progress.
func (d *Display) Add(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done += n
	switch {
	case d.closed:
	case d.bar != nil:
		_ = d.bar.Add64(n)
	case time.Since(d.lastLine) >= lineEvery:
		d.line("")
	}
}

// Printf writes one line to w. It first clears the bar, because w may be the same
// terminal. It escapes characters that are not printable.
func (d *Display) Printf(w io.Writer, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bar != nil && !d.closed {
		_ = d.bar.Clear()
	}
	fmt.Fprintln(w, printable.Text(fmt.Sprintf(format, args...)))
}

// Close removes the bar and writes a last line with the progress and the duration. A
// second Close does nothing.
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
	d.line(", " + time.Since(d.started).Round(100*time.Millisecond).String())
}

// line writes a line with the progress that ends with end.
func (d *Display) line(end string) {
	d.lastLine = time.Now()
	of := ""
	if d.total >= 0 {
		of = " of " + d.size(d.total)
	}
	fmt.Fprintf(d.w, "%s: %s%s%s\n", d.what, d.size(d.done), of, end)
}
