package strip_test

import (
	"os"
	"testing"
)

// corpus is a folder with images of other projects: PngSuite, photographs in all
// orientations, and the test images of libwebp and Pillow. They belong to others, so
// they are stored outside of the project.
const corpus = "../../../../shared/corpus"

// readCorpus returns the JPEG, PNG and WebP images of the corpus, or nil if the corpus is
// missing.
func readCorpus(t testing.TB) (samples []sample) {
	t.Helper()
	if _, err := os.Stat(corpus); err != nil {
		return nil
	}
	for _, folder := range []string{"jpeg", "orientation", "png", "webp"} {
		samples = append(samples, glob(t, corpus+"/"+folder+"/*.*")...)
	}
	return samples
}

func TestCorpus(t *testing.T) {
	samples := readCorpus(t)
	if samples == nil {
		t.Skip("the corpus is missing: ", corpus)
	}
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) { testWhole(t, s) })
	}
}
