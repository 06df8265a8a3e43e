package jpeg

import "encoding/binary"

// tables are the tables of a file.
type tables struct {
	quant   [4][64]int32 // in zigzag order
	dc, ac  [4]huffman
	defined bool // the standard tables are in their places
}

// quantization reads DQT (B.2.4.1).
func (t *tables) quantization(b []byte) {
	for len(b) > 0 {
		id, wide := b[0]&3, b[0]>>4 != 0
		b = b[1:]
		for i := range 64 {
			switch {
			case wide && len(b) >= 2:
				t.quant[id][i], b = int32(binary.BigEndian.Uint16(b)), b[2:]
			case !wide && len(b) >= 1:
				t.quant[id][i], b = int32(b[0]), b[1:]
			}
		}
	}
}

// huffman reads DHT (B.2.4.2).
func (t *tables) huffman(b []byte, strict bool) {
	for len(b) >= 17 {
		class, id, counts, n := b[0]>>4&1, b[0]&3, b[1:17], 0
		for _, c := range counts {
			n += int(c)
		}
		b = b[17:]
		n = min(n, len(b))
		if class == 0 {
			t.dc[id].dc = true
			t.dc[id].set(counts, b[:n], strict)
		} else {
			t.ac[id].set(counts, b[:n], strict)
		}
		b = b[n:]
	}
}

// standardize puts the tables of K.3.3 in the places that DHT has not filled. Table 0 is
// for luminance, table 1 for chrominance.
func (t *tables) standardize(strict bool) {
	if t.defined {
		return
	}
	t.defined = true
	t.dc[0].dc, t.dc[1].dc = true, true
	for i, table := range []*huffman{&t.dc[0], &t.dc[1], &t.ac[0], &t.ac[1]} {
		if !table.defined {
			table.set([]byte(standard[i][:16]), []byte(standard[i][16:]), strict)
		}
	}
}

// lookBits is the number of bits that index huffman.look. Nearly all codes of a
// photograph are that short, and a table fits into the fastest cache.
const lookBits = 10

// huffman is a table of codes (F.2.2.3). The zero huffman has no codes.
type huffman struct {
	look    [1 << lookBits]code // indexed by the next bits
	max     [17]int32           // the largest code of each length, or -1
	delta   [17]int32           // add to a code of each length to get its index in values
	values  [256]byte
	count   int  // number of values
	strict  bool // bits that are not a code end the data
	dc      bool // a table for DC
	defined bool

	overfull bool // there are more codes than numbers of their lengths
}

// code is what the next bits of a scan mean. The zero code means that they are not in
// the table. Its fields, from the lowest bit:
//
//   - 6 bits: the number of bits of the code and of the value after it
//   - 7 bits: how far to advance in zigzag order: the zeros before the value and the
//     value, or endOfBlock
//   - 1 bit: whole: the value is in this code
//   - 1 bit: special: the code is not a value
//   - 16 bits from bit 16: the value. Without whole: 5 bits for the number of bits of
//     the code alone, and 5 bits for the size of the value
type code uint32

const (
	whole      code = 1 << 13
	special    code = 1 << 14
	endOfBlock      = 64
)

func (c code) length() int  { return int(c & 63) }
func (c code) advance() int { return int(c >> 6 & 127) }
func (c code) value() int32 { return int32(c) >> 16 }
func (c code) alone() int   { return int(c >> 16 & 31) } // bits of the code without its value
func (c code) size() int    { return int(c >> 21 & 31) } // bits of the value

// newCode returns the code that has `length` bits and means v. In a table for AC, v has a
// number of zeros in its high half and the size of the value after them in its low half
// (F.1.2.2.1). In a table for DC, v is the size of the difference (F.1.2.1.1).
func (h *huffman) newCode(length int, v byte) code {
	zeros, size, advance := int(v>>4), int(v&15), int(v>>4)+1
	if h.dc {
		zeros, advance = 0, endOfBlock
		if v == 16 {
			size = 16 // only image/jpeg and this package accept it
		}
	}
	switch {
	case size > 0:
		return code(length+size) | code(advance)<<6 | code(length)<<16 | code(size)<<21
	case zeros == 0:
		return code(length) | endOfBlock<<6 | whole
	case zeros == 15: // sixteen zeros
		return code(length) | code(advance)<<6 | whole
	}
	return code(length) | code(advance)<<6 | special | code(length)<<16 // the end of a band (G.1.2.2)
}

// extend converts the `size` bits v of the data to the signed value that they mean (F.2.2.1,
// EXTEND).
func extend(v int32, size int) int32 {
	if size > 0 && v < 1<<(size-1) {
		v += -1<<size + 1
	}
	return v
}

// set makes a table. counts has the number of codes of each length from 1 to 16
// (B.2.4.2). In a strict table, bits that are not a code end the data.
func (h *huffman) set(counts, values []byte, strict bool) {
	clear(h.look[:])
	h.count, h.defined = copy(h.values[:], values), true
	h.strict, h.overfull = strict, false
	next, k := 0, 0 // the next code and the index of its value
	for length := 1; length <= 16; length++ {
		h.delta[length] = int32(k - next)
		for range counts[length-1] {
			if k >= h.count {
				break
			}
			if length <= lookBits {
				h.add(next, length, k)
			}
			next, k = next+1, k+1
		}
		h.overfull = h.overfull || next > 1<<length
		h.max[length] = int32(next - 1)
		next <<= 1
	}
}

// add puts value k and its code in the places of look that begin with the code.
func (h *huffman) add(first, length, k int) {
	c := h.newCode(length, h.values[k])
	free := lookBits - length // the bits after the code
	for i := range 1 << free {
		at := first<<free + i
		if at >= len(h.look) {
			return // there are more codes than numbers
		}
		h.look[at] = c
		if size := c.size(); c&(whole|special) == 0 && size <= free {
			v := extend(int32(i>>(free-size)), size)
			h.look[at] = c&0x1fff | whole | code(uint16(v))<<16
		}
	}
}

// next returns the code at the beginning of acc.
func (h *huffman) next(acc uint64) code {
	if c := h.look[acc>>(64-lookBits)]; c != 0 {
		return c
	}
	return h.long(acc)
}

// long does the same as next for a code that is too long for look, or not in the table.
// Such bits count as 0 with 17 bits, as in libjpeg. They end the data if the table is
// strict or empty.
func (h *huffman) long(acc uint64) code {
	for length := 1; length <= 16; length++ {
		v := int32(acc >> (64 - length))
		if i := v + h.delta[length]; v <= h.max[length] && i >= 0 && int(i) < h.count {
			return h.newCode(length, h.values[i])
		}
	}
	if h.strict || h.count == 0 {
		return special
	}
	return 17 | endOfBlock<<6 | whole
}

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
