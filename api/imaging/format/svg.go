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
	// svgProlog is the largest offset in a file at which the root element may begin.
	svgProlog = 1 << 20

	// svgHead is the number of bytes that are read of the tag of the root element.
	svgHead = 32 << 10

	// Illustrator declares a dozen entities with names of namespaces, or one entity for
	// each style. Nested or long entities could expand a short file to gigabytes in the
	// browser that shows it. A reference has at least 3 bytes, so with these limits a
	// file grows at most 43 times.
	maxSVGEntities = 256
	maxSVGEntity   = 128 // bytes of the value of an entity
)

// svgStart is the beginning of a file that may be an SVG.
type svgStart struct {
	root    []byte // the file from the tag of the root element on; nil if the file is not an SVG
	doctype []byte // the DOCTYPE without "<!" and ">"; nil if there is none
	cutOff  bool   // the bytes end before the root element, so the file can be an SVG
}

// beginsSVG also accepts a file whose root element comes after the bytes that
// [Sniff] reads, such as after a long comment. [Detect] reads more.
func beginsSVG(head []byte) bool {
	s := parseSVG(head)
	return s.root != nil || s.cutOff && len(head) == SniffLen
}

// parseSVG skips everything that may come before the root element (XML 1.0, 2.8). A
// file with the DOCTYPE of HTML is not an SVG. The encoding is UTF-8, or UTF-16 with a
// byte order mark: browsers read an SVG in an <img> as one of the two, whatever
// encoding it declares (Chromium 156).
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

// cutDoctype separates a DOCTYPE from the bytes after it. Comments in the DOCTYPE
// become spaces.
func cutDoctype(b []byte) (doctype, rest []byte, found bool) {
	d := xml.NewDecoder(bytes.NewReader(b))
	token, err := d.RawToken()
	directive, ok := token.(xml.Directive)
	if err != nil || !ok {
		return nil, nil, false
	}
	return directive, b[d.InputOffset():], true
}

// entities returns the entities that the DOCTYPE declares. It returns an error if an
// entity refers to a file or to another entity, contains a tag or is too long, and if
// there are too many entities.
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
		return nil, fmt.Errorf("declares entities that this server does not accept: export it without entities, or with at most %d of plain text, %d bytes each", maxSVGEntities, maxSVGEntity)
	}
	return entities, nil
}

// measureSVG reads the tag of the root element with an XML parser. The parser knows
// only the entities that the DOCTYPE declares.
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

// readSVG reads more than svgHead bytes only if the root element does not begin early
// enough in them. It returns at most svgHead bytes of the root element. It closes a
// tag that is longer.
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

// endTag closes a tag that is cut off, after its last complete attribute. Some
// editors store the source of a drawing, of any length, in an attribute after those
// that this package reads.
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

// measureSVGRoot returns the width and height, or those of the viewBox. If only the
// width or the height is given, the aspect ratio of the viewBox gives the other (SVG
// 2, chapter 8). Without any of these browsers choose a size, usually 300 × 150.
// Chromium 156 fits an image with only a viewBox into that size.
func measureSVGRoot(root xml.StartElement) (extent, error) {
	if root.Name.Space != svgNamespace {
		return extent{}, fmt.Errorf("does not name the namespace %s. No browser shows it without that", svgNamespace)
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

// svgPixels rounds a length like browsers, but never to 0.
func svgPixels(length float64) int64 {
	return int64(math.Round(min(max(length, 1), maxSide+1)))
}

const svgNumber = `[+-]?(?:\d+|\d*\.\d+)(?:[eE][+-]?\d+)?`

var svgSize = regexp.MustCompile(`^\s*(` + svgNumber + `)([a-zA-Z]*)\s*$`)

// svgLength returns a length in pixels. It returns 0 if s is not a length, or a
// length that depends on the page, such as a percentage.
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

// svgUnit returns the pixels of a unit of CSS Values 4, or 0 if the unit is unknown.
// Some units are relative to the font: em is the initial font size, and ex and ch are
// half of it, which is the value for an unknown font (6.1.1).
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

// svgViewBox returns the last two of four numbers, which are separated by spaces and
// commas (SVG 2, 8.6).
func svgViewBox(s string) (w, h float64) {
	f := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) })
	if len(f) != 4 {
		return 0, 0
	}
	return svgLength(f[2]), svgLength(f[3])
}
