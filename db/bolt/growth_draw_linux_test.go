package bolt

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
)

// The size of the picture, and the parts of it, in pixels.
const (
	drawWidth, drawHeight = 960, 560
	drawTop, drawBottom   = 50, 510
	drawPanel             = 220 // width of the axes of one of the two panels
)

// drawGrowth draws the processor time and the pages of each task beside the number of
// images, both on logarithmic axes. The colours are readable on light and on dark.
func drawGrowth(ns []int, cpu, pages []growthRow) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="11" fill="#808080">`+"\n", drawWidth, drawHeight)
	drawPanelAt(&b, 70, "CPU time of one operation, µs", ns, cpu)
	drawPanelAt(&b, 550, "pages of one operation from a cold cache", ns, pages)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// drawPanelAt draws one panel. Its axes begin at x.
func drawPanelAt(b *bytes.Buffer, x int, title string, ns []int, rows []growthRow) {
	low, high := math.Inf(1), 0.0
	for _, row := range rows {
		low, high = min(low, slices.Min(row.values)), max(high, slices.Max(row.values))
	}
	low, high = math.Floor(math.Log10(max(low, 0.1))), math.Ceil(math.Log10(high))
	at := func(v float64) float64 {
		return drawBottom - (math.Log10(max(v, 0.1))-low)/(high-low)*(drawBottom-drawTop)
	}
	column := func(i int) float64 { return float64(x) + float64(i)*drawPanel/float64(len(ns)-1) }
	fmt.Fprintf(b, `<text x="%d" y="24" font-size="13" font-weight="bold">%s</text>`+"\n", x, html.EscapeString(title))
	for e := low; e <= high; e++ {
		y := at(math.Pow(10, e))
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#808080" stroke-opacity=".3"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			x, y, drawPanel, x-6, y+4, label(math.Pow(10, e)))
	}
	for i, n := range ns {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", column(i), drawBottom+18, count10(n))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">images</text>`+"\n", x+drawPanel/2, drawBottom+36)
	ends := make([]float64, len(rows))
	for i, row := range rows {
		ends[i] = at(row.values[len(row.values)-1])
	}
	names := spread(ends, 13)
	for i, row := range rows {
		colour := fmt.Sprintf("hsl(%d 60%% 50%%)", i*137%360) // neighbours in the list get very different colours
		fmt.Fprintf(b, `<path fill="none" stroke="%s" stroke-width="1.6" d="`, colour)
		for j, v := range row.values {
			fmt.Fprintf(b, "%c%.1f %.1f", "ML"[min(j, 1)], column(j), at(v))
		}
		end := column(len(ns) - 1)
		fmt.Fprintf(b, `"/><path stroke="%s" stroke-opacity=".5" d="M%.1f %.1fL%.1f %.1f"/>`, colour, end+2, ends[i], end+14, names[i])
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", end+17, names[i]+4, colour, html.EscapeString(fullName(rows, i)))
	}
}

// fullName adds the order to the name of a row for a deep page.
func fullName(rows []growthRow, i int) string {
	if rows[i].name == deepPage {
		return rows[i-1].name + ", deep"
	}
	return rows[i].name
}

// spread moves positions apart, so that two neighbours have at least the distance d.
func spread(at []float64, d float64) []float64 {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	out := slices.Clone(at)
	for range 1000 { // each time, two neighbours that are too close move a part of the way
		for i := 1; i < len(order); i++ {
			above, below := order[i-1], order[i]
			if missing := d - (out[below] - out[above]); missing > 0 {
				out[above] -= missing / 2
				out[below] += missing / 2
			}
		}
	}
	return out
}

func label(v float64) string {
	if v < 1 {
		return fmt.Sprint(v)
	}
	return thousands(int(v))
}

// count10 writes 1,000 as 10³.
func count10(n int) string {
	digits := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	return "10" + string(digits[int(math.Round(math.Log10(float64(n))))])
}
