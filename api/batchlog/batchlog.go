// Package batchlog writes a log with few system calls.
package batchlog

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// delay is how long a line may wait for more lines. A crash of the process loses the
	// lines that wait.
	delay = 200 * time.Millisecond
	// size is the number of bytes that are written at once, if the log is busy.
	size = 32 << 10
)

// Writer collects the lines of a log. It writes them to another writer after at most 200 ms,
// or earlier if there are many. It is safe for concurrent use.
type Writer struct {
	w      io.Writer
	atOnce bool

	mu    sync.Mutex
	lines []byte
	timer *time.Timer // calls Flush; nil before the first line
}

// NewWriter returns a Writer that writes to w. With atOnce, no line waits for others. Call
// Flush before the process ends.
func NewWriter(w io.Writer, atOnce bool) *Writer { return &Writer{w: w, atOnce: atOnce} }

// Write adds a line. If it writes the lines that wait, it returns the error of that.
func (b *Writer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(line), b.add(append(b.lines, line...))
}

// writeJSON adds the line of a record, if appendJSON knows how.
func (b *Writer) writeJSON(r slog.Record) (ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines, ok := appendJSON(b.lines, r)
	if !ok {
		return false, nil
	}
	return true, b.add(lines)
}

// add replaces the lines that wait by `lines`, which has one line more.
func (b *Writer) add(lines []byte) error {
	first := len(b.lines) == 0
	b.lines = lines
	switch {
	case len(b.lines) >= size || b.atOnce:
		return b.flush()
	case first && b.timer == nil:
		b.timer = time.AfterFunc(delay, func() { _ = b.Flush() })
	case first:
		b.timer.Reset(delay)
	}
	return nil
}

// Flush writes the lines that wait.
func (b *Writer) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush()
}

func (b *Writer) flush() error {
	if len(b.lines) == 0 {
		return nil
	}
	_, err := b.w.Write(b.lines)
	b.lines = b.lines[:0]
	return err
}

// Text returns a handler that writes records to w as slog.TextHandler does. Warnings and
// errors are written at once, with all lines before them.
func Text(w *Writer) slog.Handler { return &handler{slog.NewTextHandler(w, nil), w, false} }

// JSON is Text in the format of slog.JSONHandler.
func JSON(w *Writer) slog.Handler { return &handler{slog.NewJSONHandler(w, nil), w, true} }

type handler struct {
	slog.Handler
	w    *Writer
	json bool // try writeJSON first
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	done, err := false, error(nil)
	if h.json {
		done, err = h.w.writeJSON(r)
	}
	if !done {
		err = h.Handler.Handle(ctx, r)
	}
	if r.Level >= slog.LevelWarn && err == nil {
		err = h.w.Flush()
	}
	return err
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs), h.w, false}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.w, false}
}
