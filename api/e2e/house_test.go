package e2e_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the folder of the whole project.
const root = "../.."

// mayImport lists, for each package, what it may import: packages of this module,
// modules of others, and net/http. The rest of the standard library is free to all.
//
//   - db imports nothing from this module. An engine imports db and the packages that
//     engines share, never another engine.
//   - api is given a store and the page: it imports no engine and not ui.
//   - api/imaging knows neither HTTP nor the store.
//   - main alone imports engines, and api/apitest, which only tests import.
//
// Tests may import more.
var mayImport = map[string]string{
	".": "api api/imaging/format api/imaging/worker api/intake api/licenses api/listen api/printable api/progress api/settings api/transfer api/transport api/units db db/bolt db/bolt/offline db/open ui github.com/alecthomas/kong github.com/dustin/go-humanize net/http",

	"db":         "golang.org/x/text",
	"db/chunk":   "db",
	"db/dbtest":  "db",
	"db/fair":    "db",
	"db/open":    "db db/bolt db/pg",
	"db/order":   "db golang.org/x/text",
	"db/receive": "db db/chunk db/fair",
	"db/resolve": "db",

	"db/bolt":                   "db db/chunk db/order db/receive db/resolve db/bolt/internal/datafile db/bolt/internal/layout go.etcd.io/bbolt",
	"db/bolt/offline":           "db db/chunk db/order db/bolt/internal/datafile db/bolt/internal/layout db/bolt/internal/page go.etcd.io/bbolt",
	"db/bolt/internal/bolttest": "db db/bolt/internal/layout db/bolt/internal/page go.etcd.io/bbolt",
	"db/bolt/internal/datafile": "db db/bolt/internal/page go.etcd.io/bbolt golang.org/x/sys",
	"db/bolt/internal/layout":   "db db/chunk db/order db/bolt/internal/datafile go.etcd.io/bbolt google.golang.org/protobuf",
	"db/bolt/internal/page":     "",

	"db/pg":        "db db/chunk db/order db/receive db/resolve github.com/jackc/pgx/v5 github.com/minio/minio-go/v7 golang.org/x/sync net/http",
	"db/pg/pgtest": "",

	"api":                   "api/access api/imaging/format api/imaging/placeholder api/imaging/resize api/imaging/strip api/intake api/multipart api/portable api/refusal api/transport api/units api/variants api/webpage db github.com/dustin/go-humanize github.com/labstack/echo/v4 github.com/prometheus/client_golang net/http",
	"api/apitest":           "api api/imaging/codec api/imaging/format api/imaging/worker api/transport db db/bolt ui github.com/getkin/kin-openapi net/http",
	"api/access":            "api/listen api/refusal api/units github.com/labstack/echo/v4 golang.org/x/time net/http",
	"api/batchlog":          "",
	"api/e2e":               "",
	"api/e2e/compare":       "github.com/dustin/go-humanize golang.org/x/net golang.org/x/sys net/http",
	"api/intake":            "api/imaging/format api/imaging/strip db db/fair github.com/dustin/go-humanize",
	"api/language":          "golang.org/x/text net/http",
	"api/licenses":          "",
	"api/listen":            "github.com/coreos/go-systemd/v22 golang.org/x/crypto golang.org/x/net net/http",
	"api/listen/listentest": "",
	"api/multipart":         "golang.org/x/text",
	"api/portable":          "db golang.org/x/text",
	"api/printable":         "github.com/mattn/go-isatty",
	"api/progress":          "api/printable github.com/dustin/go-humanize github.com/schollz/progressbar/v3",
	"api/refusal":           "",
	"api/settings":          "api api/access api/batchlog api/imaging/format api/imaging/strip api/imaging/worker api/listen api/printable api/units net/http",
	"api/transfer":          "api/imaging/format api/imaging/strip api/intake api/portable api/printable api/progress db github.com/dustin/go-humanize github.com/hashicorp/go-retryablehttp golang.org/x/sync golang.org/x/text net/http",
	"api/transport":         "api/refusal db github.com/labstack/echo/v4 golang.org/x/sys net/http",
	"api/units":             "github.com/dustin/go-humanize",
	"api/variants":          "api/imaging/codec api/imaging/format api/imaging/resize api/imaging/worker db github.com/dustin/go-humanize golang.org/x/sys",
	"api/webpage":           "api/language net/http",

	"api/imaging/codec":           "api/imaging/format github.com/gen2brain/avif github.com/gen2brain/heic github.com/gen2brain/webp github.com/tetratelabs/wazero golang.org/x/sys",
	"api/imaging/codec/purego":    "",
	"api/imaging/format":          "github.com/h2non/filetype golang.org/x/text",
	"api/imaging/jpeg":            "",
	"api/imaging/placeholder":     "",
	"api/imaging/resize":          "api/imaging/format api/imaging/jpeg api/imaging/placeholder api/imaging/resize/tolerant golang.org/x/image",
	"api/imaging/resize/tolerant": "",
	"api/imaging/strip":           "api/imaging/format api/imaging/jpeg",
	"api/imaging/worker":          "api/imaging/codec api/imaging/format api/imaging/placeholder api/imaging/resize golang.org/x/sys",

	".ci/typecheck": "golang.org/x/tools",
	"ui":            "api/language github.com/andybalholm/brotli github.com/evanw/esbuild golang.org/x/image net/http",
}

// TestImports reads the imports of all product files, those for other systems too.
func TestImports(t *testing.T) {
	t.Parallel()
	used := map[string][]string{} // package → the entries of mayImport that it needs
	for _, file := range productFiles(t) {
		if path.Ext(file) != ".go" {
			continue
		}
		pkg := path.Dir(file)
		allowed, listed := mayImport[pkg]
		if _, seen := used[pkg]; !seen {
			used[pkg] = nil
			if !listed {
				t.Errorf("package %s is not in mayImport: add it with what it may import", pkg)
			}
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			i := slices.IndexFunc(strings.Fields(allowed), func(entry string) bool { return covers(entry, name) })
			switch {
			case i >= 0:
				used[pkg] = append(used[pkg], strings.Fields(allowed)[i])
			case listed && !isFree(name):
				t.Errorf("%s imports %q, which mayImport does not allow package %s: find another way, or change the list and say why in the commit", file, name, pkg)
			}
		}
	}
	for pkg, allowed := range mayImport {
		entries, exists := used[pkg]
		if !exists {
			t.Errorf("package %s does not exist: remove it from mayImport", pkg)
			continue
		}
		for _, entry := range strings.Fields(allowed) {
			if !slices.Contains(entries, entry) {
				t.Errorf("package %s does not import %s: remove it from mayImport", pkg, entry)
			}
		}
	}
}

const module = "imageserver/"

// covers reports whether an entry of mayImport allows an import. A package of this module
// allows itself alone, and everything else what is below it too.
func covers(entry, name string) bool {
	if ours, ok := strings.CutPrefix(name, module); ok {
		return entry == ours
	}
	return name == entry || strings.HasPrefix(name, entry+"/")
}

// isFree reports whether all packages may import name: it is in the standard library, and
// not HTTP.
func isFree(name string) bool {
	host, _, _ := strings.Cut(name, "/")
	return name != "net/http" && !strings.HasPrefix(name, "net/http/") && !strings.Contains(host, ".") && !strings.HasPrefix(name, module)
}

// phrase is wording that readers of plain English stumble over.
type phrase struct {
	wordings []string
	better   string
	but      string // a regular expression: with the words beside it, the wording is fine
}

var phrases = []phrase{
	{[]string{"is no", "are no"}, "is not a", `^(there|here) |no (longer|more|less|larger|smaller|better|faster|slower)$`},
	{[]string{"wants a", "wants an", "wants the", "wants its", "wants it", "wants to", "wants no", "wants both", "wants room"}, "needs, requires", ``},
	{[]string{"lies in", "lies on", "lies outside", "lies behind", "lies before", "lies beside", "lies there"}, "is in, is outside", ``},
	{[]string{"stands in", "stands under", "stands at", "stands before", "stands behind", "stand under", "stand before"}, "is in, is stored under", ``},
	{[]string{"rests in", "rest in the trash"}, "is in", ``},
	{[]string{"is gone", "are gone", "has gone", "have gone"}, "was deleted, expired, left", ``},
	{[]string{"goes with"}, "is deleted with, belongs to", ``},
	{[]string{"for ever"}, "forever", ``},
	{[]string{"under way"}, "in progress", ``},
	{[]string{"as good as"}, "nearly, in effect", ``},
	{[]string{"to be had"}, "available", ``},
	{[]string{"of itself"}, "by itself", ``},
	{[]string{"tells of", "tells how", "tells what", "tells whether", "tells that", "tells why", "tells which", "tells who"}, "reports, says", ``},
	{[]string{"whoever"}, "anyone who, the client that", ``},
	{[]string{"anew"}, "again", ``},
	{[]string{"but for"}, "except", `for (no|the)$`},
	{[]string{"for want of", "for lack of"}, "because … is missing", ``},
	{[]string{"is to be", "are to be", "was to be", "is not to be", "are not to be"}, "must be, will be", ``},
	{[]string{"mend", "mends", "mended", "heal", "heals", "healing", "salvage", "salvaged", "rescue", "rescued"}, "repair, recover", ``},
	{[]string{"standstill"}, "stalls, stalled", ``},
	{[]string{"have it done", "have it made", "have it stored"}, "finish, do", ``},
	{[]string{"not get to see"}, "did not read", ``},
	{[]string{"what of it", "what of them"}, "the part that", ``},
	{[]string{"of which that"}, "write two sentences", ``},
	{[]string{"sees to"}, "handles", ``},
	{[]string{"in the midst of"}, "in the middle of, during", ``},
	{[]string{"worth to be"}, "worth doing", ``},
	{[]string{"it is said"}, "say who says it", ``},
}

// TestPlainEnglish looks for phrases in the code, the comments, the messages and the
// documents of the product.
func TestPlainEnglish(t *testing.T) {
	t.Parallel()
	for _, file := range productFiles(t) {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for line, text := range findPhrases(string(content)) {
			t.Errorf("%s:%d: %s", file, line, text)
		}
	}
}

// findPhrases yields the number of a line and what to change there. It sees phrases that
// a line break parts, also inside a comment.
func findPhrases(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		var b strings.Builder
		var starts []int // of the lines in words
		for line := range strings.Lines(text) {
			starts = append(starts, b.Len())
			b.WriteString(strings.ToLower(strings.Trim(line, " \t\n/#*>|")) + " ")
		}
		words := b.String()
		for _, p := range phrases {
			for _, wording := range p.wordings {
				for at := range indexes(words, wording) {
					end := at + len(wording)
					before, after := lastWord.FindString(words[max(0, at-30):at]), firstWord.FindString(words[end:])
					if p.but != "" && regexp.MustCompile(p.but).MatchString(before+wording+after) {
						continue
					}
					line, exact := slices.BinarySearch(starts, at)
					if exact {
						line++
					}
					if !yield(line, fmt.Sprintf("“%s”: say “%s”, or better", before+wording+after, p.better)) {
						return
					}
				}
			}
		}
	}
}

var lastWord, firstWord = regexp.MustCompile(`\w* ?$`), regexp.MustCompile(`^ \w*`)

// indexes yields where text has a wording that is not a part of longer words.
func indexes(text, wording string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for from := 0; ; {
			i := strings.Index(text[from:], wording)
			if i < 0 {
				return
			}
			at := from + i
			from = at + len(wording)
			if !isLetter(text, at-1) && !isLetter(text, from) && !yield(at) {
				return
			}
		}
	}
}

func isLetter(text string, at int) bool {
	return at >= 0 && at < len(text) && (text[at] >= 'a' && text[at] <= 'z' || text[at] == '_')
}

// TestFindPhrases checks that the search finds what it must, and nothing else.
func TestFindPhrases(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\n\t// cat.txt is no\n\t// image":  "2: “txt is no image”: say “is not a”, or better",
		"There is no image. It is no longer": "",
		"The server wants a token.":          "1: “server wants a token”: say “needs, requires”, or better",
		"an image that\n// is gone, and":     "2: “that is gone”: say “was deleted, expired, left”, or better",
		"all errors but for that one":        "1: “errors but for that”: say “except”, or better",
		"but for no other reason, mending":   "",
	} {
		var got []string
		for line, said := range findPhrases(text) {
			got = append(got, fmt.Sprintf("%d: %s", line, said))
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// productFiles returns the files that people read, without tests and what they use.
func productFiles(t *testing.T) (files []string) {
	t.Helper()
	kinds := []string{".go", ".md", ".js", ".css", ".html", ".json"}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && (name == ".ci/run" || slices.Contains(kinds, path.Ext(name)) && !strings.HasSuffix(name, "_test.go")):
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
