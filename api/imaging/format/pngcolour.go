package format

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// pngProfile returns the profile of a PNG, or makes one. If several chunks describe
// the colours, the order of precedence is cICP, iCCP, sRGB, gAMA with cHRM (PNG third
// edition, 4.3). Like Chromium 156, it ignores a broken chunk, and a cHRM without
// gAMA.
func pngProfile(file section, grey bool) []byte {
	chunks := pngColourChunks(file)
	if code, ok := parseCICP(chunks["cICP"]); ok {
		return code.profile(grey)
	}
	if profile := unpackProfile(chunks["iCCP"]); isProfile(profile) {
		return profile
	}
	if b := chunks["sRGB"]; len(b) == 1 && b[0] <= 3 { // the rendering intents (11.3.2.5)
		return nil
	}
	return gammaProfile(chunks["gAMA"], chunks["cHRM"], grey)
}

// pngColourChunks returns the content of the chunks that describe the colours, by
// kind. They come before the picture. If a kind comes several times, it returns the
// first with a valid length.
func pngColourChunks(file section) map[string][]byte {
	sizes := map[string]int64{"cICP": 4, "iCCP": 0, "sRGB": 1, "gAMA": 4, "cHRM": 32} // 0 means any size
	chunks := make(map[string][]byte)
	for p, err := range file.parts(pngHeaderSize, pngChunk) {
		if err != nil || p.kind == "IDAT" {
			break
		}
		size, ok := sizes[p.kind]
		if !ok || chunks[p.kind] != nil || size != 0 && size != p.size {
			continue
		}
		chunks[p.kind] = checkedChunk(p)
	}
	return chunks
}

// checkedChunk returns the content of a chunk, or nil if its checksum (5.3) does not
// match.
func checkedChunk(p part) []byte {
	if p.off+p.size+4 > p.w.size {
		return nil
	}
	b, err := section{p.w, p.off - 4, 4 + p.size + 4}.whole() // the chunk with its type and checksum
	if err != nil {
		return nil
	}
	end := len(b) - 4
	if crc32.ChecksumIEEE(b[:end]) != binary.BigEndian.Uint32(b[end:]) {
		return nil
	}
	return append([]byte{}, b[4:end]...)
}

// cicp describes colours with numbers of ITU-T H.273: one for the primaries and one
// for the transfer function.
type cicp struct{ primaries, transfer byte }

// parseCICP reads a cICP chunk (11.3.2.6). Like Chromium 156, it ignores a chunk with
// unknown numbers, and a chunk for values that do not use the full range.
func parseCICP(b []byte) (c cicp, ok bool) {
	if len(b) != 4 || b[2] != 0 || b[3] != 1 {
		return c, false
	}
	c = cicp{b[0], b[1]}
	_, primaries := c.chromaticities()
	_, transfer := c.curve()
	return c, primaries && transfer
}

// profile makes an ICC profile. The profile of an HDR picture also contains the
// numbers, because a curve cannot express HDR. Browsers prefer the numbers to the
// curve.
func (c cicp) profile(grey bool) []byte {
	if c == (cicp{1, 13}) { // sRGB
		return nil
	}
	xy, _ := c.chromaticities()
	y, _ := c.curve()
	p := newProfile(xy, y, grey)
	if c.transfer == cicpPQ || c.transfer == cicpHLG {
		p.add("cicp", []byte{'c', 'i', 'c', 'p', 0, 0, 0, 0, c.primaries, c.transfer, 0, 1})
	}
	return p.bytes()
}

// The transfer functions of HDR (H.273, table 3).
const (
	cicpPQ  = 16
	cicpHLG = 18
)

// chromaticities returns the chromaticities of white, red, green and blue, as in a
// cHRM chunk (H.273, table 2).
func (c cicp) chromaticities() (xy chromaticities, ok bool) {
	const d65x, d65y = .3127, .3290
	switch c.primaries {
	case 1: // BT.709, sRGB
		return srgbChromaticities, true
	case 4: // BT.470 M
		return chromaticities{.310, .316, .67, .33, .21, .71, .14, .08}, true
	case 5: // BT.470 BG
		return chromaticities{d65x, d65y, .64, .33, .29, .60, .15, .06}, true
	case 6, 7: // BT.601, SMPTE 240M
		return chromaticities{d65x, d65y, .630, .340, .310, .595, .155, .070}, true
	case 8: // film
		return chromaticities{.310, .316, .681, .319, .243, .692, .145, .049}, true
	case 9: // BT.2020, BT.2100
		return chromaticities{d65x, d65y, .708, .292, .170, .797, .131, .046}, true
	case 10: // XYZ
		return chromaticities{1. / 3, 1. / 3, 1, 0, 0, 1, 0, 0}, true
	case 11: // DCI-P3
		return chromaticities{.314, .351, .680, .320, .265, .690, .150, .060}, true
	case 12: // Display P3
		return chromaticities{d65x, d65y, .680, .320, .265, .690, .150, .060}, true
	case 22: // EBU Tech 3213
		return chromaticities{d65x, d65y, .630, .340, .295, .605, .155, .077}, true
	}
	return xy, false
}

// curve returns the transfer function (H.273, table 3). For HDR it returns the curve
// of sRGB, for programs that do not know the cicp tag.
func (c cicp) curve() (y curve, ok bool) {
	switch c.transfer {
	case 1, 6, 11, 14, 15: // BT.709 and similar ones, on a display of BT.1886
		return gamma(2.4), true
	case 4:
		return gamma(2.2), true
	case 5:
		return gamma(2.8), true
	case 7: // SMPTE 240M
		return curve{1 / .45, 1 / 1.1115, .1115 / 1.1115, 1 / 4., .0912}, true
	case 8:
		return gamma(1), true
	case 13, cicpPQ, cicpHLG: // sRGB
		return curve{2.4, 1 / 1.055, .055 / 1.055, 1 / 12.92, .04045}, true
	case 17: // SMPTE 428
		return curve{2.6, math.Pow(52.37/48, 1/2.6), 0, 0, 0}, true
	}
	return y, false
}

// gammaProfile makes a profile from a gAMA chunk (11.3.2.2) and a cHRM chunk
// (11.3.2.1), which may be missing. It returns nil for sRGB. Chromium 156 treats an
// exponent within 5 % of 1/2.2 as sRGB if there is no cHRM. gammaProfile does so
// also if the cHRM is that of sRGB: most editors that write both chunks mean sRGB
// (11.3.2.5).
func gammaProfile(gAMA, cHRM []byte, grey bool) []byte {
	if gAMA == nil || be32(gAMA) == 0 {
		return nil
	}
	exponent := float64(be32(gAMA)) / 100_000
	xy := srgbChromaticities
	for i := range xy {
		if cHRM != nil {
			xy[i] = float64(be32(cHRM[4*i:])) / 100_000
		}
	}
	if math.Abs(exponent*2.2-1) < .05 && xy.near(srgbChromaticities) {
		return nil
	}
	p := newProfile(xy, gamma(1/exponent), grey)
	if p == nil {
		return nil
	}
	return p.bytes()
}
