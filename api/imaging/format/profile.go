package format

import (
	"encoding/binary"
	"math"
)

// profileBuilder collects the tags of an ICC profile (ICC.1:2022, 7.3).
type profileBuilder struct {
	grey           bool
	table, content []byte
	count          uint32 // tags in table
	last           int    // the size of the content that was added last
}

// curve is a parametric curve of type 3: from d on the linear value is (aX+b)^g, and
// below d it is cX (ICC.1:2022, 10.18).
type curve struct{ g, a, b, c, d float64 }

// gamma returns the curve X^g.
func gamma(g float64) curve { return curve{g: g, a: 1} }

// chromaticities are the x and y of white, red, green and blue.
type chromaticities [8]float64

var srgbChromaticities = chromaticities{.3127, .3290, .64, .33, .30, .60, .15, .06}

// near reports whether the difference of the colours is too small to be seen.
func (c chromaticities) near(other chromaticities) bool {
	for i := range c {
		if math.Abs(c[i]-other[i]) > .002 {
			return false
		}
	}
	return true
}

// newProfile begins a profile for greyscale, or for RGB with the same curve for each
// primary. It returns nil if the chromaticities do not define colours.
func newProfile(xy chromaticities, y curve, grey bool) *profileBuilder {
	colours, adaptation, ok := xy.matrices()
	if !ok {
		return nil
	}
	text := "mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS\x00\x00\x00\x06\x00\x00\x00\x1c\x00P\x00N\x00G"
	p := &profileBuilder{grey: grey}
	p.add("desc", []byte(text)).add("cprt", nil)
	p.add("wtpt", fixed("XYZ ", d50[:]...))
	p.add("chad", fixed("sf32", flat(adaptation)...))
	trc := fixed("para", y.g, y.a, y.b, y.c, y.d)
	trc = append(append(trc[:8:8], 0, 3, 0, 0), trc[8:]...)
	if grey {
		return p.add("kTRC", trc)
	}
	for i, tag := range []string{"rXYZ", "gXYZ", "bXYZ"} {
		p.add(tag, fixed("XYZ ", colours[0][i], colours[1][i], colours[2][i]))
	}
	return p.add("rTRC", trc).add("gTRC", nil).add("bTRC", nil)
}

// add adds a tag. A tag with nil as its content shares the content of the tag before.
func (p *profileBuilder) add(tag string, content []byte) *profileBuilder {
	if content != nil {
		p.last = len(content)
		p.content = append(p.content, content...)
		p.content = append(p.content, make([]byte, -len(p.content)&3)...)
	}
	offset := len(p.content) - (p.last+3)&^3 // bytes adds the size of the header and the table
	p.table = append(p.table, tag...)
	p.table = binary.BigEndian.AppendUint32(p.table, uint32(offset))
	p.table = binary.BigEndian.AppendUint32(p.table, uint32(p.last))
	p.count++
	return p
}

// bytes returns the profile. Its class is display, its version 4.4.
func (p *profileBuilder) bytes() []byte {
	start := profileHeader + 4 + len(p.table)
	b := make([]byte, profileHeader, start+len(p.content))
	binary.BigEndian.PutUint32(b, uint32(cap(b)))
	copy(b[8:], "\x04\x40\x00\x00mntrRGB XYZ ")
	if p.grey {
		copy(b[16:], "GRAY")
	}
	copy(b[36:], "acsp")
	copy(b[68:], fixed("", d50[:]...)[4:])
	b = binary.BigEndian.AppendUint32(b, p.count)
	for i := 0; i < len(p.table); i += 12 {
		offset := binary.BigEndian.Uint32(p.table[i+4:])
		binary.BigEndian.PutUint32(p.table[i+4:], offset+uint32(start))
	}
	return append(append(b, p.table...), p.content...)
}

// fixed returns the content of a tag: its type, padding, and numbers in 32 bits, of
// which 16 are after the binary point (ICC.1:2022, 4.6).
func fixed(kind string, numbers ...float64) []byte {
	b := append([]byte(kind), 0, 0, 0, 0)
	for _, n := range numbers {
		n = math.Round(min(max(n*65536, math.MinInt32), math.MaxInt32))
		b = binary.BigEndian.AppendUint32(b, uint32(int32(n)))
	}
	return b
}

// d50 is the white point of a profile, to which all its colours are relative
// (ICC.1:2022, 7.2.16).
var d50 = [3]float64{.9642, 1, .8249}

// matrix is a matrix of rows.
type matrix [3][3]float64

// matrices returns two matrices. colours has the XYZ of the primaries in its columns,
// adapted to D50. adaptation is the matrix that adapts them: the linear Bradford
// transform (ICC.1:2022, annex E). ok is false if the chromaticities do not define
// colours.
func (c chromaticities) matrices() (colours, adaptation matrix, ok bool) {
	if c[1] <= 0 {
		return colours, adaptation, false
	}
	white := [3]float64{c[0] / c[1], 1, (1 - c[0] - c[1]) / c[1]}
	var shape matrix
	for i := range 3 {
		x, y := c[2+2*i], c[3+2*i]
		shape[0][i], shape[1][i], shape[2][i] = x, y, 1-x-y
	}
	inverse, ok := shape.inverse()
	if !ok {
		return colours, adaptation, false
	}
	bradford := matrix{{.8951, .2664, -.1614}, {-.7502, 1.7135, .0367}, {.0389, -.0685, 1.0296}}
	back, _ := bradford.inverse()
	from, to := bradford.apply(white), bradford.apply(d50)
	adaptation = back.times(diagonal(to[0]/from[0], to[1]/from[1], to[2]/from[2])).times(bradford)
	intensity := inverse.apply(white)
	colours = adaptation.times(shape).times(diagonal(intensity[0], intensity[1], intensity[2]))
	return colours, adaptation, finite(colours) && finite(adaptation)
}

func diagonal(a, b, c float64) matrix { return matrix{{a, 0, 0}, {0, b, 0}, {0, 0, c}} }

func (m matrix) apply(v [3]float64) (out [3]float64) {
	for i, row := range m {
		out[i] = row[0]*v[0] + row[1]*v[1] + row[2]*v[2]
	}
	return out
}

func (m matrix) times(n matrix) (out matrix) {
	for i := range 3 {
		column := m.apply([3]float64{n[0][i], n[1][i], n[2][i]})
		out[0][i], out[1][i], out[2][i] = column[0], column[1], column[2]
	}
	return out
}

// inverse returns the inverse matrix: the cofactors, divided by the determinant. ok
// is false if there is none.
func (m matrix) inverse() (out matrix, ok bool) {
	for i := range 3 {
		for j := range 3 {
			a, b, c, d := (i+1)%3, (i+2)%3, (j+1)%3, (j+2)%3
			out[j][i] = m[a][c]*m[b][d] - m[a][d]*m[b][c]
		}
	}
	det := m[0][0]*out[0][0] + m[0][1]*out[1][0] + m[0][2]*out[2][0]
	for i := range out {
		for j := range out[i] {
			out[i][j] /= det
		}
	}
	return out, det != 0
}

func flat(m matrix) []float64 { return append(append(m[0][:], m[1][:]...), m[2][:]...) }

// finite reports whether the numbers fit into a profile.
func finite(m matrix) bool {
	for _, v := range flat(m) {
		if !(math.Abs(v) < 1<<15) { // NaN too
			return false
		}
	}
	return true
}
