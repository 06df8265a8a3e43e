package resize_test

import (
	"math"
	"testing"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		w, h         int // of the picture
		boxW, boxH   int
		cover        bool
		wantW, wantH int
	}{
		{4000, 3000, 0, 0, false, 4000, 3000},
		{4000, 3000, 320, 0, false, 320, 240},
		{4000, 3000, 0, 320, false, 427, 320},
		{4000, 3000, 320, 320, false, 320, 240},
		{3000, 4000, 320, 320, false, 240, 320},
		{4000, 3000, 320, 100, false, 133, 100},
		{4000, 3000, 320, 320, true, 320, 320},
		{4000, 3000, 64, 1280, true, 64, 1280},
		{4000, 3000, 4000, 3000, false, 4000, 3000},
		{4000, 3000, 4000, 3000, true, 4000, 3000},

		// The box is larger.
		{100, 50, 200, 200, false, 100, 50},
		{100, 50, 200, 0, false, 100, 50},
		{100, 50, 0, 200, false, 100, 50},
		{100, 50, 64, 200, false, 64, 32},
		{100, 50, 200, 200, true, 50, 50},
		{100, 50, 200, 100, true, 100, 50},
		{100, 50, 64, 64, true, 50, 50},
		{100, 50, 4096, 16, true, 100, 1}, // 0.4 pixels high
		{100, 50, 16, 4096, true, 1, 50},

		// Cover has no effect if a side of the box has no limit.
		{4000, 3000, 320, 0, true, 320, 240},
		{4000, 3000, 0, 320, true, 427, 320},
		{4000, 3000, 0, 0, true, 4000, 3000},

		// Thin pictures.
		{10000, 1, 320, 0, false, 320, 1},
		{10000, 1, 0, 320, false, 10000, 1},
		{10000, 1, 320, 320, true, 1, 1},
		{1, 10000, 320, 320, false, 1, 320},
		{1, 10000, 320, 0, false, 1, 10000},
		{1, 1, 16, 16, false, 1, 1},
		{1, 1, 16, 4096, true, 1, 1},
		{3, 2, 2, 2, false, 2, 1},
		{math.MaxInt32, math.MaxInt32, 16, 4096, false, 16, 16},
		{math.MaxInt32, 1, 16, 4096, true, 1, 1},
	} {
		p := resize.Request{Width: test.boxW, Height: test.boxH, Cover: test.cover, Quality: 80}.Plan(test.w, test.h)
		if p.Width != test.wantW || p.Height != test.wantH {
			t.Errorf("%d × %d in %d × %d, cover %v: got %d × %d, want %d × %d",
				test.w, test.h, test.boxW, test.boxH, test.cover, p.Width, p.Height, test.wantW, test.wantH)
		}
	}
}

// TestPlanHolds tries many boxes. A variant is never larger than its picture and has at
// least one pixel. A variant that covers its box has the aspect ratio of the box.
func TestPlanHolds(t *testing.T) {
	t.Parallel()
	sides := append(resize.Steps(), 1, 2, 3, 41, 63, 100, 999, 10000)
	for _, w := range sides {
		for _, h := range sides {
			for _, boxW := range append(resize.Steps(), 0) {
				for _, boxH := range append(resize.Steps(), 0) {
					for _, cover := range []bool{false, true} {
						p := resize.Request{Width: boxW, Height: boxH, Cover: cover}.Plan(w, h)
						if p.Width < 1 || p.Height < 1 || p.Width > w || p.Height > h {
							t.Fatalf("%d × %d in %d × %d, cover %v: got %v", w, h, boxW, boxH, cover, p)
						}
						if !p.Cover {
							continue
						}
						if shorter := min(p.Width, p.Height); shorter > 1 && !sameShape(p.Width, p.Height, boxW, boxH) {
							t.Fatalf("%d × %d covers %d × %d: got %v, want the aspect ratio of the box", w, h, boxW, boxH, p)
						}
					}
				}
			}
		}
	}
}

// sameShape reports whether w × h has the aspect ratio of a × b, except for rounding to
// whole pixels.
func sameShape(w, h, a, b int) bool {
	f := float64(w) / float64(a)
	g := float64(h) / float64(b)
	return math.Abs(f-g) <= 0.5001/float64(a)+0.5001/float64(b)
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ n, want int }{{1, 16}, {16, 16}, {17, 24}, {320, 320}, {321, 400}, {4095, 4096}, {resize.MaxSide, resize.MaxSide}} {
		if got := resize.Step(test.n); got != test.want {
			t.Errorf("Step(%d): got %d, want %d", test.n, got, test.want)
		}
	}
	for _, test := range []struct{ q, want int }{{1, 40}, {40, 40}, {41, 60}, {80, 80}, {81, 90}, {91, 100}, {100, 100}} {
		if got := resize.Quality(test.q); got != test.want {
			t.Errorf("Quality(%d): got %d, want %d", test.q, got, test.want)
		}
	}
	if got := resize.Quality(resize.DefaultQuality); got != resize.DefaultQuality {
		t.Errorf("Quality(DefaultQuality): got %d, want %d", got, resize.DefaultQuality)
	}
	for i, n := range resize.Steps()[1:] {
		if before := resize.Steps()[i]; n <= before {
			t.Errorf("step %d follows %d, want a larger one", n, before)
		}
	}
	resize.Steps()[0] = 999
	if got := resize.Steps()[0]; got != 16 {
		t.Errorf("a caller has changed the first step to %d", got)
	}
}

// TestPlanNames: different plans have different strings.
func TestPlanNames(t *testing.T) {
	t.Parallel()
	names := make(map[string]resize.Plan)
	for _, w := range []int{1, 11, 111} {
		for _, h := range []int{1, 11, 111} {
			for _, cover := range []bool{false, true} {
				for _, f := range []format.Type{"", format.JPEG, format.PNG} {
					for _, q := range []int{0, 1, 80, 100} {
						for _, focus := range []resize.Focus{{}, {X: 1}, {Y: 1}, {X: -1}, {X: 10, Y: -10}} {
							p := resize.Plan{Width: w, Height: h, Cover: cover, Format: f, Quality: q, Focus: focus}
							if other, ok := names[p.String()]; ok {
								t.Errorf("%+v and %+v have the same string %q", p, other, p)
							}
							names[p.String()] = p
						}
					}
				}
			}
		}
	}
	same := func(q int) resize.Plan {
		return resize.Request{Width: 320, Format: format.PNG, Quality: q}.Plan(4000, 3000)
	}
	if same(60) != same(80) {
		t.Errorf("two qualities of a PNG: got %v and %v, want equal plans", same(60), same(80))
	}
}

// TestPlanNamesStay: the variants in data files of earlier versions are found again.
func TestPlanNamesStay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		r    resize.Request
		want string
	}{
		{resize.Request{Width: 320, Quality: 80}, "3 320x240 contain auto 80"},
		{resize.Request{Width: 320, Height: 320, Cover: true, Format: format.JPEG, Quality: 60}, "3 320x320 cover jpeg 60"},
		{resize.Request{Format: format.PNG, Quality: 60}, "3 4000x3000 contain png 0"},
	} {
		if got := test.r.Plan(4000, 3000).String(); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.r, got, test.want)
		}
	}
}

// TestFocusOn: points are rounded to steps of 0.05.
func TestFocusOn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		x, y float64
		want resize.Focus
	}{
		{0.5, 0.5, resize.Focus{}}, {0, 1, resize.Focus{X: -10, Y: 10}}, {0.524, 0.476, resize.Focus{}}, {0.526, 0.474, resize.Focus{X: 1, Y: -1}}, {0.98, 0.01, resize.Focus{X: 10, Y: -10}},
	} {
		if got := resize.FocusOn(test.x, test.y); got != test.want {
			t.Errorf("%v, %v: got %v, want %v", test.x, test.y, got, test.want)
		}
	}
}

// TestPlanFocus: a plan has a focus only if that changes the crop.
func TestPlanFocus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		w, h, boxW, boxH int
		cover            bool
		focus, want      resize.Focus
	}{
		{4000, 3000, 320, 320, true, resize.Focus{X: 1, Y: 1}, resize.Focus{X: 1}},
		{4000, 3000, 320, 320, true, resize.Focus{X: 10, Y: 1}, resize.Focus{X: 3}}, // from 2.5 on, the right edge stops the crop
		{3000, 4000, 320, 320, true, resize.Focus{X: 10, Y: -9}, resize.Focus{Y: -3}},
		{4000, 3000, 64, 1280, true, resize.Focus{X: -10}, resize.Focus{X: -10}},
		{4000, 3000, 640, 512, false, resize.Focus{X: -10}, resize.Focus{}},
		{4000, 3000, 320, 0, true, resize.Focus{X: -10}, resize.Focus{}},
		{4096, 2048, 400, 200, true, resize.Focus{X: -10, Y: 10}, resize.Focus{}},
		{1, 1, 16, 16, true, resize.Focus{X: -10, Y: 10}, resize.Focus{}},
		{math.MaxInt32, 1, 16, 4096, true, resize.Focus{X: -10, Y: 10}, resize.Focus{X: -10}},
	} {
		r := resize.Request{Width: test.boxW, Height: test.boxH, Cover: test.cover, Focus: test.focus}
		if got := r.Plan(test.w, test.h).Focus; got != test.want {
			t.Errorf("%+v of %d × %d: got %v, want %v", r, test.w, test.h, got, test.want)
		}
	}
	different := make(map[resize.Plan]bool)
	for x := -10; x <= 10; x++ {
		for y := -10; y <= 10; y++ {
			different[resize.Request{Width: 16, Height: 4096, Cover: true, Focus: resize.Focus{X: x, Y: y}}.Plan(4000, 3000)] = true
		}
	}
	if len(different) != 21 {
		t.Errorf("got %d plans for one box, want 21", len(different))
	}
}

func TestIsOriginal(t *testing.T) {
	t.Parallel()
	jpeg := format.Info{Type: format.JPEG, Width: 60, Height: 40, Orientation: 1}
	turned := jpeg
	turned.Orientation = 2
	for _, test := range []struct {
		p    resize.Plan
		info format.Info
		want bool
	}{
		{resize.Plan{Width: 60, Height: 40}, jpeg, true},
		{resize.Plan{Width: 60, Height: 40, Format: format.JPEG}, jpeg, true},
		{resize.Plan{Width: 60, Height: 40, Format: format.PNG}, jpeg, false},
		{resize.Plan{Width: 60, Height: 40}, turned, false},
		{resize.Plan{Width: 40, Height: 40, Cover: true}, jpeg, false},
		{resize.Plan{Width: 60, Height: 39}, jpeg, false},
	} {
		if got := test.p.IsOriginal(resize.Source{Info: test.info}); got != test.want {
			t.Errorf("%v of %v: got %v, want %v", test.p, test.info, got, test.want)
		}
	}
}
