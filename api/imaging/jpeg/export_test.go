package jpeg

// Odd reports whether the picture has values for which image/jpeg can give another picture:
// its numbers overflow, or it continues a run of one scan in the next.
func (p *Picture) Odd() bool { return p.odd }
