package strip

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// webp strips a WebP, which consists of chunks in a RIFF (RFC 9649, 2.3 to 2.7).
type webp struct {
	in *source
	steps
	kept spool // the stripped WebP

	flags    int64 // offset in kept of the flags of the header, or 0
	oriented bool  // an EXIF chunk was read; only the first counts
	exifKept bool  // kept has an EXIF chunk
}

// The flags of a VP8X chunk that announce metadata (2.7).
const (
	webpXMP  = 1 << 2
	webpExif = 1 << 3
)

// maxRIFF is the largest size of a RIFF (2.4), including its first eight bytes.
const maxRIFF = 8 + 1<<32 - 10

func newWebP(in *source, memory int64) *webp {
	w := &webp{in: in}
	w.kept.most = min(memory, maxRIFF)
	w.step = w.read
	return w
}

// read strips the whole file into kept. Then the size of the stripped WebP is known.
func (w *webp) read(out []byte) ([]byte, error) {
	var head [12]byte
	if err := w.in.full(head[:]); err != nil {
		return out, err
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WEBP" {
		return out, errors.New("does not begin like a WebP")
	}
	if err := w.kept.write(head[:]); err != nil {
		return out, err
	}
	size := int64(binary.LittleEndian.Uint32(head[4:]))
	if err := w.chunks(size-4, w.chunk); err != nil {
		return out, err
	}
	w.kept.putSize(4)
	w.putFlags()
	w.step = w.write
	return out, nil
}

// write appends the next block of kept to out.
func (w *webp) write(out []byte) ([]byte, error) {
	b := w.kept.shift()
	if b == nil {
		w.step = w.in.drain
	}
	return append(out, b...), nil
}

// chunks calls keep for each chunk in the next n bytes (2.3). keep must read the
// content. A chunk of odd length is followed by a padding byte, but some programs do
// not write it at the end of the file.
func (w *webp) chunks(n int64, keep func(kind string, length int64) error) error {
	for n > 0 {
		var head [8]byte
		if err := w.in.full(head[:min(n, 8)]); err != nil {
			return err
		}
		kind, length := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		if n -= 8; length > n {
			return errors.New("has a chunk that does not fit into the file or into its frame")
		}
		if err := keep(kind, length); err != nil {
			return err
		}
		n -= length
		pad := min(length%2, n)
		if err := w.in.skip(pad); err != nil {
			return err
		}
		n -= pad
	}
	return nil
}

// chunk copies or skips a chunk of the file.
func (w *webp) chunk(kind string, length int64) error {
	switch {
	case kind == "VP8X":
		return w.header(length)
	case kind == "ANMF":
		return w.frame(length)
	case kind == "EXIF" && !w.oriented:
		w.oriented = true
		return w.exif(length)
	case kind == "ICCP", kind == "ANIM", isPicture(kind):
		return w.copy(kind, length)
	}
	return w.in.skip(length)
}

// isPicture reports whether a chunk is a part of a picture (2.5, 2.6, 2.7.1.2), which
// can be the only picture of the file or one frame.
func isPicture(kind string) bool {
	return kind == "ALPH" || kind == "VP8 " || kind == "VP8L"
}

// copy copies a chunk.
func (w *webp) copy(kind string, length int64) error {
	if err := w.begin(kind, length); err != nil {
		return err
	}
	if err := w.kept.fill(w.in, length); err != nil {
		return err
	}
	return w.kept.write(make([]byte, length%2))
}

// begin writes the kind and the length of a chunk.
func (w *webp) begin(kind string, length int64) error {
	return w.kept.write(binary.LittleEndian.AppendUint32([]byte(kind), uint32(length)))
}

// header copies the extended header (2.7), and remembers the offset of its flags.
func (w *webp) header(length int64) error {
	const size = 10
	switch {
	case w.flags != 0:
		return errors.New("has two headers")
	case length < size:
		return fmt.Errorf("has a header of %d bytes", length)
	}
	if err := w.begin("VP8X", size); err != nil {
		return err
	}
	w.flags = w.kept.size
	if err := w.kept.fill(w.in, size); err != nil {
		return err
	}
	return w.in.skip(length - size)
}

// frame copies a frame of an animation (2.7.1.1), which consists of 16 bytes and the
// chunks of its picture.
func (w *webp) frame(length int64) error {
	const size = 16
	if length < size {
		return fmt.Errorf("has a frame of %d bytes", length)
	}
	if err := w.begin("ANMF", length); err != nil {
		return err
	}
	start := w.kept.size
	if err := w.kept.fill(w.in, size); err != nil {
		return err
	}
	err := w.chunks(length-size, func(kind string, length int64) error {
		if isPicture(kind) {
			return w.copy(kind, length)
		}
		return w.in.skip(length)
	})
	w.kept.putSize(start - 4)
	return err
}

// exif writes an EXIF chunk with only the orientation of the first EXIF chunk
// (2.7.1.5). Some programs begin the chunk with the name that Exif has in a JPEG.
func (w *webp) exif(length int64) error {
	b, err := w.in.head(length, int64(len(exifName)+maxExif))
	if err != nil {
		return err
	}
	exif, _ := cutExifName(b)
	minimal := minimalExif(exif)
	if minimal == nil {
		return nil
	}
	w.exifKept = true
	if err := w.begin("EXIF", int64(len(minimal))); err != nil {
		return err
	}
	return w.kept.write(minimal)
}

// putFlags sets the metadata flags in the extended header, if there is one.
func (w *webp) putFlags() {
	if w.flags == 0 {
		return
	}
	flags := w.kept.at(w.flags)
	*flags &^= webpXMP | webpExif
	if w.exifKept {
		*flags |= webpExif
	}
}
