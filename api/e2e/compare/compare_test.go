package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(bareVar); dir != "" {
		fmt.Fprintln(os.Stderr, serveBare(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestCompare runs each job once, briefly, with the servers that every machine has.
func TestCompare(t *testing.T) {
	t.Parallel()
	c := &comparison{work: t.TempDir(), progress: io.Discard, settings: settings{
		servers: []string{ours, bare, disk, "files"},
		parts:   partNames,
		sizes:   []int{20e3},
		clients: []int{1, clients},
		rounds:  1,
		round:   5 * time.Millisecond,
		crowd:   20,
	}}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.notes) > 0 {
		t.Errorf("left out: %q", c.notes)
	}
	for _, r := range c.results {
		for _, p := range peers {
			takes := slices.Contains(p.parts, r.part) && slices.Contains(c.servers, p.name)
			if got := r.samples[p.name]; takes && (len(got) != 1 || !(got[0].rate > 0)) {
				t.Errorf("%s %s, %s: got %v, want one round", r.part, r.title, p.name, got)
			}
		}
	}
	if files, err := os.ReadDir(c.work); err != nil || slices.ContainsFunc(files, os.DirEntry.IsDir) {
		t.Errorf("after the run the folder has %v, %v, want no folder of a server", files, err)
	}
	table := c.markdown()
	for _, row := range []string{"| | bare net/http | ours |", "\n| 20 kB |", "\n| 20 kB, 20 clients |", "\n| 304 Not Modified |", "\n| 20 kB, HTTP/2 |", "\n| 20 kB, 16 clients |"} {
		if !strings.Contains(table, row) {
			t.Errorf("the table has no %q:\n%s", row, table)
		}
	}
	isXML(t, c.picture())
}

func isXML(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%.2000s", err, text)
		}
	}
}

// TestWrongResponses checks that neither the check before the rounds nor the client in them
// accepts a server that sends something else.
func TestWrongResponses(t *testing.T) {
	t.Parallel()
	img := sampleImage(2 * rangeSize)
	for name, respond := range map[string]http.HandlerFunc{
		"status": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(http.StatusNotFound)
		},
		"length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.Write(img[:100])
		},
	} {
		fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			respond(w, r)
		}))
		defer fake.Close()
		s := &server{addr: fake.Listener.Addr().String(), process: &process{}, etags: map[int]string{}}
		s.samples = map[int][]byte{len(img): img}
		for _, kind := range []kind{get, notModified, ranges, put} {
			j := job{kind: kind, size: len(img), clients: 1}
			if err := s.check(t.Context(), j); err == nil {
				t.Errorf("the check of kind %d accepts a wrong %s", kind, name)
			}
			w, err := s.client(j, 0, new(atomic.Uint64))
			if err != nil {
				t.Fatal(err)
			}
			left := 1
			err = w.run(func() bool { left--; return left >= 0 })
			w.close()
			if accepted := kind == put && name == "length"; (err == nil) != accepted { // the response to an upload can have any length
				t.Errorf("the client of kind %d got a wrong %s: %v", kind, name, err)
			}
		}
	}
}

// TestRatio checks that a ratio compares servers in the same round.
func TestRatio(t *testing.T) {
	t.Parallel()
	r := &result{samples: map[string][]sample{
		"slow": {{rate: 1}, {rate: 20}, {rate: 300}, {rate: 4}, {rate: 50}},
		"fast": {{rate: 2}, {rate: 60}, {rate: 1200}, {rate: 20}, {rate: 300}},
		"some": {{rate: 1}},
	}}
	if got, ok := getRate.ratio(r, "fast", "slow"); !ok || got != (spread{3, 4, 5}) {
		t.Errorf("got %v, %v, want the quartiles of 2, 3, 4, 5, 6", got, ok)
	}
	if got, ok := getRate.ratio(r, "some", "slow"); ok {
		t.Errorf("got %v for servers with different rounds", got)
	}
	r.samples["slow"][0].rate = math.NaN()
	if got, ok := getRate.value(r, "slow"); ok {
		t.Errorf("got %v for an unknown number", got)
	}
}

// TestPicture draws curves of all servers, as on a machine that has them.
func TestPicture(t *testing.T) {
	t.Parallel()
	c := &comparison{}
	kinds := map[string]kind{partGet: get, partUpload: put}
	for i, size := range []int{5e3, 100e3, 8e6} {
		for _, part := range []string{partGet, partUpload} {
			r := &result{job{part: part, kind: kinds[part], size: size, clients: clients}, map[string][]sample{}}
			for k, p := range peers {
				if !slices.Contains(p.parts, r.part) {
					continue
				}
				rate := float64(1 + k*k + i)
				cpu := 1 / rate
				if p.start == nil {
					cpu = math.NaN()
				}
				r.samples[p.name] = []sample{{rate: rate, cpu: cpu}, {rate: rate * 1.1, cpu: cpu * 1.2}}
			}
			c.results = append(c.results, r)
		}
	}
	picture := c.picture()
	isXML(t, picture)
	for text, want := range map[string]int{"÷ bare net/http, 16 clients": 2, "÷ nginx, 16 clients": 1, "<polyline": 14, "8 MB": 4, "NaN": 0, "%!": 0} {
		if got := strings.Count(picture, text); got != want {
			t.Errorf("the picture has %q %d times, want %d", text, got, want)
		}
	}
}
