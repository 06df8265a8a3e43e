package offline

import (
	"strings"
	"unicode"

	"imageserver/db"
)

// Problem is one thing that Check found to be wrong.
type Problem struct {
	Image  string // the image it concerns, or empty
	What   string
	Advice string // what can be done, or empty where repairing does it
}

// String returns one line that a terminal can show: a damaged file may hold any
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

// Meter is told how far a long piece of work is. Its methods are called by one
// goroutine.
type Meter interface {
	Add(n int64)
	Close()
}

// Watch is what Check and Compact tell while they work. The zero value hears
// nothing.
type Watch struct {
	// Found is told each problem.
	Found func(Problem)
	// Begin is told of each piece of work and how many bytes it will read.
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

// Report is what Check found.
type Report struct {
	db.Usage        // counted anew, of what has a readable record
	Problems   int  // those that Found was told
	Damaged    int  // images that cannot be read whole, with those in the trash
	Structural bool // pages are damaged: there may have been images that nothing is known of
}
