// Package licenses has the licences of the software that the executable contains.
package licenses

import (
	_ "embed"
	"io"
)

// text begins with a list of the parts. Then it has the text of each licence, after a line
// with the names of the parts to which the text belongs.
//
//go:embed licenses.txt
var text string

// Write writes all licences.
func Write(w io.Writer) error {
	_, err := io.WriteString(w, text)
	return err
}
