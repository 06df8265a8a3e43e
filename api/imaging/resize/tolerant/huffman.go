package tolerant

import "slices"

// huffman is a table of codes (T.81 F.2.2.3). The zero huffman has no codes.
type huffman struct {
	look   [256]uint16 // indexed by the next 8 bits: length and value of a code of at most 8 bits, or 0
	max    [17]int32   // the largest code of each length, or -1
	delta  [17]int32   // add to a code of each length to get its index in values
	values []byte
}

// newHuffman makes a table. counts has the number of codes of each length from 1 to
// 16 (T.81 B.2.4.2).
func newHuffman(counts, values []byte) (h huffman) {
	h.values = slices.Clone(values)
	code, k := int32(0), 0
	for length := 1; length <= 16; length++ {
		h.delta[length] = int32(k) - code
		for range counts[length-1] {
			if k >= len(values) {
				break
			}
			if length <= 8 {
				first := int(code) << (8 - length)
				for i := range 1 << (8 - length) {
					if first+i < 256 {
						h.look[first+i] = uint16(length)<<8 | uint16(values[k])
					}
				}
			}
			code, k = code+1, k+1
		}
		h.max[length] = code - 1
		code <<= 1
	}
	return h
}

// huffmanTables reads DHT (B.2.4.2).
func (d *jpegDecoder) huffmanTables(b []byte) {
	for len(b) >= 17 {
		class, id, counts, n := b[0]>>4&1, b[0]&3, b[1:17], 0
		for _, c := range counts {
			n += int(c)
		}
		b = b[17:]
		n = min(n, len(b))
		d.tables[class][id] = newHuffman(counts, b[:n])
		b = b[n:]
	}
}

// standardTables sets the tables of T.81 K.3.3. Table 0 is for luminance, table 1 for
// chrominance.
func (d *jpegDecoder) standardTables() {
	for i, t := range standard {
		d.tables[i/2][i%2] = newHuffman([]byte(t[:16]), []byte(t[16:]))
	}
}

// fill reads until n bits are available, at most 17. After the end of the data of the
// scan it adds zeros and counts them in padding.
func (d *jpegDecoder) fill(n int) error {
	for d.n < n {
		var b byte
		if !d.missing {
			next, err := d.peek()
			switch {
			case len(next) == 0 || next[0] == 0xff && len(next) < 2:
				d.missing = true
				if err = notEnd(err); err != nil {
					return err
				}
			case next[0] != 0xff:
				b = next[0]
				d.advance(1)
			case next[1] == 0:
				b = 0xff
				d.advance(2)
			case next[1] == 0xff:
				d.r.Discard(1) // a fill byte
				continue
			default:
				d.missing = true // a marker ends the data
			}
		}
		d.bits |= uint32(b) << (24 - d.n)
		d.n += 8
		if d.missing {
			d.padding += 8
		}
	}
	return nil
}

// take returns the next n bits, at most 17.
func (d *jpegDecoder) take(n int) (int32, error) {
	if n == 0 {
		return 0, nil
	}
	if err := d.fill(n); err != nil {
		return 0, err
	}
	v := int32(d.bits >> (32 - n))
	d.bits <<= n
	d.n -= n
	return v, nil
}

// extended returns a signed value of n bits (F.2.2.1, EXTEND).
func (d *jpegDecoder) extended(n int) (int32, error) {
	v, err := d.take(n)
	if n > 0 && v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v, err
}

// symbol decodes a code. A code that is not in the table counts as 0 with 17 bits, as
// in libjpeg, so that the damage looks like in browsers. In two cases such a code
// ends the data: if there is no table, and for a Walker, which must not guess.
func (d *jpegDecoder) symbol(h *huffman) (byte, error) {
	if err := d.fill(16); err != nil {
		return 0, err
	}
	if e := h.look[d.bits>>24]; e != 0 {
		d.bits <<= e >> 8
		d.n -= int(e >> 8)
		return byte(e), nil
	}
	for length := 1; length <= 16; length++ {
		code := int32(d.bits >> (32 - length))
		if index := code + h.delta[length]; code <= h.max[length] && index >= 0 && int(index) < len(h.values) {
			d.bits <<= length
			d.n -= length
			return h.values[index], nil
		}
	}
	if d.walking || len(h.values) == 0 {
		d.stop()
		return 0, nil
	}
	_, err := d.take(17)
	return 0, err
}

// stop treats the data up to the next restart marker as missing.
func (d *jpegDecoder) stop() { d.missing, d.padding = true, d.n+1 }

// ranOut reports whether the decoder has used padding bits, which are not in the file.
func (d *jpegDecoder) ranOut() bool { return d.n < d.padding }

// standard has the counts and values of DC and AC codes (T.81 tables K.3 to K.6).
var standard = [4]string{
	"\x00\x01\x05\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00" + "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b",
	"\x00\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00" + "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b",
	"\x00\x02\x01\x03\x03\x02\x04\x03\x05\x05\x04\x04\x00\x00\x01\x7d" +
		"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0" +
		"\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49" +
		"\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89" +
		"\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5" +
		"\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
		"\xf9\xfa",
	"\x00\x02\x01\x02\x04\x04\x03\x04\x07\x05\x04\x04\x00\x01\x02\x77" +
		"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0" +
		"\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48" +
		"\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87" +
		"\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3" +
		"\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
		"\xf9\xfa",
}
