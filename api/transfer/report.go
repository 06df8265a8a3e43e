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

// Output is where a transfer says what it does.
type Output struct {
	Out      io.Writer // a line for each file that is not as it was asked for, and the end
	Progress io.Writer
}

// report collects what happens to the files of one transfer.
type report struct {
	Output
	display *progress.Display

	mu     sync.Mutex
	counts map[result]int64
}

// result is what becomes of a file.
type result int

const (
	done       result = iota
	present           // it was there already, and was left alone
	passedOver        // no image, or no file
	hidden
	gone // deleted or replaced since the list was read
	failed
)

func newReport(o Output, what string, total int) *report {
	return &report{Output: o, display: progress.New(o.Progress, what, int64(total)), counts: map[result]int64{}}
}

// add counts a file, and writes a line about it if there is anything to say.
func (r *report) add(what result, path, say string) {
	r.mu.Lock()
	r.counts[what]++
	r.mu.Unlock()
	r.display.Add(1)
	if say != "" {
		r.display.Printf(r.Out, "%s: %s", printable.Name(path), say)
	}
}

// stopped explains an error that ended the transfer of n files before its time.
func (r *report) stopped(err error, n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.counts[done] + r.counts[present] + r.counts[passedOver] + r.counts[gone] + r.counts[failed]
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	return fmt.Errorf("%w; stopped after %s of %s, run it again to go on", err, progress.Count(seen, "file", "files"), humanize.Comma(int64(n)))
}

// end ends the display and writes how many files there were of each result, which
// words name.
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

// under says under which other name something was stored or written.
func under(what result, verb, name string) string {
	if what == present {
		verb = "already there"
	}
	return verb + " as " + name
}
