package codec

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"imageserver/api/imaging/format"
)

// TestMemory compares the result of Memory with the memory that the decoder needs. The pictures
// are made by heif-enc and avifenc, or match the environment variable SAMPLES.
func TestMemory(t *testing.T) {
	t.Parallel()
	decoders := make(map[format.Type]*Decoder)
	for _, typ := range Types() {
		d, err := Open(t.Context(), typ, filepath.Join(os.TempDir(), "imageserver-test-codecs"))
		if err != nil {
			t.Fatal(err)
		}
		decoders[typ] = d
	}
	files, _ := filepath.Glob(os.Getenv("SAMPLES"))
	if len(files) == 0 {
		files = encode(t)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, size := bytes.NewReader(data), int64(len(data))
		info, err := format.Detect(r, size)
		if err != nil {
			t.Fatal(err)
		}
		h, err := format.ReadHEIF(r, size)
		if err != nil {
			t.Fatal(err)
		}
		p, err := decoders[info.Type].Decode(t.Context(), h, data, 4<<30)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		limit, pixels := Memory(info.Type, h, size), float64(h.Width*h.Height)
		for _, i := range p.instances {
			used := int64(i.module.Memory().Size())
			t.Logf("%s: %.1f MiB, %.1f bytes for each pixel without the file, %.0f %% of the limit", filepath.Base(file), float64(used)/(1<<20), float64(used-size)/pixels, 100*float64(used)/float64(limit))
			if used > limit {
				t.Errorf("%s: more than the limit of %d bytes", file, limit)
			}
		}
		p.Close()
	}
}

// encode makes files that have samples of different depths and ratios.
func encode(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	run := func(out string, command ...string) {
		out = filepath.Join(dir, out)
		if said, err := exec.Command(command[0], append(command[1:], out)...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %.200s", command[0], err, said)
		}
		files = append(files, out)
	}
	sample, err := filepath.Abs("../../../testdata/photo-444.jpg")
	if err != nil {
		t.Fatal(err)
	}
	for _, chroma := range []string{"420", "422", "444"} {
		run(chroma+".heic", "heif-enc", "-p", "preset=ultrafast", "-p", "chroma="+chroma, sample, "-o")
		for _, depth := range []string{"8", "10"} {
			run(chroma+"-"+depth+".avif", "avifenc", "-s", "10", "-d", depth, "-y", chroma, sample)
		}
	}
	return files
}
