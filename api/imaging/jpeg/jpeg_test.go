package jpeg_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"

	imaging "imageserver/api/imaging/jpeg"
)

// decoded is a picture whose rows were all read.
type decoded struct {
	*imaging.Picture
	pix [][]byte // of each plane
}

// decodeAll decodes a picture. n is the size of the samples, see Scale.
func decodeAll(t testing.TB, data []byte, n ...int) decoded {
	t.Helper()
	d, err := tryDecode(data, n...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tryDecode does the same, and returns the error of Open or Err.
func tryDecode(data []byte, n ...int) (decoded, error) {
	p, err := imaging.Open(bytes.NewReader(data), nil)
	if err != nil {
		return decoded{}, err
	}
	if n != nil {
		p.Scale(n...)
	}
	d := decoded{p, make([][]byte, len(p.Planes))}
	for y := 0; y < p.Height; y++ {
		for i, l := range p.Planes {
			for len(d.pix[i])/l.Stride < min(l.Height, int(float64(y+1)*l.Down)) || y == p.Height-1 && len(d.pix[i])/l.Stride < l.Height {
				d.pix[i] = append(d.pix[i], l.Rows(len(d.pix[i])/l.Stride, 1)...)
			}
		}
	}
	return d, p.Err()
}

// difference returns the largest difference of a sample to the result of image/jpeg. It
// returns 0 if m has another type than YCbCr, grey, CMYK or RGBA.
func (d decoded) difference(m image.Image) (most int) {
	switch m := m.(type) {
	case *image.Gray:
		return d.planeDifference(0, func(x, y int) byte { return m.GrayAt(x, y).Y })
	case *image.YCbCr:
		for i := range 3 {
			most = max(most, d.planeDifference(i, func(x, y int) byte {
				if i == 0 {
					return m.Y[y*m.YStride+x]
				}
				return [][]byte{m.Cb, m.Cr}[i-1][y*m.CStride+x]
			}))
		}
	case *image.RGBA:
		for i := range 3 {
			most = max(most, d.pixelDifference(i, func(x, y int) byte { return m.Pix[m.PixOffset(x, y)+i] }))
		}
	case *image.CMYK:
		for i := range 4 {
			if d.Model == imaging.YCCK && i < 3 {
				continue // image/jpeg has converted these components
			}
			most = max(most, d.pixelDifference(i, func(x, y int) byte { return 255 - m.Pix[m.PixOffset(x, y)+i] }))
		}
	}
	return most
}

// planeDifference compares the samples of a plane.
func (d decoded) planeDifference(i int, want func(x, y int) byte) (most int) {
	l := d.Planes[i]
	for y := range l.Height {
		for x := range l.Width {
			diff := int(d.pix[i][y*l.Stride+x]) - int(want(x, y))
			most = max(most, diff, -diff)
		}
	}
	return most
}

// pixelDifference compares the sample that each pixel has in a plane.
func (d decoded) pixelDifference(i int, want func(x, y int) byte) (most int) {
	l := d.Planes[i]
	for y := range d.Height {
		for x := range d.Width {
			diff := int(d.pix[i][int(float64(y)*l.Down)*l.Stride+int(float64(x)*l.Across)]) - int(want(x, y))
			most = max(most, diff, -diff)
		}
	}
	return most
}

// photos returns the JPEGs of testdata, and of the corpus if it is there.
func photos(t testing.TB) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for _, pattern := range []string{"../../../testdata/*.jpg", "../../../../shared/corpus/jpeg/*", "../../../../shared/corpus/orientation/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			t.Logf("skipped: there is no %s", pattern)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(name)] = data
		}
	}
	return all
}

// TestWhole compares pictures in full size with the result of image/jpeg.
func TestWhole(t *testing.T) {
	t.Parallel()
	for name, data := range photos(t) {
		if name == "scans.jpg" {
			continue // see TestScans
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := jpeg.Decode(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if most := decodeAll(t, data).difference(want); most > 1 {
				t.Errorf("got a difference of %d, want 1 and less", most)
			}
		})
	}
}

// TestScans decodes a sequential JPEG in several scans. It has the coefficients of another
// sample. image/jpeg does not decode it: it counts blocks outside of the picture, which such
// scans do not have, when it looks for restart markers.
func TestScans(t *testing.T) {
	t.Parallel()
	all := photos(t)
	for _, n := range []int{1, 2, 4, 8} {
		got, want := decodeAll(t, all["scans.jpg"], n, n, n, n), decodeAll(t, all["restarts.jpg"], n, n, n, n)
		for i, l := range want.Planes {
			if most := got.planeDifference(i, func(x, y int) byte { return want.pix[i][y*l.Stride+x] }); most > 0 {
				t.Errorf("%d/8, plane %d: got a difference of %d, want 0", n, i, most)
			}
		}
	}
}

// TestCheck: the check is called for every 1024 MCUs of a scan, and its error ends the
// decoding. The picture is progressive, so its scan is decoded before the first row is known.
func TestCheck(t *testing.T) {
	t.Parallel()
	const side = 2048
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, side, side)), nil); err != nil {
		t.Fatal(err)
	}
	data := bytes.Replace(b.Bytes(), []byte("\xff\xc0"), []byte("\xff\xc2"), 1)
	data = bytes.Replace(data, []byte("\x00\x3f\x00"), []byte("\x00\x00\x00"), 1)
	asked, stop := 0, errors.New("stop")
	p, err := imaging.Open(bytes.NewReader(data), func() error {
		if asked++; asked > side*side/64/1024/2 {
			return stop
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	row := p.Planes[0].Rows(0, 1)
	if err := p.Err(); !errors.Is(err, stop) || row[0] != 128 {
		t.Errorf("got %v and samples of %d after the first row, want %v and 128", err, row[0], stop)
	}
}

// TestReduced transforms the blocks of pictures in full size to coefficients, and those of
// the lowest frequencies back to fewer samples, with the formulas of A.3.3. The samples of
// the reduced picture must be the same, except for rounding. A block with black or white
// samples is left out: its coefficients are not known.
func TestReduced(t *testing.T) {
	t.Parallel()
	for name, data := range photos(t) {
		if len(data) > 100<<10 {
			continue // the formulas are slow
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := decodeAll(t, data)
			for _, n := range []int{1, 2, 4} {
				reduced := decodeAll(t, data, n, n, n, n)
				for i := range reduced.Planes {
					if most := reduced.blockDifference(whole, i, n); most > 1.6 {
						t.Errorf("%d/8, plane %d: got a difference of %.2f, want 1.6 and less", n, i, most)
					}
				}
			}
		})
	}
}

// blockDifference returns the largest difference between a sample of a plane and the sample
// that the formulas give for it.
func (d decoded) blockDifference(whole decoded, i, n int) (most float64) {
	l, w := d.Planes[i], whole.Planes[i]
	for y := range w.Height / 8 {
		for x := range w.Width / 8 {
			want, ok := reducedBlock(whole.pix[i][y*8*w.Stride+x*8:], w.Stride, n)
			for j, v := range want {
				if at := (y*n+j/n)*l.Stride + x*n + j%n; ok {
					most = max(most, math.Abs(float64(d.pix[i][at])-max(0, min(255, v))))
				}
			}
		}
	}
	return most
}

// reducedBlock returns n × n samples for the 8 × 8 samples of a block. It reports whether
// the samples are not limited.
func reducedBlock(pix []byte, stride, n int) (out []float64, ok bool) {
	var rows [8][]float64
	for y := range rows {
		for _, v := range pix[y*stride:][:8] {
			rows[y] = append(rows[y], float64(v))
			if v == 0 || v == 255 {
				return nil, false
			}
		}
		rows[y] = reducedLine(rows[y], n)
	}
	out = make([]float64, n*n)
	for x := range n {
		var column []float64
		for y := range rows {
			column = append(column, rows[y][x])
		}
		for y, v := range reducedLine(column, n) {
			out[y*n+x] = v
		}
	}
	return out, true
}

// reducedLine transforms 8 samples to coefficients, and n of these to samples.
func reducedLine(samples []float64, n int) []float64 {
	out := make([]float64, n)
	for u := range n {
		scale := 0.5
		if u == 0 {
			scale = 0.5 / math.Sqrt2
		}
		sum := 0.0
		for x, v := range samples {
			sum += scale * v * math.Cos(float64(2*x+1)*float64(u)*math.Pi/16)
		}
		for x := range out {
			out[x] += scale * sum * math.Cos(float64(2*x+1)*float64(u)*math.Pi/float64(2*n))
		}
	}
	return out
}
