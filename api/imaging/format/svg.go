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

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const svgNamespace = "http://www.w3.org/2000/svg"

var (
	svgTag     = regexp.MustCompile(`^<(?:[^\s<>/:&"'=]+:)?svg[\s/>]`)
	svgCutTag  = regexp.MustCompile(`^(?:<[^\s<>]{0,63})?$`) // or "<!DOCTYPE"
	svgDoctype = regexp.MustCompile(`^DOCTYPE\s+(?:[\w.-]+:)?svg(?:[\s\[]|$)`)
	svgEntity  = regexp.MustCompile(`<!ENTITY\s+([\w.-]+)\s+(?:"([^"<&%]*)"|'([^'<&%]*)')\s*>`)
)

const (
	// svgProlog is how far into a file the root element may begin, in bytes.
	svgProlog = 1 << 20

	// svgHead is how much is read of the tag of the root element, in bytes.
	svgHead = 32 << 10

	// Illustrator declares a dozen entities with names of namespaces, or one for each
	// style. Nested or long ones could make gigabytes of a short file in the browser of
	// whoever views it. A reference has at least 3 bytes, so that these make a file grow
	// at most 43 times.
	maxSVGEntities = 256
	maxSVGEntity   = 128 // bytes of its value
)

// svgStart is what the beginning of an SVG says.
type svgStart struct {
	root    []byte // from the tag of the root element on; nil in what is not an SVG
	doctype []byte // without "<!" and ">"; nil where there is none
	cutOff  bool   // it ends before the root element, so it may still become an SVG
}

// beginsSVG is true for what may still become an SVG, too: a comment may be longer
// than what [Sniff] sees. [Detect] sees more.
func beginsSVG(head []byte) bool {
	s := parseSVG(head)
	return s.root != nil || s.cutOff && len(head) == SniffLen
}

// parseSVG skips what may come before the root element (XML 1.0, 2.8). With the
// DOCTYPE of HTML nothing is an SVG. The encoding is UTF-8, or UTF-16 with a byte order
// mark: browsers take an SVG in an <img> for one of the two, whatever it declares
// (Chromium 156).
func parseSVG(head []byte) (s svgStart) {
	rest, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), head)
	if err != nil {
		return s
	}
	for {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		found := true
		switch {
		case bytes.HasPrefix(rest, []byte("<?")):
			_, rest, found = bytes.Cut(rest, []byte("?>"))
		case bytes.HasPrefix(rest, []byte("<!--")):
			_, rest, found = bytes.Cut(rest[len("<!--"):], []byte("-->"))
		case bytes.HasPrefix(rest, []byte("<!DOCTYPE")) && s.doctype == nil:
			s.doctype, rest, found = cutDoctype(rest)
			if found && !svgDoctype.Match(s.doctype) {
				return svgStart{}
			}
		case svgTag.Match(rest):
			s.root = rest
			return s
		default:
			s.cutOff = svgCutTag.Match(rest)
			return s
		}
		if !found {
			s.cutOff = true
			return s
		}
	}
}

// cutDoctype separates a DOCTYPE from what follows it. Comments in it become spaces.
func cutDoctype(b []byte) (doctype, rest []byte, found bool) {
	d := xml.NewDecoder(bytes.NewReader(b))
	token, err := d.RawToken()
	directive, ok := token.(xml.Directive)
	if err != nil || !ok {
		return nil, nil, false
	}
	return directive, b[d.InputOffset():], true
}

// entities returns those that the DOCTYPE declares. They are refused where they name
// files or other entities, contain tags, or are too many or too long.
func (s svgStart) entities() (map[string]string, error) {
	declared := svgEntity.FindAllSubmatch(s.doctype, maxSVGEntities+1)
	plain := len(declared) == bytes.Count(s.doctype, []byte("<!ENTITY")) && len(declared) <= maxSVGEntities
	entities := make(map[string]string, len(declared))
	for _, d := range declared {
		value := string(d[2]) + string(d[3])
		entities[string(d[1])] = value
		plain = plain && len(value) <= maxSVGEntity
	}
	if !plain {
		return nil, fmt.Errorf("declares entities that this server does not accept: export it without them, or with at most %d of plain text, %d bytes each", maxSVGEntities, maxSVGEntity)
	}
	return entities, nil
}

// measureSVG reads the tag of the root element with an XML parser that knows only the
// entities that the DOCTYPE declares.
func measureSVG(file section) (extent, error) {
	start, err := readSVG(file)
	switch {
	case err != nil:
		return extent{}, err
	case start.root == nil && start.cutOff && file.size > svgProlog:
		return extent{}, fmt.Errorf("%w: the <svg> tag of an SVG must be in the first 1 MiB", ErrUnknown)
	case start.root == nil:
		return extent{}, ErrUnknown
	}
	entities, err := start.entities()
	if err != nil {
		return extent{}, err
	}
	d := xml.NewDecoder(bytes.NewReader(start.root))
	d.Entity = entities
	token, _ := d.Token() // nil with any error
	if tag, ok := token.(xml.StartElement); ok {
		return measureSVGRoot(tag)
	}
	return extent{}, errors.New("does not begin with well-formed XML")
}

// readSVG reads more only where the first bytes end too early. It returns at most
// svgHead bytes of the root element, and ends its tag where it is longer.
func readSVG(file section) (start svgStart, err error) {
	for _, n := range []int64{svgHead, svgProlog + svgHead} {
		head, err := file.bytes(0, int(min(file.size, n)))
		if err != nil {
			return svgStart{}, err
		}
		start = parseSVG(head)
		if len(start.root) >= svgHead/2 || start.root == nil && !start.cutOff {
			break
		}
	}
	if start.root != nil && file.size > svgHead {
		start.root = endTag(start.root[:min(len(start.root), svgHead)])
	}
	return start, nil
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
