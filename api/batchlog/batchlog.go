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
	w io.Writer

	mu    sync.Mutex
	lines []byte
	timer *time.Timer // calls Flush; nil before the first line
}

// NewWriter returns a Writer that writes to w. Call Flush before the process ends.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write adds a line. Its error is that of an earlier line.
func (b *Writer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := len(b.lines) == 0
	b.lines = append(b.lines, line...)
	switch {
	case len(b.lines) >= size:
		return len(line), b.flush()
	case first && b.timer == nil:
		b.timer = time.AfterFunc(delay, func() { _ = b.Flush() })
	case first:
		b.timer.Reset(delay)
	}
	return len(line), nil
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

// Handler returns a handler that passes records to h, whose output is w. Warnings and errors
// are written at once, with all lines before them.
func Handler(h slog.Handler, w *Writer) slog.Handler { return &handler{h, w} }

type handler struct {
	slog.Handler
	w *Writer
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn && err == nil {
		err = h.w.Flush()
	}
	return err
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs), h.w}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.w}
}
