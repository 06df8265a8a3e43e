package pg

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"imageserver/db"
	"imageserver/db/chunk"
	"imageserver/db/receive"
)

// chunkSize is the length of the chunks in which an upload is received, in bytes.
const chunkSize = 128 << 10

// upload is the content of one Put or PutVariant until it is an object. It is a
// receive.Staging: a long upload is staged in a temporary file, because an object of a
// bucket needs its whole content in one request.
type upload struct {
	receive.Upload
	begun bool     // whether Receive was called
	spool *os.File // nil if nothing is staged
	sums  []byte   // of the staged chunks; see appendSums
	key   string   // of the object with the bytes; empty if there is none
}

// receive reads the body of an image or a variant into u. The caller must call
// u.release, also after an error.
func (s *Store) receive(ctx context.Context, u *upload, body io.Reader, o receive.Options) error {
	if s.gate.isClosed() {
		return db.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	u.begun = true
	return u.Receive(ctx, s.memory, u, body, o)
}

// release gives the memory of the upload back, and deletes the temporary file.
func (u *upload) release() {
	if u.begun {
		u.Release()
	}
	if u.spool != nil {
		u.spool.Close()
		os.Remove(u.spool.Name()) // on Unix it was removed when it was created
	}
}

// Key returns zero: chunks of this engine have no keys.
func (u *upload) Key(int) (key [chunk.KeySize]byte) { return key }

// sealedSize is the length of a whole chunk in the temporary file, with its checksum.
const sealedSize = chunk.ChecksumSize + chunkSize

// Stage writes chunks to the temporary file.
func (u *upload) Stage(first int, chunks []*chunk.Chunk) (err error) {
	if u.spool == nil {
		if u.spool, err = os.CreateTemp("", "imageserver-upload-*"); err != nil {
			return spoolError(err)
		}
		os.Remove(u.spool.Name()) // so that nothing is left after a crash; fails on Windows
	}
	for i, c := range chunks {
		if _, err := u.spool.WriteAt(c.Sealed(), int64(first+i)*sealedSize); err != nil {
			return spoolError(err)
		}
		u.sums = appendSums(u.sums, c.Data())
	}
	return nil
}

// spoolError is the error of the temporary file. It has no path of the server.
func spoolError(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%w: the temporary file of an upload: %w", db.ErrUnavailable, err)
}

var uploadChunks = sync.Pool{New: func() any { return chunk.New(sealedSize) }}

// ReadChunk reads a chunk from the temporary file.
func (u *upload) ReadChunk(number, size int) (*chunk.Chunk, error) {
	c := uploadChunks.Get().(*chunk.Chunk)
	sealed := make([]byte, chunk.ChecksumSize+size)
	if _, err := u.spool.ReadAt(sealed, int64(number)*sealedSize); err != nil {
		uploadChunks.Put(c)
		return nil, spoolError(err)
	}
	c.Key = u.Key(number)
	if c.Load(sealed); !c.Verify() {
		uploadChunks.Put(c)
		return nil, fmt.Errorf("%w: the temporary file of an upload has changed", db.ErrUnavailable)
	}
	return c, nil
}

func (u *upload) PutChunk(c *chunk.Chunk) { uploadChunks.Put(c) }

// allSums returns the checksums of the whole content.
func (u *upload) allSums() []byte {
	sums := u.sums
	for _, c := range u.Buffered() {
		sums = appendSums(sums, c.Data())
	}
	if sums == nil {
		sums = []byte{}
	}
	return sums
}

// pieceSize is how many bytes one checksum in the tables covers. A reader verifies so many
// bytes before it sends the first of them. It is the length of a part of chunk.Body, so
// that a body needs no buffer while it waits for a slow client.
const pieceSize = chunk.PartSize

// appendSums appends the CRC-32C of each piece of data. All data except the last must
// have whole pieces.
func appendSums(sums, data []byte) []byte {
	for len(data) > 0 {
		n := min(len(data), pieceSize)
		sums = binary.BigEndian.AppendUint32(sums, chunk.Sum(0, data[:n]))
		data = data[n:]
	}
	return sums
}
