package jpeg

import "encoding/binary"

// bitReader reads the bits of a scan (F.2.2.5).
type bitReader struct {
	input
	acc     uint64 // the next bits, the first in the highest bit
	n       int    // number of bits in acc
	padding int    // how many of the last bits in acc are not from the file
	ended   bool   // the data up to the next restart marker, or to the end, is missing
}

// enough is the number of bits that are available after refill: a code of 16 bits and
// a value of 16 bits.
const enough = 32

// reset begins to read after a marker.
func (b *bitReader) reset() { b.acc, b.n, b.padding, b.ended = 0, 0, 0, false }

// refill reads until enough bits are available. After the end of the data of the scan it
// adds zeros and counts them in padding.
//
// The usual case reads eight bytes at once. Bits of the last byte that have no room are
// read again later. acc can contain a part of them after its n bits, which does no harm:
// it is the same as what the later read adds.
func (b *bitReader) refill() {
	if len(b.buf)-b.pos >= 8 && !b.ended {
		const ones, highs = 0x0101010101010101, 0x8080808080808080
		v := binary.BigEndian.Uint64(b.buf[b.pos:])
		if (^v-ones)&v&highs == 0 { // no byte is 255
			b.acc |= v >> (b.n & 63)
			read := (63 - b.n) >> 3
			b.pos += read
			b.n += read << 3
			return
		}
	}
	for b.n <= 56 {
		next := b.dataByte()
		b.acc |= uint64(next) << ((56 - b.n) & 63)
		b.n += 8
		if b.ended {
			b.padding += 8
		}
	}
}

// dataByte returns the next byte of the scan, or 0 if there is none.
func (b *bitReader) dataByte() byte {
	for !b.ended {
		if !b.peek(1) {
			break
		}
		v := b.buf[b.pos]
		if v != 0xff {
			b.pos++
			return v
		}
		if !b.peek(2) {
			break
		}
		switch b.buf[b.pos+1] {
		case 0:
			b.pos += 2
			return 0xff
		case 0xff:
			b.pos++ // a fill byte
			continue
		}
		break // a marker ends the data
	}
	b.ended = true
	return 0
}

// take returns the next n bits, at most enough.
func (b *bitReader) take(n int) int32 {
	if b.n < n {
		b.refill()
	}
	v := int32(b.acc >> 32 >> (32 - n))
	b.acc <<= n
	b.n -= n
	return v
}

// stop treats the data up to the next restart marker as missing.
func (b *bitReader) stop() { b.ended, b.padding = true, b.n+1 }

// ranOut reports whether padding bits were used, which are not in the file.
func (b *bitReader) ranOut() bool { return b.n < b.padding }
