package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// intro begins the page with the results.
const intro = `# The image server beside other servers

` + "`go run ./api/e2e/compare -out api/e2e/compare`" + ` wrote this page. It compares our server, with its default settings, with

- **bare net/http**: a handler that writes the same bytes and header fields from memory, without checks, log and metrics;
- **nginx**: with sendfile, without an access log; WebDAV stores the uploads;
- **Caddy**: file_server;
- **gunicorn + Flask**: a small app that stores files in a folder;
- **write + sync**: each client appends its images to an open file and syncs each (fdatasync), without a server;
- **new file + sync**: the same, with a new file for each image.

nginx and Flask do not sync uploads. Only our server verifies what it sends. All requests come over loopback from a client on
the same machine. Processor time is that of the server with its children, and includes the kernel's work for it.

`

// markdown returns the whole page.
func (c *comparison) markdown() string {
	var b strings.Builder
	b.WriteString(intro)
	fmt.Fprintf(&b, "Measured on %s on %s. Versions: %s%s. Each server had at most %d rounds of about %s in each job, by turns.\n",
		c.began.Format(time.DateOnly), c.machine, runtime.Version(), c.versions(), c.rounds, c.round)
	if c.out != "" {
		fmt.Fprintf(&b, "\n![Requests and processor time against the size of the image](%s)\n", pictureFile)
	}
	b.WriteString("\nThe first column of numbers is absolute. The other columns are ratios to it: the median of all rounds, and the quartiles in\nparentheses. Jobs without a number of clients have 16.\n")
	for _, m := range measures {
		c.table(&b, m)
	}
	for _, note := range c.notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	return b.String()
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// versions returns the versions of the peers, each after a comma.
func (c *comparison) versions() (list string) {
	for _, p := range peers {
		if p.version == nil || !slices.Contains(c.servers, p.name) {
			continue
		}
		program, err := lookPath(p.version[0])
		if err != nil {
			continue
		}
		if out, err := exec.Command(program, p.version[1:]...).CombinedOutput(); err == nil {
			list += ", " + p.version[0] + " " + versionNumber.FindString(string(out))
		}
	}
	return list
}

// table writes the table of a measure.
func (c *comparison) table(b *strings.Builder, m measure) {
	results := slices.DeleteFunc(slices.Clone(c.results), func(r *result) bool { return !m.isFor(r.job) })
	columns := m.columns(results)
	if len(columns) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| |", m.title)
	for _, p := range columns {
		fmt.Fprintf(b, " %s |", p.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(columns)) + "\n")
	for _, r := range results {
		fmt.Fprintf(b, "| %s |", r.title)
		for i, p := range columns {
			b.WriteString(" " + m.cell(r, p.name, columns[0].name, i == 0) + " |")
		}
		b.WriteString("\n")
	}
}

// columns returns the servers that have numbers. The first one is the base, or another one
// if the base is not in the comparison.
func (m measure) columns(results []*result) (all []peer) {
	for _, p := range peers {
		known := slices.ContainsFunc(results, func(r *result) bool {
			_, ok := m.value(r, p.name)
			return ok
		})
		switch {
		case known && p.name == m.base:
			all = slices.Insert(all, 0, p)
		case known:
			all = append(all, p)
		}
	}
	return all
}

// cell returns one number: the first column is absolute, the others are ratios to it.
func (m measure) cell(r *result, server, base string, absolute bool) string {
	if absolute {
		if v, ok := m.value(r, server); ok {
			return m.format(v.median)
		}
		return "–"
	}
	v, ok := m.ratio(r, server, base)
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%s (%s–%s)", formatRatio(v.median), formatRatio(v.low), formatRatio(v.high))
}

func formatRatio(r float64) string {
	switch {
	case r >= 100:
		return fmt.Sprintf("%.0f", r)
	case r >= 10:
		return fmt.Sprintf("%.1f", r)
	case r >= 0.1:
		return fmt.Sprintf("%.2f", r)
	}
	return fmt.Sprintf("%.3f", r)
}

func formatRate(perSecond float64) string {
	if perSecond < 100 {
		return fmt.Sprintf("%.3g/s", perSecond)
	}
	return humanize.Comma(int64(perSecond)) + "/s"
}

func formatTime(seconds float64) string {
	if seconds < 1e-3 {
		return fmt.Sprintf("%.3g µs", seconds*1e6)
	}
	return fmt.Sprintf("%.3g ms", seconds*1e3)
}
