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

// TestReaders: it does not matter in what pieces the image is read.
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
				t.Errorf("%s, %s: %d bytes, %v, want %d others", s.name, name, len(got), err, len(want))
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

// TestReaderFails: an error of the reader comes back, wherever it comes. That of an
// upload that breaks off is not the end of the image.
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
					t.Fatalf("%s: %v behind %d bytes, want %v", name, err, n, failure)
				}
				if _, again := r.Read(make([]byte, 1)); again != err {
					t.Fatalf("%s: %v, and then %v", name, err, again)
				}
			}
		}
	}
}
