package placeholder

import "image"

// The cube of all colours is divided into cells of the same size. A cell contains `levels`
// values of red, as many of green and as many of blue.
const (
	levels = 16
	cells  = 256 / levels
)

// cell has the sums of the pixels whose colour is in it. Each pixel is multiplied by its alpha.
type cell struct{ weight, r, g, b uint32 }

// colours is the cube.
type colours [cells][cells][cells]cell

// dominant returns the colour that covers the most of the picture. It finds the block of
// 2 × 2 × 2 cells with the most pixels, and returns the average colour of these pixels. The
// average of all pixels would often be a grey that is not in the picture. Blocks overlap. So if
// the colour of an area varies only a little, one block has all its pixels. visible is false if
// no pixel is visible.
func dominant(m *image.NRGBA) (rgb [3]byte, visible bool) {
	cube := new(colours)
	for y := range m.Rect.Dy() {
		row := m.Pix[y*m.Stride:][:4*m.Rect.Dx()]
		for ; len(row) >= 4; row = row[4:] {
			r, g, b, a := uint32(row[0]), uint32(row[1]), uint32(row[2]), uint32(row[3])
			c := &cube[r/levels][g/levels][b/levels]
			c.weight, c.r, c.g, c.b = c.weight+a, c.r+a*r, c.g+a*g, c.b+a*b
		}
	}
	sum := cube.fullest()
	n := sum.weight
	if n == 0 {
		return rgb, false
	}
	return [3]byte{byte((sum.r + n/2) / n), byte((sum.g + n/2) / n), byte((sum.b + n/2) / n)}, true
}

// fullest returns the sums of the block with the largest weight.
func (cube *colours) fullest() (sum cell) {
	var most uint32
	var block [2][]([cells]cell)
	at := 0
	for r := range cells - 1 {
		for g := range cells - 1 {
			lines := [4]*[cells]cell{&cube[r][g], &cube[r][g+1], &cube[r+1][g], &cube[r+1][g+1]}
			var before uint32 // the weight of the four cells with the next lower blue
			for b := range cells {
				now := lines[0][b].weight + lines[1][b].weight + lines[2][b].weight + lines[3][b].weight
				if before+now > most {
					most, at = before+now, b
					block = [2][]([cells]cell){cube[r][g : g+2], cube[r+1][g : g+2]}
				}
				before = now
			}
		}
	}
	for _, plane := range block {
		for _, line := range plane {
			for _, c := range line[max(0, at-1) : at+1] {
				sum.weight, sum.r, sum.g, sum.b = sum.weight+c.weight, sum.r+c.r, sum.g+c.g, sum.b+c.b
			}
		}
	}
	return sum
}
