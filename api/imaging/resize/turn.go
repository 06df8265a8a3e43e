package resize

// turned applies an orientation (TIFF 6.0, section 8: 1 to 8) to w × h pixels of c
// bytes each. From 5 on, rows become columns.
func turned(pix []byte, w, h, c, orientation int) []byte {
	if orientation == 1 {
		return pix
	}
	out := make([]byte, len(pix))
	ow, oh := w, h
	if sideways(orientation) {
		ow, oh = h, w
	}
	for y := range oh {
		for x := range ow {
			sx, sy := source(x, y, w, h, orientation)
			copy(out[(y*ow+x)*c:][:c], pix[(sy*w+sx)*c:])
		}
	}
	return out
}

// source returns the stored pixel that is shown at x, y. The stored picture has w × h
// pixels.
func source(x, y, w, h, orientation int) (sx, sy int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	}
	return x, y
}

// sideways reports whether the orientation shows the rows as columns.
func sideways(orientation int) bool { return orientation >= 5 }
