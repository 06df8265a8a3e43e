package strip_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
)

// TestReaders: the result does not depend on the pieces in which the image is read.
func TestReaders(t *testing.T) {
	for _, s := range readSamples(t) {
		want := mustStrip(t, s.content, s.Type)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"byte by byte":        iotest.OneByteReader,
			"by halves":           iotest.HalfReader,
			"an EOF with the end": iotest.DataErrReader,
		} {
			r, err := strip.Reader(wrap(bytes.NewReader(s.content)), s.Type, memory)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); !bytes.Equal(got, want) || err != nil {
				t.Errorf("%s, %s: got %d bytes, %v, want the %d bytes of a read at once", s.name, name, len(got), err, len(want))
			}
		}
		r, err := strip.Reader(bytes.NewReader(s.content), s.Type, memory)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, want); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

// TestReaderFails: Read returns an error of the reader at any offset. The error of an
// upload that breaks off does not count as the end of the image.
func TestReaderFails(t *testing.T) {
	for _, name := range []string{"tagged.jpg", "tagged.png", "tagged.webp"} {
		s := glob(t, "../../../testdata/"+name)[0]
		content := append(s.content, "what follows"...)
		for _, failure := range []error{io.ErrUnexpectedEOF, iotest.ErrTimeout} {
			for n := range len(content) + 1 {
				r, err := strip.Reader(io.MultiReader(bytes.NewReader(content[:n]), iotest.ErrReader(failure)), s.Type, memory)
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.ReadAll(r)
				if !errors.Is(err, failure) || errors.Is(err, format.ErrMalformed) {
					t.Fatalf("%s: got %v after %d bytes, want %v", name, err, n, failure)
				}
				if _, again := r.Read(make([]byte, 1)); again != err {
					t.Fatalf("%s: got %v, and then %v, want the same error", name, err, again)
				}
			}
		}
	}
}
