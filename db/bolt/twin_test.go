package bolt

import (
	"crypto/sha256"
	"testing"

	"imageserver/db/chunk"
)

// TestComparison compares an upload of two chunks with stored bytes, which arrive in other
// pieces. Only equal bytes may be equal.
func TestComparison(t *testing.T) {
	t.Parallel()
	const upload = "abcdefgh"
	for stored, want := range map[string]bool{upload: true, "": false, "abcde": false, "abcdefg": false, "abcdefghi": false, "abcdeXgh": false, "Xbcdefgh": false, "abcdefgX": false} {
		for piece := 1; piece <= len(upload)+1; piece++ {
			for _, hashed := range []bool{false, true} {
				w := &comparison{chunks: []*chunk.Chunk{chunkOf(upload[:5]), chunkOf(upload[5:])}}
				if hashed {
					w = &comparison{hash: sha256.New()}
				}
				for rest := stored; rest != ""; {
					n := min(piece, len(rest))
					if k, err := w.Write([]byte(rest[:n])); k != n || err != nil {
						t.Fatalf("wrote %d of %d bytes, %v", k, n, err)
					}
					rest = rest[n:]
				}
				if got := w.equal(sha256.Sum256([]byte(upload))); got != want {
					t.Errorf("%q in pieces of %d, hashed %t: equal %t, want %t", stored, piece, hashed, got, want)
				}
			}
		}
	}
}

func chunkOf(data string) *chunk.Chunk {
	c := chunk.New(chunk.ChecksumSize + len(data))
	c.Append([]byte(data))
	return c
}
