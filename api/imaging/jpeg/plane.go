package jpeg

// Plane has the samples of a component, with a byte for each sample.
type Plane struct {
	// Width and Height are the number of samples across and down.
	Width, Height int

	// Stride is the number of bytes from a row to the next.
	Stride int

	// Across and Down are the number of samples for each pixel of the picture. The
	// first sample covers the first pixels, like the first sample of any other plane
	// (T.871, section 8).
	Across, Down float64

	p     *Picture
	c     *component
	pix   []byte // the window: some rows that follow each other
	first int    // number of the first row in pix
	rows  int    // rows in pix
	from  int    // the caller no longer needs the rows before this one
	hold  int    // see Hold
}

// Scale sets the size of the samples: the sides of a block of component i have n[i]
// samples instead of 8. n[i] is 1, 2, 4 or 8. Call it before the first call of Rows.
//
// The samples are made from the coefficients of the lowest frequencies alone. A sample
// of which less than half is inside of the picture is left out, because encoders may
// fill the rest of a block with anything.
func (p *Picture) Scale(n ...int) {
	for i, plane := range p.Planes {
		c := plane.c
		c.n, c.kept, c.plane = n[i], kept(n[i]), plane
		plane.Across, plane.Down = p.Density(i, c.n)
		plane.Width, plane.Height = samples(p.Width, plane.Across, c.n), samples(p.Height, plane.Down, c.n)
		plane.Stride = c.blocksX * c.n
	}
}

// samples returns how many samples cover a number of pixels.
func samples(pixels int, density float64, n int) int {
	exact := float64(pixels) * density
	whole := int(exact)
	if rest := exact - float64(whole); rest >= 0.5 || n == 8 && rest > 0 {
		whole++
	}
	return max(1, whole)
}

// Hold sets how many rows the caller may need of each plane in addition to a row of
// MCUs: see Rows. With fewer rows, Rows allocates memory again.
func (p *Picture) Hold(rows ...int) {
	for i, plane := range p.Planes {
		plane.hold = rows[i]
	}
}

// Rows returns n rows of samples from row y on. The result is valid until the next row
// of MCUs is decoded: until a plane needs rows that no plane has needed before. The rows
// before y can no longer be requested. With n = 0, that is all that Rows does. After a
// failure, which Err returns, the samples are mid-grey.
//
// If a plane is far behind another one, many of its rows are in memory.
func (l *Plane) Rows(y, n int) []byte {
	l.from = y
	if n == 0 {
		return nil
	}
	for l.first+l.rows < y+n {
		l.p.advance()
	}
	return l.pix[(y-l.first)*l.Stride:][:n*l.Stride]
}

// advance makes the samples of the next row of MCUs.
func (p *Picture) advance() {
	if !p.begun {
		p.begin()
	}
	for _, l := range p.Planes {
		l.extend(l.c.v * l.c.n)
	}
	switch {
	case p.asked() != nil:
	case p.Progressive:
		for i := range p.components {
			p.drawRow(&p.components[i], p.mcuRow)
		}
	case p.scan != nil:
		p.decodeRow(p.scan, p.mcuRow)
	}
	p.mcuRow++
}

// begin decodes all scans that must be decoded before the first row is known.
func (p *Picture) begin() {
	p.begun = true
	if !p.Progressive && !p.Interleaved {
		for _, l := range p.Planes {
			l.extend(l.c.blocksY * l.c.n)
		}
	}
	if !p.Progressive && p.Interleaved {
		p.fail(func() (err error) { p.scan, err = p.start(p.header); return err }())
		return
	}
	if p.Progressive {
		for i := range p.components {
			c := &p.components[i]
			c.coeff = make([]int16, c.kept*c.blocksX*c.blocksY)
			c.known = make([]uint64, c.blocksX*c.blocksY)
		}
	}
	p.fail(p.decodeScans())
}

// fail remembers an error.
func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// extend appends mid-grey rows to the window. It removes the rows that the caller no
// longer needs.
func (l *Plane) extend(rows int) {
	if l.p.complete { // all rows are there
		return
	}
	if drop := min(l.from-l.first, l.rows); drop > 0 {
		copy(l.pix, l.pix[drop*l.Stride:l.rows*l.Stride])
		l.first, l.rows = l.first+drop, l.rows-drop
	}
	if l.pix == nil {
		_, down := l.p.mcus()
		l.pix = make([]byte, 0, l.Stride*l.p.window(l.c.v*l.c.n, down, l.hold))
	}
	from, to := l.rows*l.Stride, (l.rows+rows)*l.Stride
	if to > cap(l.pix) {
		l.pix = append(l.pix[:from], make([]byte, to-from)...)
	}
	l.pix = l.pix[:to]
	grey(l.pix[from:])
	l.rows += rows
}

func grey(pix []byte) {
	for i := range pix {
		pix[i] = 128
	}
}
