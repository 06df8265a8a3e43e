// Package offline checks, repairs and compacts a data file that no server has open.
package offline

import (
	"strings"
	"unicode"

	"imageserver/db"
)

// Problem is one thing that Check found.
type Problem struct {
	Image  string // the image it concerns, or empty
	What   string
	Advice string // what to do, or empty
}

// String returns one line that a terminal can show. A damaged file may have any
// bytes where a name should be.
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

// Meter shows the progress of one piece of work. One goroutine calls its methods.
type Meter interface {
	Add(n int64) // n more bytes were read
	Close()
}

// Watch is told what Check, Repair and Compact do. The zero value ignores it.
type Watch struct {
	// Found is called with each problem.
	Found func(Problem)
	// Begin is called with each piece of work and how many bytes it will read.
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
	db.Usage        // counted from the records that can be read
	Problems   int  // how many were passed to Watch.Found
	Damaged    int  // images that cannot be read completely, those in the trash included
	Structural bool // pages are damaged, so there may have been images that left no trace
}
