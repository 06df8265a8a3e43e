package batchlog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/batchlog"
)

// calls keeps what each Write was called with.
type calls struct {
	texts []string
	err   error
}

func (c *calls) Write(p []byte) (int, error) {
	c.texts = append(c.texts, string(p))
	return len(p), c.err
}

func (c *calls) want(t *testing.T, after string, texts ...string) {
	t.Helper()
	if strings.Join(c.texts, "|") != strings.Join(texts, "|") {
		t.Errorf("after %s: written %q, want %q", after, c.texts, texts)
	}
}

// TestWriter: lines are written together, at the latest after 200 ms, and once.
func TestWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got calls
		w := batchlog.NewWriter(&got)
		for range 2 {
			got.texts = nil
			w.Write([]byte("a\n"))
			time.Sleep(150 * time.Millisecond)
			w.Write([]byte("b\n"))
			time.Sleep(49 * time.Millisecond)
			got.want(t, "199 ms")
			time.Sleep(2 * time.Millisecond)
			got.want(t, "201 ms", "a\nb\n")
			time.Sleep(time.Minute)
			got.want(t, "a minute", "a\nb\n")
		}
		w.Write([]byte("c\n"))
		w.Flush()
		w.Flush()
		got.want(t, "Flush", "a\nb\n", "c\n")
		time.Sleep(time.Minute)
		got.want(t, "the delay", "a\nb\n", "c\n")
	})
}

// TestBusy: a busy log is written in blocks without a wait, and loses no line.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got calls
		w := batchlog.NewWriter(&got)
		line := bytes.Repeat([]byte("x"), 199)
		line = append(line, '\n')
		for range 1000 {
			w.Write(line)
		}
		if n := len(got.texts); n < 5 || n > 7 {
			t.Errorf("1000 lines of 200 bytes were written in %d blocks, want about 6", n)
		}
		w.Flush()
		if all := strings.Join(got.texts, ""); all != strings.Repeat(string(line), 1000) {
			t.Errorf("got %d bytes, want 1000 lines of 200", len(all))
		}
		got.err = errors.New("pipe is closed")
		w.Write(line)
		if err := w.Flush(); err != got.err {
			t.Errorf("Flush: got %v, want %v", err, got.err)
		}
	})
}

// TestHandler: a warning is written at once, after the lines before it.
func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got calls
		w := batchlog.NewWriter(&got)
		noTime := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		log := slog.New(batchlog.Handler(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: noTime}), w))
		log.Info("a")
		got.want(t, "an Info")
		log.With("k", 1).WithGroup("g").Warn("b", "n", 2)
		got.want(t, "a Warn", "level=INFO msg=a\nlevel=WARN msg=b k=1 g.n=2\n")
		w.Flush()
	})
}
