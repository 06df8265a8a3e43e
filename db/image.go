package db

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// Image is what the store knows about an image or a variant. All times are in UTC.
type Image struct {
	Name          string    // in Unicode normal form C; empty for a variant
	Size          int64     // bytes
	SHA256        Digest    // of the stored bytes
	ContentType   string    // as Inspect set it
	Width         int       // pixels; 0 if unknown
	Height        int       // pixels; 0 if unknown
	Orientation   int       // as in EXIF, 1 to 8; 0 if unknown
	Uploaded      time.Time // when the image or the variant was stored, or PutOptions.Uploaded
	Expires       time.Time // when it expires; zero for never
	DeleteKeyHash Digest    // as in PutOptions; zero for none

	// Deleted and TrashExpires are zero unless the image is in the trash. Deleted is
	// when it was deleted. It is unique among the images of one name. The image
	// expires in the trash at TrashExpires, which is not after Expires.
	Deleted      time.Time
	TrashExpires time.Time
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads the output of Digest.String.
func ParseDigest(s string) (d Digest, err error) {
	if len(s) != hex.EncodedLen(len(d)) {
		return d, fmt.Errorf("a SHA-256 has %d hexadecimal digits, not %d", hex.EncodedLen(len(d)), len(s))
	}
	_, err = hex.Decode(d[:], []byte(s))
	return d, err
}

// Body reads the content of an image. Its WriteTo writes the unread part, without
// another buffer between store and writer.
type Body interface {
	io.ReadSeekCloser
	io.ReaderAt
	io.WriterTo
}
