package db

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// Image is what the store knows of one image, or of one variant.
type Image struct {
	Name          string // in Unicode normal form C; a variant has none
	Size          int64  // bytes
	SHA256        Digest // of the bytes as stored
	ContentType   string // as Inspect gave it
	Width         int    // pixels; 0 where it is not known
	Height        int
	Orientation   int       // as EXIF counts it, 1 to 8; 0 where it is not known
	Uploaded      time.Time // when the bytes were stored under a name, or as PutOptions said, or when the variant was made; UTC
	Expires       time.Time // when it goes by itself, UTC; zero for never
	DeleteKeyHash Digest    // as in PutOptions; zero for none

	// Deleted and TrashExpires are zero but for an image in the trash. It leaves
	// the trash at TrashExpires, which is no later than Expires.
	Deleted      time.Time // when the name was unbound, UTC; another time for each of one name
	TrashExpires time.Time // UTC
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads what Digest.String writes.
func ParseDigest(s string) (d Digest, err error) {
	if len(s) != hex.EncodedLen(len(d)) {
		return d, fmt.Errorf("a SHA-256 has %d hexadecimal digits, not %d", hex.EncodedLen(len(d)), len(s))
	}
	_, err = hex.Decode(d[:], []byte(s))
	return d, err
}

// Body is the content of one image. Its WriteTo sends what is left without a
// buffer between store and writer.
type Body interface {
	io.ReadSeekCloser
	io.ReaderAt
	io.WriterTo
}
