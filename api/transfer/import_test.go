package transfer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imageserver/api/imaging/format"
	"imageserver/api/intake"
)

// longAgo is the modification time of the files in the tests. If the files of a test have
// different times, longAgo is the time of the oldest file.
var longAgo = time.Date(2014, 5, 1, 12, 0, 0, 123456789, time.UTC)

// tree is a folder with images, and with files that import skips.
type tree struct {
	dir      string
	files    map[string]string // path of the file to name of the image
	contents map[string][]byte // by name of the image
	skipped  []string          // the lines that import writes about skipped files
}

// newTree makes a tree. It has two hidden images.
func newTree(t *testing.T) tree {
	t.Helper()
	tree := tree{dir: t.TempDir(), contents: map[string][]byte{}, files: map[string]string{
		"cat.png":                         "cat.png",
		"2024/cat.png":                    "2024_cat.png",
		"2024/May Day/gradient.jpg":       "2024_May Day_gradient.jpg",
		"50% off & more; +=,~!()@$'.png":  "50% off & more; +=,~!()@$'.png",
		"#1.png":                          "#1.png",
		"cafe\u0301.png":                  "café.png",
		"日本/🐈.png":                        "日本_🐈.png",
		"no extension":                    "no extension",
		strings.Repeat("l", 251) + ".png": strings.Repeat("l", 251) + ".png",
	}}
	if runtime.GOOS != "windows" {
		tree.files["a?b:c*.png"] = "a?b:c*.png"
		tree.files["con.png"] = "con.png"
	}
	path := func(name string) string { return filepath.Join(tree.dir, name) }
	for file, name := range tree.files {
		n := len(tree.contents)
		tree.contents[name] = picture(t, uint64(n), 10_000*n*n)
		write(t, path(file), tree.contents[name], longAgo.Add(time.Duration(n)*time.Second))
	}
	write(t, path(".hidden.png"), picture(t, 100, 0), longAgo)
	write(t, path(filepath.Join(".git", "icon.png")), picture(t, 101, 0), longAgo)
	write(t, path("notes.txt"), []byte("hello"), longAgo)
	write(t, path("empty.png"), nil, longAgo)
	tree.skipped = []string{path("notes.txt") + ": this does not look like an image: it may be damaged", path("empty.png") + ": the file is empty"}
	if os.Symlink(path("2024"), path("link")) == nil {
		tree.skipped = append(tree.skipped, path("link")+": a symbolic link, which import does not follow")
	}
	return tree
}

// TestImport checks that images keep their bytes, names and times, that other files are
// skipped, and that a second run stores nothing.
func TestImport(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		tree := newTree(t)
		n := len(tree.files)
		end := fmt.Sprintf("%%d stored, %%d already there, %d skipped, 2 hidden.", len(tree.skipped))

		said, err := doImport(t.Context(), p, tree.dir)
		must(t, said, err, fmt.Sprintf(end, n, 0))
		wantLines(t, said, tree.skipped...)
		first := p.stored(t)
		if len(first) != n {
			t.Errorf("got %q, want %d images", names(first), n)
		}
		for file, name := range tree.files {
			wantImported(t, p, filepath.Join(tree.dir, file), name, tree.contents[name])
		}

		said, err = doImport(t.Context(), p, tree.dir)
		must(t, said, err, fmt.Sprintf(end, 0, n))
		wantLines(t, said, tree.skipped...)
		if diff := cmp.Diff(first, p.stored(t)); diff != "" {
			t.Errorf("the second run changed (-first +second):\n%s", diff)
		}
	})
}

// wantImported checks that the image called name has the bytes and the modification time
// of the file at path.
func wantImported(t *testing.T, p place, path, name string, want []byte) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	img, data := p.read(t, name)
	if !bytes.Equal(data, want) {
		t.Errorf("%s: got %d bytes that differ", name, len(data))
	}
	if !img.Uploaded.Equal(info.ModTime()) {
		t.Errorf("%s: uploaded %v, want the modification time of the file, %v", name, img.Uploaded, info.ModTime())
	}
	if img.ContentType != "image/png" || img.Width != 60 || img.Height != 40 {
		t.Errorf("%s: got %s of %d × %d, want image/png of 60 × 40", name, img.ContentType, img.Width, img.Height)
	}
}

// TestImportLongComment imports files that begin with a long comment: an SVG, and an
// HTML page, which is skipped.
func TestImportLongComment(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		dir := t.TempDir()
		comment := "<!--" + strings.Repeat("x", 5000) + "-->"
		write(t, filepath.Join(dir, "drawing.svg"), []byte(comment+`<svg xmlns="http://www.w3.org/2000/svg"/>`), longAgo)
		write(t, filepath.Join(dir, "page.html"), []byte(comment+"<html>"), longAgo)
		said, err := doImport(t.Context(), p, dir)
		must(t, said, err, "1 stored, 0 already there, 1 skipped.")
	})
}

// TestImportNamed checks that import accepts hidden files and links that the command
// line names.
func TestImportNamed(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a", "one.png"), picture(t, 1, 0), longAgo)
		write(t, filepath.Join(dir, "a", ".two.png"), picture(t, 2, 0), longAgo)
		paths := []string{filepath.Join(dir, "a", ".two.png"), filepath.Join(dir, "a")}
		if link := filepath.Join(dir, "link"); os.Symlink(paths[1], link) == nil {
			paths[1] = link
		}
		said, err := doImport(t.Context(), p, paths...)
		must(t, said, err, "2 stored, 0 already there, 1 hidden.")
		wantLines(t, said, paths[0]+": stored as two.png")
		p.read(t, "one.png")
		p.read(t, "two.png")

		_, err = doImport(t.Context(), p, dir, filepath.Join(dir, "none"))
		wantError(t, err, filepath.Join(dir, "none"), "no")
		if got := len(p.stored(t)); got != 2 {
			t.Errorf("the store has %d images, want 2: a wrong path must stop the import before it begins", got)
		}
	})
}

// TestImportTaken checks that import never replaces an image of the same name. A second
// import finds the images with numbered names again. Two of these images get the same name
// from two folders.
func TestImportTaken(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		mine := picture(t, 1, 0)
		p.put(t, "cat.png", mine, longAgo)
		p.put(t, "cat-2.png", picture(t, 2, 0), longAgo)
		dir := t.TempDir()
		write(t, filepath.Join(dir, "cat.png"), picture(t, 3, 0), longAgo) // the same size as mine
		write(t, filepath.Join(dir, "a", "b_c.png"), picture(t, 4, 2<<20), longAgo)
		write(t, filepath.Join(dir, "a_b", "c.png"), picture(t, 5, 2<<20), longAgo)

		said, err := doImport(t.Context(), p, dir)
		must(t, said, err, "3 stored, 0 already there.")
		if !strings.Contains(said, "cat.png: stored as cat-3.png, because cat.png is another image\n") || !strings.Contains(said, ": stored as a_b_c-2.png, because a_b_c.png is another image\n") {
			t.Errorf("the output is\n%s", said)
		}
		if _, data := p.read(t, "cat.png"); !bytes.Equal(data, mine) {
			t.Error("an image was replaced")
		}
		if img, _ := p.read(t, "cat-3.png"); !img.Uploaded.Equal(longAgo) {
			t.Errorf("cat-3.png was uploaded %v, want %v", img.Uploaded, longAgo)
		}
		first := p.stored(t)
		said, err = doImport(t.Context(), p, dir)
		must(t, said, err, "0 stored, 3 already there.")
		if !strings.Contains(said, "cat.png: already there as cat-3.png, because cat.png is another image\n") {
			t.Errorf("the output is\n%s", said)
		}
		if diff := cmp.Diff(first, p.stored(t)); diff != "" {
			t.Errorf("the second run changed (-first +second):\n%s", diff)
		}
	})
}

// TestImportRules checks that import reports a failure for an image that the rules refuse,
// and stores the other images.
func TestImportRules(t *testing.T) {
	t.Parallel()
	rules := intake.Rules{MaxSize: 100_000, Allow: []format.Type{format.PNG, format.JPEG}}
	everywhere(t, rules, func(t *testing.T, p place) {
		dir := t.TempDir()
		png := sample(t, "gradient.png")
		write(t, filepath.Join(dir, "a.png"), picture(t, 1, 100_000), longAgo)
		write(t, filepath.Join(dir, "cut.png"), png[:20], longAgo)
		write(t, filepath.Join(dir, "large.png"), picture(t, 2, 100_001), longAgo)
		write(t, filepath.Join(dir, "moving.gif"), sample(t, "animated.gif"), longAgo)
		write(t, filepath.Join(dir, "z.jpg"), sample(t, "gradient.jpg"), longAgo)
		said, err := doImport(t.Context(), p, dir)
		wantError(t, err, "3 files could not be imported")
		wantEnd(t, said, "2 stored, 0 already there, 3 failed.")
		for _, part := range []string{"cut.png: ", "his image is damaged", "large.png: ", "he limit is 98 KiB", "moving.gif: ", "use PNG or JPEG"} {
			if !strings.Contains(said, part) {
				t.Errorf("the output is\n%swant %q in it", said, part)
			}
		}
		if got := names(p.stored(t)); len(got) != 2 {
			t.Errorf("got %q", got)
		}
	})
}

// TestImportStripped checks that a second run finds an image from which metadata was
// removed, although the stored bytes differ from the file.
func TestImportStripped(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{Strip: true}, func(t *testing.T, p place) {
		dir := t.TempDir()
		tagged := sample(t, "tagged.jpg")
		write(t, filepath.Join(dir, "tagged.jpg"), tagged, longAgo)
		for _, end := range []string{"1 stored, 0 already there.", "0 stored, 1 already there.", "0 stored, 1 already there."} {
			said, err := doImport(t.Context(), p, dir)
			must(t, said, err, end)
			wantLines(t, said)
		}
		if img, data := p.read(t, "tagged.jpg"); len(data) >= len(tagged) || !img.Uploaded.Equal(longAgo) {
			t.Errorf("got %d bytes of %d, uploaded %v", len(data), len(tagged), img.Uploaded)
		}
		if got := names(p.stored(t)); len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})
}

// TestImportFuture checks that a modification time in the future is not used.
func TestImportFuture(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		path := filepath.Join(t.TempDir(), "cat.png")
		write(t, path, picture(t, 1, 0), time.Now().Add(24*time.Hour))
		began := time.Now()
		said, err := doImport(t.Context(), p, path)
		must(t, said, err, "1 stored, 0 already there.")
		if img, _ := p.read(t, "cat.png"); img.Uploaded.Before(began) || img.Uploaded.After(time.Now()) {
			t.Errorf("uploaded %v, want now", img.Uploaded)
		}
	})
}
