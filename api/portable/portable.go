// Package portable gives images file names that every common file system allows. Exports
// and ZIP archives use these names.
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

// forbidden replaces the characters that Windows does not allow in file names
// (learn.microsoft.com, "Naming Files, Paths, and Namespaces"). The file systems of most
// USB sticks and memory cards do not allow them either. It does not replace slashes and
// control characters, because names of images never contain them.
var forbidden = strings.NewReplacer("<", "_", ">", "_", ":", "_", `"`, "_", "|", "_", "?", "_", "*", "_")

// device matches names that Windows reserves for devices, with any extension.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

// file returns a name that every common file system allows. It replaces forbidden
// characters with "_", and puts "_" before a reserved name.
func file(name string) string {
	name = forbidden.Replace(name)
	if device.MatchString(name) {
		name = db.CleanName("_"+name, "") // shortens the name to db.MaxNameBytes
	}
	return name
}

// fold returns the same text for all names that are the same on a file system that
// ignores case. Some of these file systems normalize names, and HFS Plus ignores joiners
// (Apple TN1150, "Case-Insensitive String Comparison").
func fold(name string) string {
	return norm.NFD.String(cases.Fold().String(joiners.Replace(name)))
}

var joiners = strings.NewReplacer("\u200c", "", "\u200d", "")

// Names returns a file name for each image. The names of the images must differ. The file
// names differ even on a file system that ignores case.
//
// An image keeps its name if every common file system allows it and no earlier image has
// a name that differs only in case. Otherwise file changes the name, and a name that is
// taken gets the next free number.
//
// Pass the images in the order of their upload. Then later images seldom change the file
// names of earlier images, and an export can continue in the same folder.
//
// If ctx ends, Names returns its error.
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
	next := make(map[string]int) // the next number to try, by the common part of the numbered names
	for i, image := range images {
		name := file(image)
		if names[i] != "" || take(i, name) {
			continue
		}
		// Two long names can become the same when they are shortened to add the number.
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
