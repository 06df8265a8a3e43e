package db

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// Image describes an image or a variant. All times are in UTC.
type Image struct {
	Name          string    // in Unicode normal form C; empty for a variant
	Size          int64     // bytes
	SHA256        Digest    // of the stored bytes
	ContentType   string    // as PutOptions.Inspect or VariantOptions set it
	Width         int       // pixels; 0 if unknown
	Height        int       // pixels; 0 if unknown
	Orientation   int       // as in EXIF, 1 to 8; 0 if unknown
	Uploaded      time.Time // when the image or the variant was first stored; see PutOptions.Uploaded
	Expires       time.Time // when the image expires; zero for never
	DeleteKeyHash Digest    // see PutOptions.DeleteKeyHash; zero for none

	// Placeholder describes the picture in a few bytes, so that a page can show something
	// until the image is loaded. It is empty if it is not known yet, and for a variant.
	// The caller chooses the bytes, and the store does not read them. Images with the same
	// content have the same Placeholder; see VariantOptions.Placeholder.
	Placeholder string

	// Deleted and TrashExpires are zero if the image is not in the trash. Deleted is
	// the time at which the image was deleted. In the trash, two images with the same
	// name never have the same Deleted. TrashExpires is the time at which the image
	// expires in the trash. If Expires is not zero, TrashExpires is not later than
	// Expires.
	Deleted      time.Time
	TrashExpires time.Time
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest converts the output of Digest.String back to a Digest.
func ParseDigest(s string) (d Digest, err error) {
	if len(s) != hex.EncodedLen(len(d)) {
		return d, fmt.Errorf("a SHA-256 has %d hexadecimal digits, not %d", hex.EncodedLen(len(d)), len(s))
	}
	_, err = hex.Decode(d[:], []byte(s))
	return d, err
}

// Body reads the content of an image. Its WriteTo writes the bytes that are not yet
// read. WriteTo writes them directly from the buffers of the store, without another
// buffer. If the writer is a [Receiver] or a [DirectReceiver], WriteTo uses its methods.
type Body interface {
	io.ReadSeekCloser
	io.ReaderAt
	io.WriterTo

	// WriteN does the same as WriteTo, but writes at most n bytes. The engine reads
	// only the bytes that it needs for them.
	WriteN(w io.Writer, n int64) (int64, error)
}
