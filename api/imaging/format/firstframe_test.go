package format_test

import (
	"errors"
	"image"
	"strings"
	"testing"
	"testing/iotest"

	"imageserver/api/imaging/format"
)

func TestReadFirstFrame(t *testing.T) {
	still := png(60, 40) + chunk("acTL", be(2, 4)+be(0, 4))
	control := func(x, y, w, h int64) string {
		return chunk("fcTL", be(0, 4)+be(w, 4)+be(h, 4)+be(x, 4)+be(y, 4)+"\x00\x01\x00\x0a\x00\x00")
	}
	picture := chunk("IDAT", "12345")
	hidden := still + picture + chunk("tEXt", "") + control(10, 20, 50, 20)
	frame := func(x, y, w, h int64, content string) string {
		return chunkLE("ANMF", le(x/2, 3)+le(y/2, 3)+le(w-1, 3)+le(h-1, 3)+"\x00\x00\x00\x00"+content)
	}
	chunks := chunkLE("VP8 ", "1234")
	webp := riff(flagged(), frame(20, 8, 40, 32, chunks), frame(0, 0, 1, 1, chunks))
	for _, c := range []struct {
		name    string
		typ     format.Type
		content string
		want    format.FirstFrame
		damaged bool
	}{
		{"the picture", format.PNG, still + control(0, 0, 60, 40) + picture + picture + control(0, 0, 1, 1), format.FirstFrame{Place: image.Rect(0, 0, 60, 40), Size: int64(len(still + control(0, 0, 60, 40) + picture + picture))}, false},
		{"the picture at the end", format.PNG, still + control(0, 0, 60, 40) + picture, format.FirstFrame{}, false},
		{"a hidden picture", format.PNG, hidden + "rest", format.FirstFrame{Place: image.Rect(10, 20, 60, 40), Off: int64(len(hidden)), Size: 4}, false},
		{"a hidden picture at the end", format.PNG, hidden[:len(hidden)-2], format.FirstFrame{Place: image.Rect(10, 20, 60, 40), Off: int64(len(hidden))}, false},
		{"a picture without frames", format.PNG, still + picture + chunk("IEND", ""), format.FirstFrame{}, false},
		{"a frame too wide", format.PNG, still + picture + control(11, 20, 50, 20), format.FirstFrame{}, true},
		{"a frame too high", format.PNG, still + picture + control(10, 21, 50, 20), format.FirstFrame{}, true},
		{"a frame of 0 pixels", format.PNG, still + picture + control(10, 20, 0, 20), format.FirstFrame{}, true},
		{"a frame far away", format.PNG, still + picture + control(1<<32-1, 0, 1<<32-1, 20), format.FirstFrame{}, true},
		{"a frame that is cut off", format.PNG, still + picture + chunk("fcTL", be(0, 4)), format.FirstFrame{}, true},
		{"a lossy frame", format.WebP, webp, format.FirstFrame{Place: image.Rect(20, 8, 60, 40), Off: int64(strings.Index(webp, chunks)), Size: int64(len(chunks))}, false},
		{"a frame with transparency", format.WebP, riff(flagged(), frame(0, 0, 60, 40, "ALPH")), format.FirstFrame{Place: image.Rect(0, 0, 60, 40), Off: 12 + 18 + 24, Size: 4, Alpha: true}, false},
		{"a frame too wide", format.WebP, riff(flagged(), frame(22, 8, 40, 32, chunks)), format.FirstFrame{}, true},
		{"a frame too high", format.WebP, riff(flagged(), frame(20, 10, 40, 32, chunks)), format.FirstFrame{}, true},
		{"an empty frame", format.WebP, riff(flagged(), frame(0, 0, 1, 1, "")), format.FirstFrame{}, true},
		{"a frame without a canvas", format.WebP, riff(frame(0, 0, 1, 1, chunks)), format.FirstFrame{}, true},
		{"no frame", format.WebP, riff(flagged()), format.FirstFrame{}, true},
		{"any", format.GIF, gifScreen, format.FirstFrame{}, false},
		{"any", format.AVIF, ftyp("avis"), format.FirstFrame{}, false},
	} {
		got, err := format.ReadFirstFrame(strings.NewReader(c.content), int64(len(c.content)), c.typ)
		if got != c.want || errors.Is(err, format.ErrMalformed) != c.damaged || err != nil && !c.damaged {
			t.Errorf("%s: %s: got %+v, %v, want %+v, and damaged %v", c.typ, c.name, got, err, c.want, c.damaged)
		}
		if _, err := format.ReadFirstFrame(failingReaderAt{}, 1<<20, c.typ); (c.typ == format.PNG || c.typ == format.WebP) != errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("%s: got %v of a reader that fails", c.typ, err)
		}
	}
}
