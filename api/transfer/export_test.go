package transfer_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imageserver/api"
	"imageserver/api/intake"
	"imageserver/db"
)

// odd has unusual names of images, and the names of the exported files.
var odd = map[string]string{
	"cat.png":                         "cat.png",
	"Cat.png":                         "Cat-2.png",
	"two words.png":                   "two words.png",
	"café.png":                        "café.png",
	"日本 🐈.png":                        "日本 🐈.png",
	"10:30.png":                       "10_30.png",
	"a?b*c|\"<>.png":                  "a_b_c____.png",
	"con.png":                         "_con.png",
	"50% #1 & +.png":                  "50% #1 & +.png",
	"-rf.png":                         "-rf.png",
	"no extension":                    "no extension",
	"a.b.c.tar.gz":                    "a.b.c.tar.gz",
	"🏳️.png":                          "🏳️.png",
	"می\u200cخ👨\u200d👩.png":           "می\u200cخ👨\u200d👩.png",
	strings.Repeat("l", 251) + ".png": strings.Repeat("l", 251) + ".png",
	strings.Repeat("é", 125) + ".png": strings.Repeat("é", 125) + ".png",
}

// fill stores an image under each of the odd names, and a large image. It returns the
// bytes of the images by name.
func fill(t *testing.T, p place) map[string][]byte {
	t.Helper()
	contents := map[string][]byte{"large.png": picture(t, 1000, 5<<20)}
	for name := range odd {
		contents[name] = picture(t, uint64(len(contents)), len(contents)*10_000)
	}
	for name, data := range contents {
		at := longAgo.Add(time.Duration(len(p.stored(t))) * time.Second)
		if name == "cat.png" {
			at = longAgo.Add(-time.Hour) // before Cat.png
		}
		p.put(t, name, data, at)
	}
	return contents
}

// TestExport checks that every image becomes a file with the same bytes, the upload time
// and, if possible, the same name. A second run writes nothing.
func TestExport(t *testing.T) {
	t.Parallel()
	everywhere(t, intake.Rules{}, func(t *testing.T, p place) {
		contents := fill(t, p)
		var lines []string
		for name, file := range odd {
			if name != file {
				lines = append(lines, fmt.Sprintf("%s: written as %s", name, file))
			}
		}
		dir := filepath.Join(t.TempDir(), "new", "folder")
		said, err := doExport(t.Context(), p, dir, false)
		must(t, said, err, fmt.Sprintf("%d written, 0 already there.", len(contents)))
		wantLines(t, said, lines...)
		before := look(t, dir)
		if len(before) != len(contents) {
			t.Errorf("the folder has %d files, want %d", len(before), len(contents))
		}
		for name, data := range contents {
			file, changed := odd[name]
			if !changed {
				file = name
			}
			img, _ := p.read(t, name)
			got, ok := before[file]
			switch {
			case !ok:
				t.Errorf("%s: the file %q is missing", name, file)
			case got.data != string(data):
				t.Errorf("%s: got %d bytes that differ", name, len(got.data))
			case !near(got.at, img.Uploaded):
				t.Errorf("%s: the file has the time %v, want the upload time %v", name, got.at, img.Uploaded)
			}
		}

		said, err = doExport(t.Context(), p, dir, false)
		must(t, said, err, fmt.Sprintf("0 written, %d already there.", len(contents)))
		for i := range lines {
			lines[i] = strings.Replace(lines[i], ": written as", ": already there as", 1)
		}
		wantLines(t, said, lines...)
		if diff := cmp.Diff(before, look(t, dir), cmp.AllowUnexported(found{})); diff != "" {
			t.Errorf("the second run changed (-first +second):\n%.2000s", diff)
		}

		p.put(t, "later.png", picture(t, 2000, 0), time.Time{})
		said, err = doExport(t.Context(), p, dir, false)
		must(t, said, err, fmt.Sprintf("1 written, %d already there.", len(contents)))
	})
}

// near reports whether the times of two files differ by at most a microsecond. On Windows
// it does not compare the times.
func near(a, b time.Time) bool { return a.Sub(b).Abs() < time.Microsecond || runtime.GOOS == "windows" }

// found is a file in a folder.
type found struct {
	data string
	at   time.Time
	mode os.FileMode
}

// look returns the files in dir by name.
func look(t *testing.T, dir string) map[string]found {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]found{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = found{string(data), info.ModTime(), info.Mode()}
	}
	return files
}

// TestRoundTrip exports images from each kind of place and imports them into each kind.
// The images must be the same. If no file can have the name of an image, the imported
// image has the name of the file.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for from, open := range places {
		for to, openOther := range places {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				p, other := open(t, intake.Rules{}), openOther(t, intake.Rules{})
				contents := fill(t, p)
				dir := t.TempDir()
				if _, err := doExport(t.Context(), p, dir, false); err != nil {
					t.Fatal(err)
				}
				said, err := doImport(t.Context(), other, dir)
				must(t, said, err, fmt.Sprintf("%d stored, 0 already there.", len(contents)))
				want := p.stored(t)
				for i, img := range want {
					if file := odd[img.Name]; file != "" {
						want[i].Name = file
					}
				}
				times := cmpopts.EquateApproxTime(map[bool]time.Duration{true: time.Microsecond}[runtime.GOOS == "windows"])
				if diff := cmp.Diff(want, other.stored(t), times, cmpopts.IgnoreFields(db.Image{}, "DeleteKeyHash")); diff != "" {
					t.Errorf("images (-exported +imported):\n%s", diff)
				}
			})
		}
	}
}

// TestServerBehindPath imports and exports with a server under a path of a proxy.
func TestServerBehindPath(t *testing.T) {
	t.Parallel()
	p := newDataFile(t, intake.Rules{})
	images := serveAt(t, http.StripPrefix("/img", api.New(p.store, http.NotFoundHandler(), api.Options{Log: quiet})), "/img/")
	path := filepath.Join(t.TempDir(), "50% #1.png")
	write(t, path, picture(t, 1, 0), longAgo)
	said, err := doImport(t.Context(), images, path)
	must(t, said, err, "1 stored, 0 already there.")
	said, err = doExport(t.Context(), images, t.TempDir(), false)
	must(t, said, err, "1 written, 0 already there.")
}
