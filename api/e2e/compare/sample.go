package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
)

// sampleImage returns a PNG of size bytes, which is the same in each run. After the end of a
// tiny picture it has noise, which viewers ignore.
func sampleImage(size int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		panic(err) // a buffer takes every write
	}
	noise := make([]byte, size-b.Len())
	rand.NewChaCha8([32]byte{1}).Read(noise)
	return append(b.Bytes(), noise...)
}

// renumber makes img differ from all other images: it writes number to its last bytes.
func renumber(img []byte, number uint64) {
	binary.BigEndian.PutUint64(img[len(img)-8:], number)
}

// imageName is the name of the sample of this size.
func imageName(size int) string { return fmt.Sprintf("%d.png", size) }

// imagePath is the path of a URL.
func imagePath(name string) string { return "/images/" + name }

// uploadName is the name of an upload, in all servers.
func uploadName(number uint64) string { return fmt.Sprintf("%s%d.png", uploadPrefix, number) }

const uploadPrefix = "up-"

// sizeName is how people write a size: "20 kB".
func sizeName(size int) string {
	if size >= 1e6 {
		return fmt.Sprintf("%.3g MB", float64(size)/1e6)
	}
	return fmt.Sprintf("%.3g kB", float64(size)/1e3)
}
