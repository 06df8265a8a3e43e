package offline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/db/bolt/internal/layout"
	"imageserver/db/chunk"
	"imageserver/db/order"
)

// checkFile runs Check, and returns the problems that it found, one per line.
func checkFile(t testing.TB, path string) (*Report, string) {
	t.Helper()
	var found strings.Builder
	r, err := Check(context.Background(), path, Watch{Found: func(p Problem) { fmt.Fprintln(&found, p) }})
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(found.String(), "\n"); lines != r.Problems {
		t.Errorf("%d problems were told, and %d counted", lines, r.Problems)
	}
	return r, found.String()
}

func TestCheckSound(t *testing.T) {
	t.Parallel()
	path, images := fillStore(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, found := checkFile(t, path)
	if r.Problems != 0 || r.Images != int64(len(images)) || r.Trash != 5 || r.Variants != 5 {
		t.Errorf("found %+v\n%s", r, found)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the check changed the file, %v", err)
	}
}

// TestNoFreeList checks and opens a file without a list of free pages, as a crash on
// a full disk leaves it.
func TestNoFreeList(t *testing.T) {
	t.Parallel()
	path, images := fillStore(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := pagesOf(t, path).DropFreeList(f); err != nil {
		t.Fatal(err)
	}
	if r, found := checkFile(t, path); r.Problems > 0 {
		t.Error(found)
	}
	wantStored(t, path, images)
}

// found returns b, and stops the test if it is nil.
func found(t testing.TB, b []byte) []byte {
	t.Helper()
	if b == nil {
		t.Fatal("the store does not hold what the test is about")
	}
	return bytes.Clone(b)
}

// blobOf returns the blob of an image in a file.
func blobOf(t testing.TB, tx *bbolt.Tx, name string) uint64 {
	t.Helper()
	r, err := layout.ImageRecord(tx, name)
	if err != nil || r == nil {
		t.Fatalf("record of %s: %v, %v", name, r, err)
	}
	return r.Blob
}

// changeChunk calls fn to change a chunk of a blob in place.
func changeChunk(tx *bbolt.Tx, id uint64, number int, fn func(v []byte)) error {
	place := layout.ChunkKey(id, number)
	b := tx.Bucket(layout.ChunksBucket).Bucket(place[:])
	v := bytes.Clone(b.Get(layout.ChunkValueKey))
	fn(v)
	return b.Put(layout.ChunkValueKey, v)
}

// TestCheckReadOnly checks a file without write permission.
func TestCheckReadOnly(t *testing.T) {
	t.Parallel()
	path, _ := fillStore(t)
	must(t, os.Chmod(path, 0o400)) // root may write nevertheless
	if r, found := checkFile(t, path); r.Problems > 0 {
		t.Error(found)
	}
}

// changeRecord calls fn to change a record.
func changeRecord(tx *bbolt.Tx, bucket, k, v []byte, fn func(r *layout.Record)) error {
	r, err := layout.ParseRecord(bucket, k, v)
	if err != nil {
		return err
	}
	fn(r)
	return tx.Bucket(bucket).Put(bytes.Clone(k), r.Marshal())
}

// changeImage calls fn to change the record of an image.
func changeImage(tx *bbolt.Tx, name string, fn func(r *layout.Record)) error {
	return changeRecord(tx, layout.ImagesBucket, []byte(name), tx.Bucket(layout.ImagesBucket).Get([]byte(name)), fn)
}

func makeBucket(tx *bbolt.Tx, name []byte) error {
	_, err := tx.CreateBucket(name)
	return err
}

// sealed returns the first chunk of a blob as the file holds it.
func sealed(id uint64, data []byte) []byte {
	k := layout.ChunkKey(id, 0)
	return append(binary.BigEndian.AppendUint32(nil, chunk.Checksum(k[:], data)), data...)
}

func flipLast(v []byte) { v[len(v)-1] ^= 1 }

// TestCheckAndRepair damages a file in one way after another. The check must name the
// damage. Repair must repair everything but damaged bytes, and must not change any
// sound image.
func TestCheckAndRepair(t *testing.T) {
	t.Parallel()
	first := func(tx *bbolt.Tx, bucket []byte) []byte {
		k, _ := tx.Bucket(bucket).Cursor().First()
		return found(t, k)
	}
	for _, test := range []struct {
		name   string
		damage func(tx *bbolt.Tx) error
		want   string   // what the check says
		broken []string // images that stay damaged
		gone   []string // images that do not come back
	}{
		{name: "missing in the list", damage: func(tx *bbolt.Tx) error {
			return tx.Bucket(layout.RecentBucket).Delete(first(tx, layout.RecentBucket))
		}, want: `index "recent" has 69 entries, want 70`},
		{name: "too much in the list", damage: func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(layout.RecentBucket).Put(order.TimeKey(time.Now(), "none.png"), nil), tx.Bucket(layout.RecentBucket).Put([]byte("x"), nil))
		}, want: `index "recent" has 72 entries`},
		{name: "another in the list", damage: func(tx *bbolt.Tx) error {
			k := first(tx, layout.RecentBucket)
			return errors.Join(tx.Bucket(layout.RecentBucket).Delete(k), tx.Bucket(layout.RecentBucket).Put(order.TimeKey(time.Now(), "1.png"), nil))
		}, want: `index "recent" has wrong entries`},
		{name: "digests", damage: func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(layout.DigestsBucket).Delete(first(tx, layout.DigestsBucket)), tx.Bucket(layout.DigestsBucket).Put([]byte("short"), nil))
		}, want: `index "digests"`},
		{name: "tokens", damage: func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(layout.DeleteKeysBucket).Delete(first(tx, layout.DeleteKeysBucket)), tx.Bucket(layout.DeleteKeysBucket).Put([]byte("short"), nil))
		}, want: `index "tokens"`},
		{name: "trash", damage: func(tx *bbolt.Tx) error {
			return tx.Bucket(layout.DeletedBucket).Delete(first(tx, layout.DeletedBucket))
		}, want: `index "deleted" has 4 entries, want 5`},
		{name: "expiry", damage: func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(layout.ExpiryBucket).Delete(first(tx, layout.ExpiryBucket)), tx.Bucket(layout.ExpiryBucket).Put(layout.ExpiryKey(time.Unix(0, 0), []byte("1.png")), nil), tx.Bucket(layout.ExpiryBucket).Put([]byte("short"), nil))
		}, want: `index "due"`},
		{name: "order of variants", damage: func(tx *bbolt.Tx) error {
			k := first(tx, layout.MadeBucket)
			return errors.Join(tx.Bucket(layout.MadeBucket).Put(k, []byte("no variant")), tx.Bucket(layout.MadeBucket).Put([]byte("x"), []byte("y")))
		}, want: `index "made"`},
		{name: "an index emptied", damage: func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("x"))
			return errors.Join(err, tx.DeleteBucket([]byte("x")), tx.DeleteBucket(layout.DigestsBucket), makeBucket(tx, layout.DigestsBucket))
		}, want: `index "digests" has 0 entries, want 75`},
		{name: "counts", damage: func(tx *bbolt.Tx) error {
			return layout.WriteUsage(tx, db.Usage{Images: 3})
		}, want: "the counts are wrong"},
		{name: "no counts", damage: func(tx *bbolt.Tx) error {
			return tx.Bucket(layout.MetaBucket).Delete(layout.UsageKey)
		}, want: "the counts cannot be read"},
		{name: "listed to be deleted", damage: func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(layout.OrphansBucket).Put(layout.IDKey(blobOf(t, tx, "6.png")), nil), tx.Bucket(layout.OrphansBucket).Put([]byte("short"), nil))
		}, want: "6.png: its bytes are in the list of blobs to delete"},
		{name: "numbers used twice", damage: func(tx *bbolt.Tx) error {
			return tx.Bucket(layout.ChunksBucket).SetSequence(3)
		}, want: "numbers that are in use"},
		{name: "bytes of no image", damage: func(tx *bbolt.Tx) error {
			return errors.Join(layout.PutChunk(tx, 7000, 0, sealed(7000, make([]byte, 1000))), tx.Bucket(layout.ChunksBucket).SetSequence(7000))
		}, want: "blob 7000: 1000 bytes that belong to no image"},
		{name: "variant of no image", damage: func(tx *bbolt.Tx) error {
			k, v := tx.Bucket(layout.VariantsBucket).Cursor().First()
			other := layout.VariantKey(db.Digest{1}, "w=1")
			r, err := layout.ParseRecord(layout.VariantsBucket, k, v)
			return errors.Join(err, tx.Bucket(layout.VariantsBucket).Put(other, bytes.Clone(v)), tx.Bucket(layout.VariantsBucket).Delete(bytes.Clone(k)), tx.Bucket(layout.MadeBucket).Put(layout.IDKey(r.Blob), other))
		}, want: "its original image does not exist"},
		{name: "variant damaged", damage: func(tx *bbolt.Tx) error {
			k, v := tx.Bucket(layout.VariantsBucket).Cursor().First()
			r, err := layout.ParseRecord(layout.VariantsBucket, k, v)
			return errors.Join(err, changeChunk(tx, r.Blob, 0, flipLast))
		}, want: "the checksum of chunk 0 is wrong; --repair deletes it"},
		{name: "record of a variant unreadable", damage: func(tx *bbolt.Tx) error {
			return tx.Bucket(layout.VariantsBucket).Put(first(tx, layout.VariantsBucket), []byte("?"))
		}, want: "its record cannot be read; --repair deletes it"},
		{name: "bytes flipped", damage: func(tx *bbolt.Tx) error {
			return changeChunk(tx, blobOf(t, tx, "6.png"), 2, flipLast)
		}, want: "6.png: the checksum of chunk 2 is wrong; upload the same bytes again", broken: []string{"6.png"}},
		{name: "bytes flipped that two have", damage: func(tx *bbolt.Tx) error {
			return changeChunk(tx, blobOf(t, tx, "twin.png"), 0, flipLast)
		}, want: "twin.png: the checksum of chunk 0", broken: []string{"3.png", "twin.png"}},
		{name: "bytes flipped in the trash", damage: func(tx *bbolt.Tx) error {
			k, v := tx.Bucket(layout.TrashBucket).Cursor().First()
			r, err := layout.ParseRecord(layout.TrashBucket, k, v)
			return errors.Join(err, changeChunk(tx, r.Blob, 0, flipLast))
		}, want: "gone 0.png (in the trash): the checksum of chunk 0", broken: []string{"gone 0.png (in the trash)"}},
		{name: "other bytes, well sealed", damage: func(tx *bbolt.Tx) error {
			id := blobOf(t, tx, "6.png")
			return changeChunk(tx, id, 0, func(v []byte) {
				data := bytes.Clone(v[chunk.ChecksumSize:])
				data[5] ^= 1
				copy(v, sealed(id, data))
			})
		}, want: "6.png: its SHA-256 is not that of the upload", broken: []string{"6.png"}},
		{name: "chunk missing", damage: func(tx *bbolt.Tx) error {
			place := layout.ChunkKey(blobOf(t, tx, "6.png"), 1)
			return tx.Bucket(layout.ChunksBucket).DeleteBucket(place[:])
		}, want: "6.png: chunk 1 is missing", broken: []string{"6.png"}},
		{name: "last chunk missing", damage: func(tx *bbolt.Tx) error {
			place := layout.ChunkKey(blobOf(t, tx, "6.png"), 3)
			return tx.Bucket(layout.ChunksBucket).DeleteBucket(place[:])
		}, want: "6.png: it has 393105 bytes, want 393112", broken: []string{"6.png"}},
		{name: "all bytes missing", damage: func(tx *bbolt.Tx) error {
			place := layout.ChunkKey(blobOf(t, tx, "2.png"), 0)
			return tx.Bucket(layout.ChunksBucket).DeleteBucket(place[:])
		}, want: "2.png: its bytes are missing", broken: []string{"2.png"}},
		{name: "record missing", damage: func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(layout.ImagesBucket).Delete([]byte("small 7.png")), tx.Bucket(layout.ImagesBucket).Delete([]byte("ends.png")))
		}, want: "small 7.png: its record is lost, but its bytes are there"},
		{name: "record unreadable", damage: func(tx *bbolt.Tx) error {
			return tx.Bucket(layout.ImagesBucket).Put([]byte("small 7.png"), []byte("?"))
		}, want: "small 7.png: its record is lost, but its bytes are there"},
		{name: "record of a twin missing", damage: func(tx *bbolt.Tx) error {
			return tx.Bucket(layout.ImagesBucket).Delete([]byte("twin.png"))
		}, want: "twin.png: its record is lost, but its bytes are there"},
		{name: "record and digest lost", damage: func(tx *bbolt.Tx) error {
			r, _ := layout.ImageRecord(tx, "small 7.png")
			return errors.Join(tx.Bucket(layout.ImagesBucket).Put([]byte("small 7.png"), []byte("?")), tx.Bucket(layout.DigestsBucket).Delete(layout.DigestKey(r.SHA256, r.Name)))
		}, want: "small 7.png: its record cannot be read; restore your backup", broken: []string{"small 7.png"}},
		{name: "record of a variant leads to an image", damage: func(tx *bbolt.Tx) error {
			k, v := tx.Bucket(layout.VariantsBucket).Cursor().First()
			return changeRecord(tx, layout.VariantsBucket, k, v, func(r *layout.Record) { r.Blob = blobOf(t, tx, "6.png") })
		}, want: "it has 393112 bytes, want 4000; --repair deletes it"},
		{name: "record leads to another image", damage: func(tx *bbolt.Tx) error {
			return changeImage(tx, "2.png", func(r *layout.Record) { r.Blob = blobOf(t, tx, "6.png") })
		}, want: "2.png: it has 393112 bytes, want 500; --repair corrects its record"},
		{name: "record leads nowhere", damage: func(tx *bbolt.Tx) error {
			return changeImage(tx, "twin.png", func(r *layout.Record) { r.Blob = 1 << 40 })
		}, want: "twin.png: its bytes are missing; --repair corrects its record"},
		{name: "record with another digest", damage: func(tx *bbolt.Tx) error {
			return changeImage(tx, "twin.png", func(r *layout.Record) { r.SHA256[3] ^= 1 })
		}, want: "twin.png: its SHA-256 is not that of the upload; --repair corrects its record"},
		{name: "record with another size", damage: func(tx *bbolt.Tx) error {
			return changeImage(tx, "6.png", func(r *layout.Record) { r.Size ^= 1 << 9 })
		}, want: "6.png: it has 393112 bytes, want 392600; --repair corrects its record"},
		{name: "record with another size of chunks", damage: func(tx *bbolt.Tx) error {
			return changeImage(tx, "twin.png", func(r *layout.Record) { r.ChunkSize = 1000 })
		}, want: "1 problem, 1 damaged:\ntwin.png: its chunks have 5000 bytes, want 1000; --repair corrects its record"},
		{name: "record in the trash leads to an image", damage: func(tx *bbolt.Tx) error {
			k, v := tx.Bucket(layout.TrashBucket).Cursor().First()
			return changeRecord(tx, layout.TrashBucket, k, v, func(r *layout.Record) { r.Blob = blobOf(t, tx, "6.png") })
		}, want: "gone 0.png (in the trash): it has 393112 bytes, want 3000; --repair corrects its record"},
		{name: "record missing, and in the list too", damage: func(tx *bbolt.Tx) error {
			r, err := layout.ImageRecord(tx, "small 7.png")
			return errors.Join(err, tx.Bucket(layout.ImagesBucket).Delete(r.Key()), tx.Bucket(layout.RecentBucket).Delete(order.TimeKey(r.Uploaded, r.Name)))
		}, want: "small 7.png: its record is lost, but its bytes are there"},
		{name: "digest of no image", damage: func(tx *bbolt.Tx) error {
			r, err := layout.ImageRecord(tx, "small 7.png")
			return errors.Join(err, tx.Bucket(layout.DigestsBucket).Put(layout.DigestKey(r.SHA256, "none.png"), nil))
		}, want: `0 damaged:
index "digests" has 76 entries`},
		{name: "image gone but for its bytes", damage: func(tx *bbolt.Tx) error {
			r, err := layout.ImageRecord(tx, "small 7.png")
			for _, ix := range layout.Indexes {
				if k, _ := ix.Entry(r); k != nil {
					err = errors.Join(err, tx.Bucket(ix.Bucket).Delete(k))
				}
			}
			return errors.Join(err, tx.Bucket(layout.ImagesBucket).Delete(r.Key()))
		}, want: "307 bytes that belong to no image", gone: []string{"small 7.png"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, images := fillStore(t)
			edit(t, path, test.damage)
			r, found := checkFile(t, path)
			found = fmt.Sprintf("%d problem, %d damaged:\n%s", r.Problems, r.Damaged, found)
			if r.Problems == 0 || r.Structural || !strings.Contains(found, test.want) {
				t.Errorf("found %d problems:\n%swant %q", r.Problems, found, test.want)
			}
			var described []string
			done, err := Repair(ctx, path, RepairOptions{Inspect: func(r io.ReaderAt, img *db.Image) error {
				described = append(described, img.Name)
				img.ContentType = "image/of-old"
				_, err := io.Copy(io.Discard, io.NewSectionReader(r, 0, img.Size))
				return err
			}})
			if err != nil {
				t.Fatal(err)
			}
			again, found := checkFile(t, path)
			if again.Damaged != len(test.broken) || (again.Problems > 0) != (len(test.broken) > 0) || done.After.Problems != again.Problems {
				t.Errorf("after repairing, %d problems:\n%s", again.Problems, found)
			}
			for _, name := range test.broken {
				if !strings.Contains(found, name+": ") {
					t.Errorf("after repairing %s is not named:\n%s", name, found)
				}
				delete(images, name)
			}
			for _, name := range test.gone {
				delete(images, name)
			}
			wantStored(t, path, images)
			wantListed(t, path, images)
			s := openStore(t, path, bolt.Options{})
			for _, name := range described {
				if img, err := s.Stat(ctx, name); err != nil || img.ContentType != "image/of-old" || img.Uploaded.IsZero() ||
					strings.HasPrefix(name, "small") == (img.DeleteKeyHash == db.Digest{}) || (name == "ends.png") == img.Expires.IsZero() {
					t.Errorf("the record made again is %+v, %v", img, err)
				}
			}
			if strings.HasPrefix(test.want, "6.png: ") && len(test.broken) > 0 {
				mustPut(t, s, "6.png", content(6, 3*layout.ChunkSize+7))
				s.Close()
				if r, found := checkFile(t, path); r.Problems > 0 {
					t.Errorf("after the same bytes were uploaded:\n%s", found)
				}
			}
		})
	}
}

// wantListed fails unless all images are in the list.
func wantListed(t testing.TB, path string, images map[string][]byte) {
	t.Helper()
	s := openStore(t, path, bolt.Options{})
	defer s.Close()
	list, _, err := s.List(ctx, db.ListOptions{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, img := range list {
		listed[img.Name] = true
	}
	for name := range images {
		if !listed[name] {
			t.Errorf("%s is not in the list", name)
		}
	}
}

// TestRepairShared repairs a record that leads to the bytes of another image, and
// whose own bytes are lost. Afterwards, uploading its bytes again or deleting it must
// not harm the other image.
func TestRepairShared(t *testing.T) {
	t.Parallel()
	for _, after := range []func(s *bolt.Store) error{
		func(s *bolt.Store) error { return s.Delete(ctx, "2.png", db.DeleteOptions{}) },
		func(s *bolt.Store) error { mustPut(t, s, "2.png", content(2, 500)); return nil },
	} {
		path, images := fillStore(t)
		edit(t, path, func(tx *bbolt.Tx) error {
			own := layout.ChunkKey(blobOf(t, tx, "2.png"), 0)
			return errors.Join(tx.Bucket(layout.ChunksBucket).DeleteBucket(own[:]),
				changeImage(tx, "2.png", func(r *layout.Record) { r.Blob = blobOf(t, tx, "6.png") }))
		})
		if r, found := checkFile(t, path); r.Damaged != 1 || !strings.Contains(found, "2.png: it has 393112 bytes, want 500; run check --repair first") {
			t.Errorf("found %d damaged:\n%s", r.Damaged, found)
		}
		done, err := Repair(ctx, path, RepairOptions{})
		must(t, err)
		if done.After.Problems != 1 || done.After.Damaged != 1 {
			t.Errorf("after repairing there are %+v", done.After)
		}
		s := openStore(t, path, bolt.Options{})
		must(t, errors.Join(after(s), s.Close()))
		delete(images, "2.png")
		wantStored(t, path, images)
		if r, found := checkFile(t, path); r.Problems > 0 {
			t.Errorf("in the end:\n%s", found)
		}
	}
}

// TestRecoverFromTrash deletes the record of an image whose bytes are also in the
// trash, under another name.
func TestRecoverFromTrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := openStore(t, path, bolt.Options{})
	images := map[string][]byte{"a.png": content(1, 5000)}
	mustPut(t, s, "b.png", images["a.png"])
	mustPut(t, s, "a.png", images["a.png"])
	must(t, errors.Join(s.Delete(ctx, "b.png", db.DeleteOptions{TrashTTL: time.Hour}), s.Close()))
	edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(layout.ImagesBucket).Delete([]byte("a.png")) })
	done, err := Repair(ctx, path, RepairOptions{})
	must(t, err)
	if done.After.Problems > 0 || done.After.Images != 1 || done.After.Trash != 1 || done.After.Blobs != 1 {
		t.Errorf("after repairing there are %+v", done.After)
	}
	wantStored(t, path, images)
}

// TestCheckNamesGone overwrites the pages with the record of an image, and deletes what
// leads to its bytes. The check must name the image, and Repair must keep all others.
func TestCheckNamesGone(t *testing.T) {
	t.Parallel()
	const name = "small 7.png"
	path, images := fillStore(t)
	sum := sha256.Sum256(images[name])
	edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(layout.DigestsBucket).Delete(layout.DigestKey(sum, name)) })
	file, err := os.ReadFile(path)
	must(t, err)
	for page := range slices.Chunk(file, os.Getpagesize()) {
		if bytes.Contains(page, sum[:]) {
			clear(page)
		}
	}
	must(t, os.WriteFile(path, file, 0o600))
	r, found := checkFile(t, path)
	if !r.Structural || !strings.Contains(found, name+": its record is lost, and nothing says which bytes are its own; restore your backup") {
		t.Errorf("found\n%s", found)
	}
	// As if an earlier run was interrupted after it gave the file its second name.
	must(t, errors.Join(os.WriteFile(path+".damaged", []byte("older"), 0o600), os.Link(path, path+".damaged-2")))
	done, err := Repair(ctx, path, RepairOptions{})
	must(t, err)
	if _, err := os.Stat(path + ".damaged-3"); done.Kept != path+".damaged-2" || err == nil {
		t.Errorf("the damaged file is kept as %s, and as another: %v", done.Kept, err == nil)
	}
	delete(images, name)
	if done.After.Problems > 0 || done.After.Images != int64(len(images)) {
		t.Errorf("after repairing there are %+v", done.After)
	}
	wantStored(t, path, images)
}
