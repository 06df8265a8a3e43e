package ui

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"golang.org/x/image/vector"
)

// Icons are drawn on a grid of 32 by 32 units, with the shapes of favicon.svg.
const iconGrid = 32

var (
	iconGround = color.NRGBA{0x0f, 0x76, 0x6e, 0xff}
	iconShapes = color.White
)

// drawIcon returns the icon of the page as a PNG that is `size` pixels wide and high. Each
// phone cuts icons to another shape, such as a circle. So the ground fills the square, and the
// shapes are inside the safe zone, a circle of 80 % of the width
// (https://www.w3.org/TR/appmanifest/#icon-masks).
func drawIcon(size int) []byte {
	icon := image.NewNRGBA(image.Rect(0, 0, size, size))
	draw.Draw(icon, icon.Rect, image.NewUniform(iconGround), image.Point{}, draw.Src)
	pen := vector.NewRasterizer(size, size)
	// at converts a point of favicon.svg to pixels. It makes the shapes smaller, and moves their
	// middle, (16, 17), to the middle of the icon.
	at := func(x, y float32) (float32, float32) {
		const scale = 0.72
		unit := float32(size) / iconGrid
		return (16 + (x-16)*scale) * unit, (16 + (y-17)*scale) * unit
	}
	circle(pen, at, 11, 11, 3)
	for i, p := range [][2]float32{{5, 25}, {12.5, 16}, {17, 21}, {21.5, 14}, {27, 25}} {
		x, y := at(p[0], p[1])
		if i == 0 {
			pen.MoveTo(x, y)
		} else {
			pen.LineTo(x, y)
		}
	}
	pen.ClosePath()
	pen.Draw(icon, icon.Rect, image.NewUniform(iconShapes), image.Point{})
	var b bytes.Buffer
	_ = png.Encode(&b, icon) // it fails only if the writer fails, or for an empty picture
	return b.Bytes()
}

// circle adds a circle to the path, as four cubic curves.
func circle(pen *vector.Rasterizer, at func(x, y float32) (float32, float32), x, y, r float32) {
	const k = 0.5522847 // the distance of the control points of a quarter circle, in radii
	move := func(dx, dy float32) (float32, float32) { return at(x+dx*r, y+dy*r) }
	curve := func(ax, ay, bx, by, cx, cy float32) {
		a, b := move(ax, ay)
		c, d := move(bx, by)
		e, f := move(cx, cy)
		pen.CubeTo(a, b, c, d, e, f)
	}
	startX, startY := move(1, 0)
	pen.MoveTo(startX, startY)
	curve(1, k, k, 1, 0, 1)
	curve(-k, 1, -1, k, -1, 0)
	curve(-1, -k, -k, -1, 0, -1)
	curve(k, -1, 1, -k, 1, 0)
	pen.ClosePath()
}
