package e2e_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	mrand "math/rand/v2"
)

// picture is a PNG of any size and unlike any other. Its bytes are made anew
// each time it is opened, so that many large ones take no memory.
type picture struct {
	size int64
	key  [aes.BlockSize]byte
}

// onePixel is a whole PNG; what follows it is for no viewer to see.
var onePixel = func() []byte {
	pixel := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	pixel.Set(0, 0, color.NRGBA{R: 200, G: 30, B: 90, A: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, pixel); err != nil {
		panic(err)
	}
	return b.Bytes()
}()

func newPicture(size int64) picture {
	p := picture{size: size}
	rand.Read(p.key[:]) // never fails
	return p
}

// anyPicture makes one of a size from 1 kB to 3 MB, small ones more often: an
// even spread of the size's logarithm.
func anyPicture() picture { return pictureBetween(1e3, 3e6) }

func pictureBetween(low, high float64) picture {
	return newPicture(int64(low * math.Pow(high/low, mrand.Float64())))
}

// open returns the picture's bytes. They come from AES in counter mode, which
// is faster than the server can take them.
func (p picture) open() io.Reader {
	block, err := aes.NewCipher(p.key[:])
	if err != nil {
		panic(err) // the key has the right length
	}
	noise := cipher.StreamReader{S: cipher.NewCTR(block, make([]byte, aes.BlockSize)), R: zeros{}}
	return io.LimitReader(io.MultiReader(bytes.NewReader(onePixel), noise), p.size)
}

func (p picture) bytes() []byte {
	b := make([]byte, p.size)
	io.ReadFull(p.open(), b) // never fails
	return b
}

// sum returns the picture's SHA-256 in hexadecimal.
func (p picture) sum() string {
	h := sha256.New()
	io.Copy(h, p.open()) // never fails
	return hexSum(h)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
