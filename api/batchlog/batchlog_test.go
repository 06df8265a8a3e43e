package batchlog_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/batchlog"
)

// calls keeps what each Write was called with. A timer calls Write in another goroutine.
type calls struct {
	mu    sync.Mutex
	texts []string
	err   error
}

func (c *calls) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, string(p))
	return len(p), c.err
}

func (c *calls) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = nil
}

func (c *calls) want(t *testing.T, after string, texts ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Join(c.texts, "|") != strings.Join(texts, "|") {
		t.Errorf("after %s: written %q, want %q", after, c.texts, texts)
	}
}

// TestWriter: lines are written together, at the latest after 200 ms, and once.
func TestWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got calls
		w := batchlog.NewWriter(&got, false)
		for range 2 {
			got.forget()
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
		w := batchlog.NewWriter(&got, false)
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

// TestHandler: a warning is written at once, after the lines before it. With atOnce, each line
// is.
func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, handler := range []func(*batchlog.Writer) slog.Handler{batchlog.Text, batchlog.JSON} {
			var got calls
			log := slog.New(handler(batchlog.NewWriter(&got, false)))
			log.Info("a")
			if len(got.texts) != 0 {
				t.Errorf("after an Info: written %q", got.texts)
			}
			log.With("k", 1).WithGroup("g").Warn("b", "n", 2)
			if len(got.texts) != 1 || strings.Count(got.texts[0], "\n") != 2 || !strings.Contains(got.texts[0], "k") {
				t.Errorf("after a Warn: written %q, want two lines at once", got.texts)
			}
			got.texts = nil
			slog.New(handler(batchlog.NewWriter(&got, true))).Info("a")
			if len(got.texts) != 1 {
				t.Errorf("at once: written %q, want a line", got.texts)
			}
		}
	})
}

// TestJSON compares lines with those of slog.JSONHandler.
func TestJSON(t *testing.T) {
	at := time.Date(2026, 11, 29, 15, 4, 5, 60_000_000, time.FixedZone("", 3600))
	for _, message := range []string{"request", "", `a "b"`, "ü", "a\nb", "<&>"} {
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelError, 3} {
			for _, value := range []any{"text", "", `quo"te`, `back\slash`, "tab\t", "\x7f", "\xff", "ü", "<&>", 5, -7, int64(math.MinInt64), uint64(math.MaxUint64),
				0.0, 1.5, -2.25, 0.001, 123456.789, 1e-6, 1e-7, 1e20, 1e21, math.Copysign(0, -1), true, time.Second, at, errors.New("fault"), nil, []int{1}, slog.GroupValue(slog.Int("n", 1))} {
				for _, key := range []string{"key", "", `k"`} {
					var want, got bytes.Buffer
					r := slog.NewRecord(at, level, message, 0)
					r.AddAttrs(slog.Any(key, value), slog.Int("last", 1))
					w := batchlog.NewWriter(&got, true)
					if err := errors.Join(slog.NewJSONHandler(&want, &slog.HandlerOptions{Level: slog.LevelDebug}).Handle(t.Context(), r), batchlog.JSON(w).Handle(t.Context(), r)); err != nil {
						t.Fatal(err)
					}
					if got.String() != want.String() {
						t.Errorf("got %q, want %q", got.String(), want.String())
					}
				}
			}
		}
	}
	for _, odd := range []time.Time{{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 25*3600))} {
		var want, got bytes.Buffer
		r := slog.NewRecord(odd, slog.LevelInfo, "request", 0)
		_ = slog.NewJSONHandler(&want, nil).Handle(t.Context(), r)
		_ = batchlog.JSON(batchlog.NewWriter(&got, true)).Handle(t.Context(), r)
		if got.String() != want.String() {
			t.Errorf("at %v: got %q, want %q", odd, got.String(), want.String())
		}
	}
}

// BenchmarkJSON writes the line of a request.
func BenchmarkJSON(b *testing.B) {
	for name, h := range map[string]slog.Handler{"slog": slog.NewJSONHandler(io.Discard, nil), "batchlog": batchlog.JSON(batchlog.NewWriter(io.Discard, false))} {
		b.Run(name, func(b *testing.B) {
			log := slog.New(h)
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(b.Context(), slog.LevelInfo, "request", slog.String("method", "GET"), slog.String("path", "/images/cat.png"), slog.Int("status", 200),
					slog.Int64("bytes", 20_000), slog.Float64("duration_ms", 0.145), slog.String("client", "127.0.0.1"))
			}
		})
	}
}
