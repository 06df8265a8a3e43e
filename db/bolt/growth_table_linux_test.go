package bolt

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imageserver/db"
)

var (
	growthMost = flag.Int("growth", 0, "measure the growth up to this number of images, for README.md")
	growthDir  = flag.String("growthdir", "", "keep the data files of -growth in this folder, and use those that are there")
)

// growthRow is a line of the table and of the picture: one value for each number of
// images.
type growthRow struct {
	name   string
	values []float64
}

// TestGrowthTable measures everything with 1,000, 10,000, … images. It prints two tables
// in Markdown and draws growth.svg. README.md has the command.
func TestGrowthTable(t *testing.T) {
	if *growthMost == 0 {
		t.Skip("needs the flag -growth")
	}
	dir := cmp.Or(*growthDir, t.TempDir())
	var all []*grown
	var ns []int
	for n := 1000; n <= *growthMost; n *= 10 {
		began := time.Now()
		all = append(all, fillGrown(t, filepath.Join(dir, fmt.Sprint(n, ".db")), n))
		ns = append(ns, n)
		t.Logf("%d images after %s", n, time.Since(began).Round(time.Second))
	}
	pages, bytes := measurePages(all)
	cpu := measureTime(all)
	for _, g := range all {
		must(t, g.Close())
	}
	open := measureOpen(t, dir, ns)
	fmt.Println(growthTable("CPU time in µs, from a warm cache", ns, cpu) + growthTable("pages of 4 KiB that are read from a cold cache, and written", ns, pages) +
		growthTable("kB that are written", ns, bytes) + growthTable("opening", ns, open))
	must(t, os.WriteFile("growth.svg", drawGrowth(ns, cpu, pages), 0o644))
}

// measurePages returns the pages that each task touches, and the kilobytes that it
// writes.
func measurePages(all []*grown) (pages, bytes []growthRow) {
	for _, task := range tasks {
		p, b := growthRow{name: task.name}, growthRow{name: task.name}
		for _, g := range all {
			k := 10
			if task.all && g.n > 100_000 {
				k = 1
			}
			c := g.touch(task, 0, k)
			p.values, b.values = append(p.values, c.pages), append(b.values, c.bytes/1000)
		}
		pages = append(pages, p)
		if slices.Max(b.values) > 0 {
			bytes = append(bytes, b)
		}
	}
	return pages, bytes
}

// measureTime returns the processor time of each task in microseconds: the median of
// rounds in which the stores take turns.
func measureTime(all []*grown) (rows []growthRow) {
	const rounds, each = 15, 20
	times := make([][][]time.Duration, len(tasks))
	for i := range times {
		times[i] = make([][]time.Duration, len(all))
	}
	for round := range rounds {
		for a, g := range all {
			for i, task := range tasks {
				k := each
				if task.all && g.n > 1000 {
					if round >= 3 {
						continue
					}
					k = 1
				}
				times[i][a] = append(times[i][a], g.time(task, round*each, k))
			}
		}
	}
	for i, task := range tasks {
		row := growthRow{name: task.name}
		for a := range all {
			row.values = append(row.values, median(times[i][a]).Seconds()*1e6)
		}
		rows = append(rows, row)
	}
	return rows
}

func median(all []time.Duration) time.Duration {
	slices.SortFunc(all, cmp.Compare[time.Duration])
	return all[len(all)/2]
}

// time does the task k times, and returns the processor time of the process for one.
func (g *grown) time(t task, from, k int) time.Duration {
	before := processorTime()
	for i := from; i < from+k; i++ {
		must(g.t, t.do(g, i))
	}
	return (processorTime() - before) / time.Duration(k)
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// growthOpen is an environment variable with the path of a data file that TestGrowthOpen
// opens.
const growthOpen = "IMAGESERVER_GROWTH_OPEN"

// measureOpen opens each file in a new process.
func measureOpen(t *testing.T, dir string, ns []int) []growthRow {
	rows := make([]growthRow, 5)
	for i, name := range []string{"open, CPU in ms", "open, ms", "open with a cold cache, ms", "memory after opening, MB", "memory after lists of 10,000 images, MB"} {
		rows[i].name = name
	}
	for _, n := range ns {
		path := filepath.Join(dir, fmt.Sprint(n, ".db"))
		var results [5][]float64
		for round := range 6 {
			if round%2 == 1 {
				evict(t, path)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestGrowthOpen$", "-test.v")
			cmd.Env = append(os.Environ(), growthOpen+"="+path)
			out, err := cmd.CombinedOutput()
			must(t, err)
			_, line, _ := strings.Cut(string(out), "measured: ")
			var v [5]float64 // CPU, time, memory after opening and after lists
			if _, err := fmt.Sscan(line, &v[0], &v[1], &v[3], &v[4]); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if round%2 == 1 {
				results[2] = append(results[2], v[1])
				continue
			}
			for _, i := range []int{0, 1, 3, 4} {
				results[i] = append(results[i], v[i])
			}
		}
		for i := range rows {
			slices.Sort(results[i])
			rows[i].values = append(rows[i].values, results[i][len(results[i])/2])
		}
	}
	return rows
}

// evict removes a file from the cache of the system.
func evict(t *testing.T, path string) {
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	must(t, f.Sync())
	must(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

// TestGrowthOpen runs in a process of its own, for measureOpen.
func TestGrowthOpen(t *testing.T) {
	path := os.Getenv(growthOpen)
	if path == "" {
		t.Skip("runs for TestGrowthTable")
	}
	cpu, began := processorTime(), time.Now()
	s := openStore(t, path, Options{})
	took := time.Since(began)
	cpu = processorTime() - cpu
	opened := ownMemory(t)
	var o db.ListOptions
	for range 20 {
		o.Limit = 500
		_, next, err := s.List(ctx, o)
		must(t, err)
		if o.After = next; next == "" {
			break
		}
	}
	fmt.Println("measured:", cpu.Seconds()*1e3, took.Seconds()*1e3, opened, ownMemory(t))
}

// ownMemory returns how many megabytes of memory the process has, without the files that
// it has mapped.
func ownMemory(t *testing.T) float64 {
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	_, line, _ := strings.Cut(string(status), "RssAnon:")
	var kb float64
	_, err = fmt.Sscan(line, &kb)
	must(t, err)
	return kb * 1024 / 1e6
}

// growthTable is a table in Markdown.
func growthTable(title string, ns []int, rows []growthRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n| %s |", title)
	for _, n := range ns {
		fmt.Fprintf(&b, " %s |", thousands(n))
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(ns)) + "\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, v := range row.values {
			fmt.Fprintf(&b, " %s |", short(v))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// short writes a number with about two digits.
func short(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.1f", v)
	case v < 100:
		return fmt.Sprintf("%.0f", v)
	}
	n, unit := int(v), 1
	for n/unit >= 100 {
		unit *= 10
	}
	return thousands((n + unit/2) / unit * unit)
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
