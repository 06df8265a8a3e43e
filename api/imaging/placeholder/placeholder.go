// Package placeholder describes a picture in at most 28 bytes: its dominant colour and its
// ThumbHash, a blurred picture. A page shows one of them until the image is loaded. The package
// knows neither HTTP nor a store. All functions are safe for concurrent use.
package placeholder

import (
	"encoding/base64"
	"fmt"
	"image"
)

// MaxSide is the largest width and height of a picture for Make, in pixels. It is the limit
// of ThumbHash. A ThumbHash has only very low frequencies, so more pixels add nothing.
const MaxSide = 100

// MaxBytes is the length of the longest placeholder: a colour, and the ThumbHash of a square
// picture with transparency.
const MaxBytes = 3 + 25

// Make returns the placeholder of a picture: the red, green and blue of its dominant
// colour, and then its ThumbHash. The meaning of these bytes never changes, because stores
// keep placeholders. The placeholder is empty if no pixel of the picture is visible. Make
// panics if a side of the picture is longer than MaxSide.
func Make(m *image.NRGBA) string {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if w > MaxSide || h > MaxSide {
		panic(fmt.Sprintf("placeholder: %d × %d pixels", w, h))
	}
	rgb, visible := dominant(m)
	if !visible {
		return ""
	}
	return string(append(rgb[:], thumbHash(m)...))
}

// Parse returns the two parts of a placeholder that Make has made: the dominant colour in the
// form of CSS, such as #a0522d, and the ThumbHash in base64. Both are empty if p is too short
// for a placeholder.
func Parse(p string) (colour, thumbHash string) {
	const shortest = 3 + 5 // bytes of a colour and of the header of a ThumbHash
	if len(p) < shortest {
		return "", ""
	}
	return fmt.Sprintf("#%x", p[:3]), base64.StdEncoding.EncodeToString([]byte(p[3:]))
}
