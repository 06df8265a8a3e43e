package strip_test

import (
	"os"
	"testing"
)

// corpus are images of others: PngSuite, photographs in all orientations, the test
// images of libwebp and Pillow. They are not ours to give away, so they lie outside
// of the project.
const corpus = "../../../../shared/corpus"

// readCorpus returns what begins like a JPEG, PNG or WebP, if it is there.
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
		t.Skip("there is no ", corpus)
	}
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) { testWhole(t, s) })
	}
}
