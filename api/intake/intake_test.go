package intake_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
	"imageserver/api/intake"
)

func sample(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestOpen checks which content is accepted, and which error other content gets.
func TestOpen(t *testing.T) {
	png, gif := sample(t, "gradient.png"), sample(t, "gradient.gif")
	cause := errors.New("the disk failed")
	for name, c := range map[string]struct {
		rules intake.Rules
		body  io.Reader
		want  error
	}{
		"any":                  {intake.Rules{}, bytes.NewReader(gif), nil},
		"as large as allowed":  {intake.Rules{MaxSize: int64(len(png))}, bytes.NewReader(png), nil},
		"larger by a byte":     {intake.Rules{MaxSize: int64(len(png)) - 1}, bytes.NewReader(png), intake.ErrTooLarge},
		"larger, stripped":     {intake.Rules{MaxSize: int64(len(png)) - 1, Strip: true}, bytes.NewReader(png), intake.ErrTooLarge},
		"much larger":          {intake.Rules{MaxSize: 100}, bytes.NewReader(png), intake.ErrTooLarge},
		"allowed":              {intake.Rules{Allow: []format.Type{format.PNG}}, bytes.NewReader(png), nil},
		"not allowed":          {intake.Rules{Allow: []format.Type{format.PNG}}, bytes.NewReader(gif), intake.ErrNotAllowed},
		"cannot be stripped":   {intake.Rules{Strip: true}, bytes.NewReader(gif), strip.ErrUnsupported},
		"empty":                {intake.Rules{}, bytes.NewReader(nil), intake.ErrEmpty},
		"not an image":         {intake.Rules{}, bytes.NewReader([]byte("hello")), format.ErrUnknown},
		"unreadable":           {intake.Rules{}, iotest.ErrReader(cause), cause},
		"unreadable half way":  {intake.Rules{}, io.MultiReader(bytes.NewReader(png), iotest.ErrReader(cause)), cause},
		"unreadable, stripped": {intake.Rules{Strip: true}, io.MultiReader(bytes.NewReader(png), iotest.ErrReader(cause)), cause},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := intake.New(c.rules).Open(t.Context(), c.body, intake.Options{})
			if err == nil {
				defer content.Close()
				if _, err = io.ReadAll(content); err != nil {
					err = content.Explain(fmt.Errorf("store: %w", err))
				}
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.want == intake.ErrTooLarge && err.Error() != intake.New(c.rules).TooLarge().Error() {
				t.Errorf("got %q, want the text of TooLarge alone", err)
			}
		})
	}
}

// TestDigest checks that Digest returns the digest of the received bytes, even if other
// bytes are stored.
func TestDigest(t *testing.T) {
	tagged := sample(t, "tagged.jpg")
	for _, stripped := range []bool{false, true} {
		content, err := intake.New(intake.Rules{}).Open(t.Context(), bytes.NewReader(tagged), intake.Options{Strip: stripped, Digest: true})
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		if (len(data) < len(tagged)) != stripped || content.Stripped != stripped {
			t.Errorf("strip %t: got %d of %d bytes", stripped, len(data), len(tagged))
		}
		if got := content.Digest(sha256.Sum256(data)); got != sha256.Sum256(tagged) {
			t.Errorf("strip %t: got the digest %s, want the digest of the received bytes", stripped, got)
		}
		content.Close()
	}
}
