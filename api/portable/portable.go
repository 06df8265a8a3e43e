// Package portable gives images names that every common file system can hold, for
// the two ways in which images leave the server as files: exports and ZIP files.
package portable

import (
	"context"
	"math"
	"regexp"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"imageserver/db"
)

// forbidden replaces what Windows, and with it the file systems of most USB sticks
// and memory cards, does not allow in a name (learn.microsoft.com, "Naming Files,
// Paths, and Namespaces"). The name of an image has no slashes and no control
// characters.
var forbidden = strings.NewReplacer("<", "_", ">", "_", ":", "_", `"`, "_", "|", "_", "?", "_", "*", "_")

// device matches the names that mean a device to Windows, with any extension.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

// file returns name as every common file system can hold it: characters that are
// not allowed become "_", and the name of a device gets one in front.
func file(name string) string {
	name = forbidden.Replace(name)
	if device.MatchString(name) {
		name = db.CleanName("_"+name, "") // no longer than a name may be
	}
	return name
}

// fold returns the same text for all names that a file system which ignores case
// cannot tell apart. Some of those keep names in a normal form, and HFS Plus
// ignores joiners (Apple TN1150, "Case-Insensitive String Comparison").
func fold(name string) string {
	return norm.NFD.String(cases.Fold().String(joiners.Replace(name)))
}

var joiners = strings.NewReplacer("\u200c", "", "\u200d", "")

// Names returns a file name for each of the images, which have different names. No
// two are the same to a file system that ignores case. An image keeps its name,
// unless no file can have it, or an image before it has a name that differs only
// in case: then it gets the next free number. If the images are in the order of
// their upload, later images seldom change the names of earlier ones, so that an
// export can continue in a folder where it has been. When ctx ends, Names returns
// its error.
func Names(ctx context.Context, images []string) ([]string, error) {
	names, taken := make([]string, len(images)), make(map[string]bool, len(images))
	take := func(i int, name string) bool {
		folded := fold(name)
		if taken[folded] {
			return false
		}
		names[i], taken[folded] = name, true
		return true
	}
	for i, name := range images {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if file(name) == name {
			take(i, name)
		}
	}
	next := make(map[string]int) // the number to try, by what all numbered names have in common
	for i, image := range images {
		name := file(image)
		if names[i] != "" || take(i, name) {
			continue
		}
		// Long names are cut for the number and can then be the same.
		common := fold(db.Numbered(name, math.MaxInt))
		for n := max(2, next[common]); names[i] == ""; n++ {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			take(i, db.Numbered(name, n))
			next[common] = n + 1
		}
	}
	return names, nil
}
