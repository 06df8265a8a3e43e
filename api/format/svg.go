package format

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

const svgNamespace = "http://www.w3.org/2000/svg"

var (
	svgTag     = regexp.MustCompile(`^<(?:[\w.-]+:)?svg[\s/>]`)
	svgDoctype = regexp.MustCompile(`^<!DOCTYPE\s+(?:[\w.-]+:)?svg(?:\s(?:[^\[>]|\[[^\]]*\])*)?>`)
)

func beginsSVG(head []byte) bool {
	_, root := splitSVG(head)
	return root != nil
}

// splitSVG separates what may stand before the root element (XML 1.0, 2.8) from
// its tag. There is no root, and no SVG, in UTF-16 and in anything with the
// DOCTYPE of HTML.
func splitSVG(head []byte) (prolog, root []byte) {
	rest := bytes.TrimPrefix(head, []byte("\ufeff"))
	for {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		switch {
		case bytes.HasPrefix(rest, []byte("<?")):
			_, rest, _ = bytes.Cut(rest, []byte("?>"))
		case bytes.HasPrefix(rest, []byte("<!--")):
			_, rest, _ = bytes.Cut(rest[len("<!--"):], []byte("-->"))
		case svgDoctype.Match(rest):
			rest = rest[len(svgDoctype.Find(rest)):]
		case svgTag.Match(rest):
			return head[:len(head)-len(rest)], rest
		default:
			return nil, nil
		}
	}
}

// svgHead is how much of the file is looked at for the root element's tag.
const svgHead = 32 << 10

// measureSVG reads the tag of the root element with an XML parser that knows no
// entities. Declared ones are refused: they can make of a short file gigabytes,
// at the expense of whoever views it.
//
// The encoding does not matter. Browsers take an SVG in an <img> for UTF-8,
// whatever it declares (Chromium 156), and all that is read here is ASCII.
func measureSVG(file section) (extent, error) {
	head, err := file.bytes(0, int(min(file.size, svgHead)))
	if err != nil {
		return extent{}, err
	}
	prolog, root := splitSVG(head)
	if bytes.Contains(prolog, []byte("<!ENTITY")) {
		return extent{}, errors.New("declares entities, which are not taken here: export it without them")
	}
	if file.size > svgHead {
		root = endTag(root)
	}
	token, _ := xml.NewDecoder(bytes.NewReader(root)).Token() // nil with any error
	if tag, ok := token.(xml.StartElement); ok {
		return measureSVGRoot(tag)
	}
	return extent{}, errors.New("does not begin with well-formed XML")
}

// endTag ends a tag that is cut off behind its last whole attribute. Some
// editors keep the source of a drawing in one, of any length, behind those that
// matter here.
func endTag(tag []byte) []byte {
	var quote byte
	var whole int
	for i, c := range tag {
		switch {
		case quote != 0 && c == quote:
			quote, whole = 0, i+1
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return tag
		}
	}
	return append(tag[:whole:whole], '>')
}

// measureSVGRoot takes the width and height, or those of the viewBox, or one of
// the former and the shape of the latter (SVG 2, chapter 8). Where none is said
// browsers choose, 300 × 150 if nothing else speaks against it; Chromium 156 fits
// a viewBox alone into that.
func measureSVGRoot(root xml.StartElement) (extent, error) {
	if root.Name.Space != svgNamespace {
		return extent{}, fmt.Errorf("does not name the namespace %s, without which no browser shows it", svgNamespace)
	}
	var w, h, boxW, boxH float64
	for _, a := range root.Attr {
		switch {
		case a.Name.Space != "":
		case a.Name.Local == "width":
			w = svgLength(a.Value)
		case a.Name.Local == "height":
			h = svgLength(a.Value)
		case a.Name.Local == "viewBox":
			boxW, boxH = svgViewBox(a.Value)
		}
	}
	switch {
	case w > 0 && h > 0:
	case boxW <= 0 || boxH <= 0:
		return extent{}, nil
	case w > 0:
		h = w * boxH / boxW
	case h > 0:
		w = h * boxW / boxH
	default:
		w, h = boxW, boxH
	}
	return extent{svgPixels(w), svgPixels(h)}, nil
}

// svgPixels rounds as browsers do, but never to nothing.
func svgPixels(length float64) int64 {
	return int64(math.Round(min(max(length, 1), maxSide+1)))
}

const svgNumber = `[+-]?(?:\d+|\d*\.\d+)(?:[eE][+-]?\d+)?`

var svgSize = regexp.MustCompile(`^\s*(` + svgNumber + `)([a-zA-Z]*)\s*$`)

// svgLength returns a length in pixels, or 0 where there is none that does not
// depend on the page around the image, such as a percentage.
func svgLength(s string) float64 {
	m := svgSize.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0
	}
	return n * svgUnit(strings.ToLower(m[2]))
}

// svgUnit returns a unit of CSS Values 4 in pixels, or 0. Of the units relative
// to the font, em is the initial font size, and ex and ch are the half of it
// that stands in where the font is not known (6.1.1).
func svgUnit(name string) float64 {
	switch name {
	case "", "px":
		return 1
	case "in":
		return 96
	case "cm":
		return 96 / 2.54
	case "mm":
		return 96 / 25.4
	case "q":
		return 96 / 101.6
	case "pt":
		return 96. / 72
	case "pc":
		return 16
	case "em", "rem":
		return 16
	case "ex", "ch":
		return 8
	}
	return 0
}

// svgViewBox returns the last two of four numbers, which spaces and commas
// separate (SVG 2, 8.6).
func svgViewBox(s string) (w, h float64) {
	f := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) })
	if len(f) != 4 {
		return 0, 0
	}
	return svgLength(f[2]), svgLength(f[3])
}
