package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imageserver/api/intake"
	"imageserver/api/transfer"
	"imageserver/db"
)

// TestExportDamaged checks that export lists damaged images and writes all others.
func TestExportDamaged(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("on Windows, no other handle may write to the data file")
	}
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		for i := range 20 {
			p.put(t, fmt.Sprintf("%d.png", i), picture(t, uint64(i), 300_000), longAgo)
		}
		small, large := picture(t, 100, 10_000), picture(t, 101, 3<<20)
		p.put(t, "small.png", small, longAgo)
		p.put(t, "large.png", large, longAgo)
		flip(t, p.file, small, 5000)
		flip(t, p.file, large, 2<<20)
		dir := t.TempDir()
		said, err := doExport(t.Context(), p, dir, false)
		wantError(t, err, "2 images could not be exported")
		wantEnd(t, said, "20 written, 0 already there, 2 failed.")
		for _, name := range []string{"small.png: ", "large.png: "} {
			if !strings.Contains(said, name) || !strings.Contains(said, "damaged") {
				t.Errorf("the output is\n%s", said)
			}
		}
		files := look(t, dir)
		if len(files) != 20 || files["small.png"].data != "" || files["large.png"].data != "" {
			t.Errorf("got %d files, want one for each intact image", len(files))
		}
	})
}

// flip changes the byte at an offset of an image in a data file.
func flip(t *testing.T, path string, content []byte, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const around = 16
	i := bytes.Index(data, content[at-around:at+around])
	if i < 0 {
		t.Fatal("the data file does not contain the image")
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{^content[at]}, int64(i+around)); err != nil {
		t.Fatal(err)
	}
}

// wrong is Images whose Fetch writes changed bytes.
type wrong struct {
	transfer.Images
	change func([]byte) []byte
}

func (w wrong) Fetch(ctx context.Context, img db.Image, to io.Writer) error {
	var b bytes.Buffer
	if err := w.Images.Fetch(ctx, img, &b); err != nil {
		return err
	}
	_, err := to.Write(w.change(b.Bytes()))
	return err
}

// TestExportVerifies checks that export creates no file if the bytes do not match the
// SHA-256 of the image.
func TestExportVerifies(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		p.put(t, "cat.png", picture(t, 1, 0), longAgo)
		for name, change := range map[string]func([]byte) []byte{
			"one byte changed":  func(b []byte) []byte { b[100] ^= 1; return b },
			"last byte missing": func(b []byte) []byte { return b[:len(b)-1] },
			"one byte added":    func(b []byte) []byte { return append(b, 0) },
			"no bytes":          func([]byte) []byte { return nil },
		} {
			dir := t.TempDir()
			said, err := doExport(t.Context(), wrong{p, change}, dir, false)
			wantError(t, err, "1 image could not be exported")
			if !strings.Contains(said, "cat.png: ") || !strings.Contains(said, "SHA-256") {
				t.Errorf("%s: the output is\n%s", name, said)
			}
			if files := look(t, dir); len(files) != 0 {
				t.Errorf("%s: the folder has %d files, want none", name, len(files))
			}
		}
	})
}

// TestExportTaken checks that export replaces files only with overwrite, and never
// replaces folders and links.
func TestExportTaken(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		cat := picture(t, 1, 0)
		for _, name := range []string{"cat.png", "same size.png", "folder.png", "link.png", "free.png"} {
			p.put(t, name, append(cat[:len(cat):len(cat)], name...), longAgo)
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, "cat.png"), []byte("mine"), longAgo)
		write(t, filepath.Join(dir, "same size.png"), append(cat[:len(cat):len(cat)], "SAME SIZE.PNG"...), longAgo)
		if err := os.Mkdir(filepath.Join(dir, "folder.png"), 0o777); err != nil {
			t.Fatal(err)
		}
		outside := filepath.Join(t.TempDir(), "outside")
		write(t, outside, []byte("mine"), longAgo)
		if err := os.Symlink(outside, filepath.Join(dir, "link.png")); err != nil {
			t.Skip(err)
		}
		const other = ": the folder contains another file of this name; move that file to another folder, or use --overwrite"
		const noFile = ": the folder contains something of this name that is not a regular file; export to another folder"

		said, err := doExport(t.Context(), p, dir, false)
		wantError(t, err, "4 images could not be exported")
		wantLines(t, said, "cat.png"+other, "same size.png"+other, "folder.png"+noFile, "link.png"+noFile)
		wantEnd(t, said, "1 written, 0 already there, 4 failed.")
		if data, _ := os.ReadFile(filepath.Join(dir, "cat.png")); string(data) != "mine" {
			t.Error("a file was replaced without overwrite")
		}

		said, err = doExport(t.Context(), p, dir, true)
		wantError(t, err, "2 images could not be exported")
		wantLines(t, said, "folder.png"+noFile, "link.png"+noFile)
		wantEnd(t, said, "2 written, 1 already there, 2 failed.")
		for _, name := range []string{"cat.png", "same size.png"} {
			data, _ := os.ReadFile(filepath.Join(dir, name))
			if _, want := p.read(t, name); !bytes.Equal(data, want) {
				t.Errorf("%s was not replaced", name)
			}
		}
		if data, _ := os.ReadFile(outside); string(data) != "mine" {
			t.Error("a file was written through a link")
		}
	})
}

// TestExportTwice runs two exports into one folder at the same time. Neither replaces
// the files of the other.
func TestExportTwice(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		content := picture(t, 1, 0)
		p.put(t, "cat.png", content, longAgo)
		dir := t.TempDir()
		said, err := doExport(t.Context(), hooked{Images: p, fetch: func(string) error {
			said, err := doExport(t.Context(), p, dir, false)
			must(t, said, err, "1 written, 0 already there.")
			return nil
		}}, dir, false)
		must(t, said, err, "0 written, 1 already there.")
		if got := look(t, dir); len(got) != 1 {
			t.Errorf("got %v, want cat.png alone", got)
		}
	})
}

// TestExportMeanwhile deletes and replaces images after export has listed them. Such an
// image is not a failure. Export does not replace a file that another program creates
// meanwhile.
func TestExportMeanwhile(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		for i, name := range []string{"deleted.png", "replaced.png", "appears.png", "kept.png"} {
			p.put(t, name, picture(t, uint64(i), 0), longAgo)
		}
		dir := t.TempDir()
		said, err := doExport(t.Context(), hooked{Images: p, fetch: func(name string) error {
			switch name {
			case "deleted.png":
				return p.store.Delete(t.Context(), name, db.DeleteOptions{})
			case "replaced.png":
				_, _, err := p.store.Put(t.Context(), name, bytes.NewReader(picture(t, 50, 0)), db.PutOptions{Conflict: db.Replace})
				return err
			case "appears.png":
				write(t, filepath.Join(dir, name), []byte("mine"), longAgo)
			}
			return nil
		}}, dir, false)
		wantError(t, err, "1 image could not be exported")
		wantLines(t, said,
			"deleted.png: deleted or replaced meanwhile", "replaced.png: deleted or replaced meanwhile",
			"appears.png: another program has just created a file of this name; move that file to another folder, or use --overwrite")
		wantEnd(t, said, "1 written, 0 already there, 2 deleted or replaced meanwhile, 1 failed.")
		if files := look(t, dir); len(files) != 2 || files["appears.png"].data != "mine" {
			t.Errorf("the folder has %d files, want 2", len(files))
		}
	})
}

// TestExportInterrupted stops an export before its end. Every file in the folder is
// complete, and the next run writes the other files.
func TestExportInterrupted(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		const n = 100
		for i := range n {
			p.put(t, fmt.Sprintf("%d.png", i), picture(t, uint64(i), 200_000), longAgo)
		}
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		var fetched atomic.Int64
		_, err := doExport(ctx, hooked{Images: p, fetch: func(string) error {
			if fetched.Add(1) == 40 {
				cancel()
			}
			return nil
		}}, dir, false)
		wantError(t, err, "interrupted; stopped after ", " of 100; run the command again to continue")
		files := look(t, dir)
		if len(files) < 20 || len(files) > 60 {
			t.Errorf("%d files were written, want about 40, the number before the interruption", len(files))
		}
		for name, file := range files {
			if _, want := p.read(t, name); file.data != string(want) {
				t.Errorf("%s is not complete", name)
			}
		}
		said, err := doExport(t.Context(), p, dir, false)
		must(t, said, err, fmt.Sprintf("%d written, %d already there.", n-len(files), len(files)))
	})
}

// TestExportLeftovers checks that export deletes parts of interrupted exports after a
// day, and that import skips the parts.
func TestExportLeftovers(t *testing.T) {
	t.Parallel()
	p := newDataFile(t, intake.Rules{})
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".imageserver-OLD.part"), picture(t, 1, 0), time.Now().Add(-25*time.Hour))
	write(t, filepath.Join(dir, ".imageserver-NEW.part"), picture(t, 2, 0), time.Now())
	write(t, filepath.Join(dir, ".imageserver-OLD.png"), picture(t, 3, 0), time.Now().Add(-25*time.Hour))
	said, err := doExport(t.Context(), p, dir, false)
	must(t, said, err, "0 written, 0 already there.")
	if files := look(t, dir); len(files) != 2 || files[".imageserver-OLD.part"].data != "" {
		t.Errorf("the folder has %d files, want the new part and the file that is not a part", len(files))
	}
	said, err = doImport(t.Context(), p, dir)
	must(t, said, err, "0 stored, 0 already there, 2 hidden.")
}

// TestExportFails checks that an error that concerns all images ends the export.
func TestExportFails(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		for i := range 100 {
			p.put(t, fmt.Sprintf("%d.png", i), picture(t, uint64(i), 0), longAgo)
		}
		file := filepath.Join(t.TempDir(), "file")
		write(t, file, nil, longAgo)
		_, err := doExport(t.Context(), p, file, false)
		wantError(t, err, file)

		var fetched atomic.Int64
		dir := t.TempDir()
		_, err = doExport(t.Context(), hooked{Images: p, fetch: func(string) error {
			if fetched.Add(1) > 10 {
				return errTest
			}
			return nil
		}}, dir, false)
		wantError(t, err, errTest.Error(), "stopped after")
		if n := fetched.Load(); n > 40 {
			t.Errorf("it fetched %d more images", n-10)
		}

		removed := filepath.Join(t.TempDir(), "removed")
		_, err = doExport(t.Context(), hooked{Images: p, fetch: func(string) error { return os.RemoveAll(removed) }}, removed, false)
		wantError(t, err, "stopped after")
	})
}
