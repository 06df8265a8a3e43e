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

// markdown returns all tables, with the date and the machine.
func (c *comparison) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s, with %s on %s, %d processors%s. %d rounds of about %s.\n\n",
		c.began.Format(time.DateOnly), runtime.Version(), machine(), runtime.NumCPU(), c.versions(), c.rounds, c.round)
	b.WriteString("The first column of numbers is absolute. The other columns are ratios to it: the median of all rounds, and the quartiles in parentheses.\n")
	downloads := func(r *result) bool { return r.part != partUpload }
	uploads := func(r *result) bool { return r.part == partUpload }
	alone := func(r *result) bool { return uploads(r) && r.clients == 1 }
	c.table(&b, getRate, "Downloads", downloads)
	c.table(&b, getCPU, "Downloads", downloads)
	c.table(&b, uploadRate, "Uploads", uploads)
	c.table(&b, uploadWait, "Uploads", alone)
	c.table(&b, uploadCPU, "Uploads", uploads)
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

// table writes the table of a measure for the results that it is for.
func (c *comparison) table(b *strings.Builder, m measure, title string, isFor func(*result) bool) {
	results := slices.DeleteFunc(slices.Clone(c.results), func(r *result) bool { return !isFor(r) })
	columns := m.columns(results)
	if len(columns) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s: %s\n\n| |", title, strings.ToLower(m.title[:1])+m.title[1:])
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
