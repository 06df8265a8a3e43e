package layout

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"imageserver/db"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	r := &Record{
		Image: db.Image{
			Name: "a.png", Size: 1 << 40, SHA256: sha256.Sum256([]byte("a")), ContentType: "image/x-odd",
			Width: 70000, Height: 1, Orientation: 6, Uploaded: time.Date(1961, 4, 12, 6, 7, 0, 1, time.UTC),
		},
		Blob: 1 << 60, ChunkSize: 1000,
	}
	// What a later version might add: kept, and written again.
	r.unknown = protowire.AppendString(protowire.AppendTag(nil, 99, protowire.BytesType), "of the future")
	r.unknown = protowire.AppendVarint(protowire.AppendTag(r.unknown, 100, protowire.VarintType), 7)
	for range 2 {
		got, err := unmarshalRecord("a.png", r.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, r, cmp.AllowUnexported(Record{})); diff != "" {
			t.Errorf("record read back (-got +want):\n%s", diff)
		}
		r.Orientation = 0 // as in a record from before it was kept
	}
	end := time.Date(2262, 4, 11, 23, 47, 16, 854775807, time.UTC) // the last there is
	for _, field := range []struct {
		name string
		size int
		set  func()
	}{
		{"orientation", 2, func() { r.Orientation = 6 }},
		{"expiry", 9, func() { r.Expires = end }},
		{"hash", 34, func() { r.DeleteKeyHash = db.Digest{31: 1} }},
		{"deletion", 9, func() { r.Deleted = time.Unix(0, -1).UTC() }},
		{"trash expiry", 9, func() { r.TrashExpires = time.Unix(0, 0).UTC() }},
		{"placeholder", 30, func() { r.Placeholder = "\x00\xff" + strings.Repeat("a", 26) }},
	} {
		without := len(r.Marshal())
		field.set()
		if got := len(r.Marshal()) - without; got != field.size {
			t.Errorf("the %s takes %d bytes, want %d and none where there is none", field.name, got, field.size)
		}
		got, err := unmarshalRecord("a.png", r.Marshal())
		if diff := cmp.Diff(got, r, cmp.AllowUnexported(Record{})); diff != "" || err != nil {
			t.Errorf("record with the %s read back, error %v (-got +want):\n%s", field.name, err, diff)
		}
	}
}

// TestRecordFlipped flips each bit of a record: it is unreadable then, or says
// what it said, and never anything else.
func TestRecordFlipped(t *testing.T) {
	t.Parallel()
	r := &Record{
		Image: db.Image{
			Name: "a.png", Size: 12345, SHA256: sha256.Sum256([]byte("a")), ContentType: "image/png", Width: 640, Height: 480,
			Uploaded: time.Unix(1, 0).UTC(), Expires: time.Unix(2, 0).UTC(), DeleteKeyHash: db.Digest{1},
		},
		Blob: 77, ChunkSize: ChunkSize,
	}
	whole := r.Marshal()
	unreadable := 0
	for i := range 8 * len(whole) {
		b := bytes.Clone(whole)
		b[i/8] ^= 1 << (i % 8)
		got, err := unmarshalRecord("a.png", b)
		if errors.Is(err, db.ErrDamaged) {
			unreadable++
			continue
		}
		got.unknown = nil // the mark of the checksum itself has become another
		if diff := cmp.Diff(got, r, cmp.AllowUnexported(Record{})); err != nil || diff != "" {
			t.Errorf("bit %d flipped: error %v, record (-got +want):\n%s", i, err, diff)
		}
	}
	if unreadable < 8*(len(whole)-1) {
		t.Errorf("%d of %d flipped bits were found", unreadable, 8*len(whole))
	}
}

func FuzzRecord(f *testing.F) {
	r := &Record{Image: db.Image{Size: 5, ContentType: "image/png"}, Blob: 1, ChunkSize: ChunkSize}
	f.Add(r.Marshal())
	f.Add([]byte{})
	r.Image = r.Trashed(time.Unix(2, 0), time.Hour)
	r.Expires, r.DeleteKeyHash, r.Placeholder = time.Unix(1, 0), db.Digest{1}, "red"
	f.Add(r.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := unmarshalRecord("a.png", b)
		if err != nil {
			if !errors.Is(err, db.ErrDamaged) {
				t.Fatalf("error %v, want ErrDamaged", err)
			}
			return
		}
		again, err := unmarshalRecord("a.png", r.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(again, r, cmp.AllowUnexported(Record{})); diff != "" {
			t.Errorf("record read back (-got +want):\n%s", diff)
		}
	})
}
