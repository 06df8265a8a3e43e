package main

import (
	"fmt"
	"math"
	"strings"
)

// The picture has two rows of two panels: downloads and uploads, rates and processor times.
const (
	panelWidth  = 430 // with its labels
	panelHeight = 330
	plotLeft    = 62 // of the plot in a panel
	plotTop     = 66
	plotWidth   = 340
	plotHeight  = 208
)

// pictureStyle has the colours for light and for dark pages.
const pictureStyle = `<style>
	text { font: 12px system-ui, sans-serif; fill: #1f2328 }
	.title { font-size: 14px; font-weight: 600 }
	.page { fill: #ffffff }
	.grid { stroke: #d1d9e0; stroke-width: 1 }
	.base { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 5 3 }
	.line { fill: none; stroke-width: 2 }
	.s0 { color: #0959c7 } .s1 { color: #1a7f37 } .s2 { color: #b24a00 } .s3 { color: #8045d0 } .s4 { color: #5c636b }
	.line, .bar { stroke: currentColor } .mark { fill: currentColor }
	@media (prefers-color-scheme: dark) {
		text { fill: #f0f6fc }
		.page { fill: #0d1117 }
		.grid { stroke: #3d444d }
		.base { stroke: #9198a1 }
		.s0 { color: #6cb6ff } .s1 { color: #56d364 } .s2 { color: #ffa657 } .s3 { color: #d2a8ff } .s4 { color: #9198a1 }
	}
</style>
`

// curve is the ratios of one server in a panel.
type curve struct {
	peer   peer
	sizes  []float64 // bytes
	ratios []spread
}

// picture returns an SVG with the ratios against the size of the image.
func (c *comparison) picture() string {
	var panels []string
	for _, m := range []measure{getRate, getCPU, uploadRate, uploadCPU} {
		if curves, base := c.curves(m); len(curves) > 0 {
			panels = append(panels, panel(m.title, fmt.Sprintf("÷ %s, %d clients", base.title, clients), curves))
		}
	}
	rows := (len(panels) + 1) / 2
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", 2*panelWidth, rows*panelHeight)
	b.WriteString("<title>The image server beside other servers</title>\n" + pictureStyle)
	b.WriteString(`<rect class="page" width="100%" height="100%"/>` + "\n")
	for i, p := range panels {
		fmt.Fprintf(&b, "<g transform=\"translate(%d %d)\">\n%s</g>\n", i%2*panelWidth, i/2*panelHeight, p)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// curves returns the ratios of all servers to the base, for the jobs that show the size
// of the image.
func (c *comparison) curves(m measure) (curves []curve, base peer) {
	var results []*result
	for _, r := range c.results {
		if m.isFor(r.job) && (r.part == partGet || r.part == partUpload) && r.clients == clients {
			results = append(results, r)
		}
	}
	columns := m.columns(results)
	if len(columns) < 2 {
		return nil, base
	}
	for _, p := range columns[1:] {
		line := curve{peer: p}
		for _, r := range results {
			if ratio, ok := m.ratio(r, p.name, columns[0].name); ok {
				line.sizes = append(line.sizes, float64(r.size))
				line.ratios = append(line.ratios, ratio)
			}
		}
		curves = append(curves, line)
	}
	return curves, columns[0]
}

// axis maps numbers to pixels, by their logarithms.
type axis struct{ low, high, from, to float64 }

func (a axis) at(v float64) float64 {
	return a.from + (a.to-a.from)*(math.Log(v)-math.Log(a.low))/(math.Log(a.high)-math.Log(a.low))
}

// axes returns the axes that have space for all curves and for the ratio 1.
func axes(curves []curve) (x, y axis) {
	x = axis{math.Inf(1), 0, plotLeft, plotLeft + plotWidth}
	y = axis{1 / 1.3, 1.3, plotTop + plotHeight, plotTop}
	for _, c := range curves {
		for i, size := range c.sizes {
			x.low, x.high = min(x.low, size/1.3), max(x.high, size*1.3)
			y.low, y.high = min(y.low, c.ratios[i].low/1.2), max(y.high, c.ratios[i].high*1.2)
		}
	}
	return x, y
}

// panel draws the curves with their axes, at the origin.
func panel(title, label string, curves []curve) string {
	var b strings.Builder
	x, y := axes(curves)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="22">%s</text>`+"\n", plotLeft, title)
	fmt.Fprintf(&b, `<text x="%d" y="40">%s</text>`+"\n", plotLeft, label)
	drawGrid(&b, x, y, curves)
	left := plotLeft
	for _, c := range curves {
		drawCurve(&b, x, y, c)
		fmt.Fprintf(&b, `<g class="%s">%s<text x="%d" y="56">%s</text></g>`+"\n", c.class(), c.mark(float64(left+4), 52), left+13, c.peer.title)
		left += 28 + 13*len(c.peer.title)/2 // about the width of the text
	}
	return b.String()
}

// drawGrid draws the axes: the sizes that were measured, and ratios with few digits.
func drawGrid(b *strings.Builder, x, y axis, curves []curve) {
	bottom := plotTop + plotHeight
	longest := curves[0].sizes
	for _, c := range curves {
		if len(c.sizes) > len(longest) {
			longest = c.sizes
		}
	}
	for _, size := range longest {
		at := x.at(size)
		fmt.Fprintf(b, `<line class="grid" x1="%.1[1]f" y1="%[2]d" x2="%.1[1]f" y2="%[3]d"/><text x="%.1[1]f" y="%[4]d" text-anchor="middle">%[5]s</text>`+"\n",
			at, plotTop, bottom, bottom+18, sizeName(int(size)))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">size of the image (the bars are the quartiles of the rounds)</text>`+"\n", plotLeft+plotWidth/2, bottom+38)
	for _, tick := range ticks(y) {
		class := "grid"
		if tick == 1 {
			class = "base"
		}
		at := y.at(tick)
		fmt.Fprintf(b, `<line class="%[1]s" x1="%[2]d" y1="%.1[3]f" x2="%[4]d" y2="%.1[3]f"/><text x="%[5]d" y="%.1[6]f" text-anchor="end">%[7]g</text>`+"\n",
			class, plotLeft, at, plotLeft+plotWidth, plotLeft-8, at+4, tick)
	}
}

// ticks returns 1, 2 and 5 and their multiples by powers of ten, but only powers of ten
// if the axis is long.
func ticks(y axis) (all []float64) {
	steps := []float64{1, 2, 5}
	if y.high/y.low > 2000 {
		steps = steps[:1]
	}
	for _, power := range []float64{1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000, 1e4} {
		for _, step := range steps {
			if tick := step * power; tick >= y.low && tick <= y.high {
				all = append(all, tick)
			}
		}
	}
	return all
}

// drawCurve draws a line with a mark at each median and a bar between the quartiles.
func drawCurve(b *strings.Builder, x, y axis, c curve) {
	var points, bars, marks strings.Builder
	for i, size := range c.sizes {
		at, r := x.at(size), c.ratios[i]
		fmt.Fprintf(&points, "%.1f,%.1f ", at, y.at(r.median))
		fmt.Fprintf(&bars, `<line class="bar" x1="%.1[1]f" y1="%.1[2]f" x2="%.1[1]f" y2="%.1[3]f"/>`, at, y.at(r.low), y.at(r.high))
		marks.WriteString(c.mark(at, y.at(r.median)))
	}
	fmt.Fprintf(b, `<g class="%s"><polyline class="line" points="%s"/>%s%s</g>`+"\n", c.class(), strings.TrimSpace(points.String()), &bars, &marks)
}

// index is the number of the curve's style: each server has the same one in all panels.
func (c curve) index() int {
	for i, name := range []string{ours, nginx, "caddy", "flask"} { // others look alike, and no panel has two of them
		if c.peer.name == name {
			return i
		}
	}
	return 4
}

func (c curve) class() string { return fmt.Sprintf("s%d", c.index()) }

// mark returns the shape of the curve's points, which differ in more than their colours.
func (c curve) mark(x, y float64) string {
	switch c.index() {
	case 0:
		return fmt.Sprintf(`<circle class="mark" cx="%.1f" cy="%.1f" r="4.5"/>`, x, y)
	case 1:
		return fmt.Sprintf(`<rect class="mark" x="%.1f" y="%.1f" width="8" height="8"/>`, x-4, y-4)
	case 2:
		return fmt.Sprintf(`<path class="mark" d="M%.1f %.1fl5 9h-10z"/>`, x, y-5)
	case 3:
		return fmt.Sprintf(`<path class="mark" d="M%.1f %.1fl5 5l-5 5l-5 -5z"/>`, x, y-5)
	}
	return fmt.Sprintf(`<path class="mark" d="M%.1f %.1fh10v4h-10z"/>`, x-5, y-2)
}
