package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"

	"imageserver/api/printable"
	"imageserver/api/progress"
)

// Output has the writers for the report of a transfer.
type Output struct {
	Out      io.Writer // a line for each file with a changed name or a problem, then the counts
	Progress io.Writer // the progress, see package progress
}

// report counts the results of one transfer and writes about them. Its add is safe for
// concurrent use.
type report struct {
	Output
	display *progress.Display

	mu     sync.Mutex
	counts map[result]int64
}

// result is the result of the transfer of one file.
type result int

const (
	done    result = iota // stored or written
	present               // already there with the same bytes
	skipped               // not an image, or not a regular file
	hidden                // the name begins with a dot
	removed               // the image was deleted or replaced after it was listed
	failed
)

func newReport(o Output, what string, total int) *report {
	return &report{Output: o, display: progress.New(o.Progress, what, int64(total)), counts: map[result]int64{}}
}

// add counts a file with the result what. If say is not empty, add writes a line with
// the path and say.
func (r *report) add(what result, path, say string) {
	r.mu.Lock()
	r.counts[what]++
	r.mu.Unlock()
	r.display.Add(1)
	if say != "" {
		r.display.Printf(r.Out, "%s: %s", printable.Name(path), say)
	}
}

// stopped returns the error of a transfer of n files that err ended early.
func (r *report) stopped(err error, n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.counts[done] + r.counts[present] + r.counts[skipped] + r.counts[removed] + r.counts[failed]
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	return fmt.Errorf("%w; stopped after %s of %s; run the command again to continue", err, progress.Count(seen, "file", "files"), humanize.Comma(int64(n)))
}

// end closes the display and writes how many files had each result. words has the
// words for the results.
func (r *report) end(words map[result]string) {
	r.display.Close()
	var parts []string
	for what := done; what <= failed; what++ {
		if n := r.counts[what]; n > 0 || what == done || what == present {
			parts = append(parts, humanize.Comma(n)+" "+words[what])
		}
	}
	fmt.Fprintln(r.Out, strings.Join(parts, ", ")+".")
}

// under returns the words for an image or a file with a changed name.
func under(what result, verb, name string) string {
	if what == present {
		verb = "already there"
	}
	return verb + " as " + name
}
