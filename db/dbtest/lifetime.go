package dbtest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"imageserver/db"
)

// The tests in this file read bodies while the store changes. Some engines return
// mapped memory, or delete bytes when the last image with the bytes is deleted. If such
// an engine has a fault, it crashes here, or returns bytes of other images.

// large is a number of bytes for which every engine needs several reads.
const large = 2<<20 + 17

func testBodyOfReplaced(t *testing.T, s db.Store) {
	former, latter := content(1, large), content(2, large+1)
	create(t, s, "cat.png", former)
	fresh, begun := openBody(t, s, "cat.png"), openBody(t, s, "cat.png")
	wantBytes(t, "begun", read(t, begun, 1000), former[:1000])

	img := put(t, s, "cat.png", latter, db.PutOptions{Conflict: db.Replace}, db.Replaced)
	create(t, s, "dog.png", content(3, large)) // may use the space of the former bytes

	wantRest(t, "body not read before", fresh, former)
	wantRest(t, "body read in part before", begun, former[1000:])
	wantStored(t, s, img, latter)
	closeBody(t, fresh)
	closeBody(t, begun)
	wantConsistent(t, s)
}

func testBodyOfDeleted(t *testing.T, s db.Store) {
	data := content(1, large)
	create(t, s, "cat.png", data)
	fresh, begun := openBody(t, s, "cat.png"), openBody(t, s, "cat.png")
	wantBytes(t, "begun", read(t, begun, 1000), data[:1000])

	remove(t, s, "cat.png")
	wantAbsent(t, s, "cat.png")
	create(t, s, "dog.png", content(2, large))
	remove(t, s, "dog.png")

	wantRest(t, "body not read before", fresh, data)
	wantRest(t, "body read in part before", begun, data[1000:])
	wantReadAt(t, begun, data, 0, large)
	closeBody(t, fresh)
	closeBody(t, begun)
	wantUsage(t, s, db.Usage{})
}

// testBodyDuringGrowth: if a file becomes longer, its memory map moves. If a body kept
// a transaction or a lock, the file could not become longer.
func testBodyDuringGrowth(t *testing.T, s db.Store) {
	data := content(1, large)
	create(t, s, "cat.png", data)
	body := openBody(t, s, "cat.png")
	wantBytes(t, "before", read(t, body, 1000), data[:1000])
	for i := range 4 {
		more := io.LimitReader(rand.NewChaCha8([32]byte{byte(i)}), 8<<20)
		if _, _, err := s.Put(t.Context(), fmt.Sprintf("%d.png", i), more, db.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		from := 1000 * (i + 1)
		wantBytes(t, "while the store grows", read(t, body, 1000), data[from:from+1000])
	}
	wantRest(t, "after", body, data[5000:])
}

// testTwoBodies opens two bodies of a deleted image, and closes one of them twice. If
// an engine counts readers, it must not count the other body as closed.
func testTwoBodies(t *testing.T, s db.Store) {
	data := content(1, large)
	create(t, s, "cat.png", data)
	one, two := openBody(t, s, "cat.png"), openBody(t, s, "cat.png")
	for range 3 { // one after the other: a read of one body does not move the other body
		wantBytes(t, "one", read(t, one, 100), read(t, two, 100))
	}
	remove(t, s, "cat.png")
	closeBody(t, one)
	one.Close()
	create(t, s, "dog.png", content(2, large)) // gives the engine time to delete the old bytes
	wantRest(t, "two", two, data[300:])
	closeBody(t, two)
	wantAbsent(t, s, "cat.png")
	wantConsistent(t, s)
}

// testBodyOfRevived opens a body of an image, deletes the image, and stores its bytes
// again. When the body is closed, the bytes belong to an image again, and must stay.
func testBodyOfRevived(t *testing.T, s db.Store) {
	data := content(1, large)
	create(t, s, "cat.png", data)
	body := openBody(t, s, "cat.png")
	remove(t, s, "cat.png")
	img := create(t, s, "tiger.png", data)
	wantRest(t, "body of the deleted name", body, data)
	closeBody(t, body)
	create(t, s, "dog.png", content(2, large))
	wantStored(t, s, img, data)
	remove(t, s, "dog.png")
	wantUsage(t, s, sum([]db.Image{img}))

	again := openBody(t, s, "tiger.png")
	remove(t, s, "tiger.png")
	create(t, s, "cat.png", data)
	remove(t, s, "cat.png")
	wantRest(t, "body of bytes deleted twice", again, data)
	closeBody(t, again)
	wantUsage(t, s, db.Usage{})
}

// testManyBodies keeps bodies open while all images are deleted and other images use
// the space.
func testManyBodies(t *testing.T, s db.Store) {
	const n = 24
	var bodies []db.Body
	for i := range n {
		name := fmt.Sprintf("%d.png", i)
		create(t, s, name, content(uint64(i), 200<<10+i))
		if i%2 == 0 {
			bodies = append(bodies, openBody(t, s, name))
		}
	}
	for i := range n {
		remove(t, s, fmt.Sprintf("%d.png", i))
	}
	for i := range n {
		create(t, s, fmt.Sprintf("%d.png", i), content(uint64(n+i), 200<<10))
	}
	for i, body := range bodies {
		wantRest(t, "body of a deleted image", body, content(uint64(2*i), 200<<10+2*i))
		closeBody(t, body)
	}
	wantConsistent(t, s)
}
