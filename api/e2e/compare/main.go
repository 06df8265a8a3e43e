// Command compare measures the image server side by side with other servers, on this
// machine:
//
//   - ours: the program, as a user starts it, with its checks, log and metrics;
//   - bare: a net/http handler that writes the same bytes and header from memory;
//   - nginx with sendfile, and with WebDAV for uploads;
//   - Caddy's file_server;
//   - gunicorn with a small Flask app;
//   - disk: write and fdatasync of the same bytes, appended to a file, for uploads;
//   - files: the same to a new file for each image.
//
// A server that is not installed is left out. Run it in the root of the repository:
//
//	go run ./api/e2e/compare
//
// The servers take turns in short rounds, so that a noisy moment of the machine hits all of
// them. Each number is a median over the rounds. A ratio compares two servers in the same
// round. The load generator is part of this process, and its processor time is not counted.
// TMPDIR must be on a disk, not in memory, because uploads are synced there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// settings are what the flags set.
type settings struct {
	servers []string      // names of peers
	parts   []string      // names of parts
	sizes   []int         // of images, in bytes
	clients []int         // that upload at a time
	rounds  int           // of each job and server
	round   time.Duration // about how long a round takes
	crowd   int           // keep-alive clients in the job with many
	out     string        // a folder for the page and the picture, or empty
	program string        // the built server, or empty to build it
}

func main() {
	if dir := os.Getenv(bareVar); dir != "" {
		fmt.Fprintln(os.Stderr, serveBare(dir))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := parse(os.Args[1:])
	if err == nil {
		err = run(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// parse reads the command line.
func parse(args []string) (settings, error) {
	s := settings{clients: []int{1, clients, 64}, crowd: 1000}
	f := flag.NewFlagSet("compare", flag.ExitOnError)
	servers := f.String("servers", strings.Join(peerNames(), ","), "the `servers` to compare")
	parts := f.String("parts", strings.Join(partNames, ","), "the `parts` to run")
	sizes := f.String("sizes", "5kB,20kB,100kB,1MB,8MB", "the `sizes` of the images")
	f.IntVar(&s.rounds, "rounds", 5, "how many rounds each server gets in each job")
	f.DurationVar(&s.round, "round", 300*time.Millisecond, "about how long a round takes")
	f.StringVar(&s.out, "out", "", "write "+pageFile+" and "+pictureFile+" to this `folder`, instead of the page to stdout")
	f.StringVar(&s.program, "program", "", "the `file` of a built imageserver; it is built if this is empty")
	f.BoolFunc("quick", "two sizes and few short rounds, about 20 seconds; later flags can change that", func(string) error {
		*sizes, s.clients, s.crowd = "20kB,1MB", []int{1, clients}, 100
		s.rounds, s.round = 3, 80*time.Millisecond
		return nil
	})
	f.Parse(args) // exits on error
	var err error
	if s.servers, err = choose(*servers, peerNames()); err != nil {
		return s, err
	}
	if s.parts, err = choose(*parts, partNames); err != nil {
		return s, err
	}
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := humanize.ParseBytes(size)
		if err != nil || n < 1000 || n > 64e6 {
			return s, fmt.Errorf("%q is not a size from 1kB to 64MB", size)
		}
		s.sizes = append(s.sizes, int(n))
	}
	return s, nil
}

// choose splits the value of a flag. Each element must be in all.
func choose(list string, all []string) ([]string, error) {
	chosen := strings.Split(list, ",")
	for _, name := range chosen {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%q is not one of %s", name, strings.Join(all, ","))
		}
	}
	return chosen, nil
}

// The files in the folder of the flag -out.
const (
	pageFile    = "comparison.md"
	pictureFile = "comparison.svg"
)

// run makes the comparison and writes its results.
func run(ctx context.Context, s settings) error {
	work, err := os.MkdirTemp("", "imageserver-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	c := &comparison{settings: s, work: work, progress: os.Stderr}
	err = c.run(ctx)
	if len(c.results) > 0 {
		err = errors.Join(err, c.write())
	}
	return err
}

// write writes what was measured so far.
func (c *comparison) write() error {
	if c.out == "" {
		_, err := os.Stdout.WriteString(c.markdown())
		return err
	}
	if err := os.MkdirAll(c.out, 0o777); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(c.out, pageFile), []byte(c.markdown()), 0o666),
		os.WriteFile(filepath.Join(c.out, pictureFile), []byte(c.picture()), 0o666),
	)
}
