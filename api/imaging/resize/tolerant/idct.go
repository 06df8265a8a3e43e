package tolerant

import "math"

// zigzag gives the position in a block of each coefficient (T.81 figure 5).
var zigzag = [64]byte{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// basis is the inverse transform of one dimension (A.3.3): basis[u][x].
var basis = func() (b [8][8]float32) {
	for u := range b {
		for x := range b[u] {
			b[u][x] = float32(math.Cos(float64(2*x+1)*float64(u)*math.Pi/16) / 2)
			if u == 0 {
				b[u][x] = float32(1 / math.Sqrt(8))
			}
		}
	}
	return b
}()

// draw converts the coefficients of a block to samples and stores them in pix.
func (c *component) draw(bx, by int, coeff []int16, quant *[64]int32) {
	var in, half [64]float32
	for i, v := range coeff[:64] {
		in[zigzag[i]] = float32(int32(v) * quant[i])
	}
	for v := range 8 { // rows
		for u := range 8 {
			f := in[8*v+u]
			if f == 0 {
				continue
			}
			for x := range 8 {
				half[8*v+x] += f * basis[u][x]
			}
		}
	}
	pix := c.pix[8*(by*c.stride+bx):]
	for y := range 8 { // columns
		for x := range 8 {
			sum := float32(128.5)
			for v := range 8 {
				sum += half[8*v+x] * basis[v][y]
			}
			pix[y*c.stride+x] = byte(max(0, min(255, sum)))
		}
	}
}
