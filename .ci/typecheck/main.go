// Typecheck checks the types of all packages of the image server and of their tests, for other
// systems. It compiles nothing, so it needs much less time than go build. Its arguments are the
// systems, as GOOS/GOARCH. Run it in its own folder.
package main

import (
	"fmt"
	"log"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	log.SetFlags(0)
	for _, target := range os.Args[1:] {
		n, err := check(target)
		if err != nil {
			log.Fatalf("typecheck %s: %v", target, err)
		}
		fmt.Printf("%s: %d packages\n", target, n)
	}
}

// check returns the number of packages, with those that have the tests. It prints each error of
// a package.
func check(target string) (int, error) {
	system, architecture, _ := strings.Cut(target, "/")
	all, err := packages.Load(&packages.Config{
		// With NeedDeps, Load reads the types of dependencies from their source. Without it,
		// Load would run the compiler to get them.
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo,
		Dir:   "../..",
		Env:   append(os.Environ(), "GOOS="+system, "GOARCH="+architecture, "CGO_ENABLED=0"),
		Tests: true,
	}, "imageserver/...")
	switch {
	case err != nil:
		return 0, err
	case packages.PrintErrors(all) > 0:
		return 0, fmt.Errorf("the packages have errors")
	case len(all) == 0:
		return 0, fmt.Errorf("there are no packages")
	}
	return len(all), nil
}
