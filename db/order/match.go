package order

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Fold converts a part of a name to the form that Match needs: in normal form C, as all
// names are, and in lower case. If an engine has an index of names in this form, it
// calls Fold, too.
func Fold(part string) string { return strings.ToLower(norm.NFC.String(part)) }

// Match reports whether a name contains `part`. `part` must be a result of Fold. Every
// name contains an empty part.
func Match(name []byte, part string) bool {
	return part == "" || strings.Contains(strings.ToLower(string(name)), part)
}
