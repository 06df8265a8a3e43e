package transfer

import (
	"regexp"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"imageserver/db"
)

// forbidden is what Windows, and with it the file systems of most sticks and
// cards, has in no name (learn.microsoft.com, "Naming Files, Paths, and
// Namespaces"). Slashes and control characters are in no image's name anyway.
var forbidden = strings.NewReplacer("<", "_", ">", "_", ":", "_", `"`, "_", "|", "_", "?", "_", "*", "_")

// device is a name that means a device to Windows, with any extension.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

// portable returns name as every common file system can hold it: what cannot be
// in it becomes "_", and one more stands before the name of a device.
func portable(name string) string {
	name = forbidden.Replace(name)
	if device.MatchString(name) {
		name = db.CleanName("_"+name, "") // no longer than a name may be
	}
	return name
}

// fold is the same for names that a file system which ignores case takes for one.
// Some of those keep names in a normal form.
func fold(name string) string { return norm.NFD.String(cases.Fold().String(name)) }

// fileNames gives each image the name of a file, so that no two are one to a
// file system that ignores case. An image has its own name, unless no file can
// have that, or one before it differs from it in case alone: then it has the next
// free number. Where images are in the order of their upload, those that come
// later seldom change the names of those before them, and an export can go on in
// a folder where it has been.
func fileNames(images []db.Image) []string {
	names, taken := make([]string, len(images)), make(map[string]bool, len(images))
	take := func(i int, name string) bool {
		folded := fold(name)
		if taken[folded] {
			return false
		}
		names[i], taken[folded] = name, true
		return true
	}
	for i, img := range images {
		if portable(img.Name) == img.Name {
			take(i, img.Name)
		}
	}
	for i, img := range images {
		if names[i] != "" {
			continue
		}
		name := portable(img.Name)
		for n := 2; !take(i, name); n++ {
			name = db.Numbered(portable(img.Name), n)
		}
	}
	return names
}
