package order

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Fold returns a part of a name as Match takes it: in normal form C, as names are, and in
// lower case. An engine that keeps names in this form for its index calls it too.
func Fold(part string) string { return strings.ToLower(norm.NFC.String(part)) }

// Match reports whether a name contains a part that Fold returned. An empty part is in
// every name.
func Match(name []byte, part string) bool {
	return part == "" || strings.Contains(strings.ToLower(string(name)), part)
}
