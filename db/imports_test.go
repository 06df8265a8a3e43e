package db_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport lists, for each package in this folder, what it may import besides the
// standard library: packages in this folder, which begin with db, and others. No package
// here may import the API, and no engine another engine.
var mayImport = map[string]string{
	"db":              "golang.org/x/text",
	"db/chunk":        "db",
	"db/fair":         "db",
	"db/order":        "db golang.org/x/text",
	"db/receive":      "db db/chunk db/fair",
	"db/resolve":      "db",
	"db/dbtest":       "db",
	"db/bolt":         "db db/chunk db/order db/receive db/resolve db/bolt/internal/datafile db/bolt/internal/layout go.etcd.io/bbolt",
	"db/bolt/offline": "db db/chunk db/order db/bolt/internal/datafile db/bolt/internal/layout db/bolt/internal/page go.etcd.io/bbolt",

	"db/bolt/internal/bolttest": "db db/bolt/internal/layout db/bolt/internal/page go.etcd.io/bbolt",
	"db/bolt/internal/datafile": "db db/bolt/internal/page go.etcd.io/bbolt golang.org/x/sys",
	"db/bolt/internal/layout":   "db db/chunk db/order db/bolt/internal/datafile go.etcd.io/bbolt google.golang.org/protobuf",
	"db/bolt/internal/page":     "",
}

// TestImports: imports go one way. Tests may import more.
func TestImports(t *testing.T) {
	const module = "imageserver/"
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		pkg := path.Join("db", path.Dir(filepath.ToSlash(file)))
		allowed, listed := mayImport[pkg]
		if !listed && !seen[pkg] {
			t.Errorf("package %s is not in mayImport: add it with what it may import", pkg)
		}
		seen[pkg] = true
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			inModule, ours := strings.CutPrefix(name, module)
			host, _, _ := strings.Cut(name, "/")
			switch {
			case ours && slices.Contains(strings.Fields(allowed), inModule):
			case !ours && !strings.Contains(host, "."): // the standard library
			case !ours && slices.ContainsFunc(strings.Fields(allowed), func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") }):
			default:
				t.Errorf("%s imports %q, which package %s must not import", file, name, pkg)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("mayImport has %s, which does not exist", pkg)
		}
	}
}
