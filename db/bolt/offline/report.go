// Package offline checks, repairs and compacts a data file that no server has open.
package offline

import (
	"strings"
	"unicode"

	"imageserver/db"
)

// Problem is one thing that Check found.
type Problem struct {
	Image  string // the image that has the problem, or empty
	What   string
	Advice string // what to do, or empty
}

// String returns one line that a terminal can show. It replaces characters that cannot
// be printed, because a damaged file may have any bytes instead of a name.
func (p Problem) String() string {
	s := p.What
	if p.Image != "" {
		s = p.Image + ": " + s
	}
	if p.Advice != "" {
		s += "; " + p.Advice
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// Meter shows the progress of one piece of work. All its methods are called by one
// goroutine.
type Meter interface {
	Add(n int64) // n more bytes were read
	Close()
}

// Watch gets reports of what Check, Repair and Compact do. The zero value ignores the
// reports.
type Watch struct {
	// Found is called with each problem.
	Found func(Problem)
	// Begin is called at the start of each piece of work. `what` is the name of the
	// work. `bytes` is how many bytes it will read.
	Begin func(what string, bytes int64) Meter
}

func (w Watch) begin(what string, bytes int64) Meter {
	if w.Begin == nil {
		return silent{}
	}
	return w.Begin(what, bytes)
}

type silent struct{}

func (silent) Add(int64) {}
func (silent) Close()    {}

// Report is the result of Check.
type Report struct {
	db.Usage        // the counts of the records that can be read
	Problems   int  // how many problems were passed to Watch.Found
	Damaged    int  // images that cannot be read completely, inside and outside the trash
	Structural bool // whether pages are damaged; then some images may be lost without a report
}
