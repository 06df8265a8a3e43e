package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

// newDescription parses and checks openapi.json.
func newDescription(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(description))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaDefaultsValidation()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDescription checks that the description is OpenAPI 3.1, and that its schemas allow
// new fields.
func TestDescription(t *testing.T) {
	doc := newDescription(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("openapi: got %s, want 3.1", doc.OpenAPI)
	}
	if len(doc.Servers) != 1 || doc.Servers[0].URL != describedURL {
		t.Errorf("servers: got %+v, want %s", doc.Servers, describedURL)
	}
	for _, word := range []string{`"additionalProperties": false`, "unevaluatedProperties", `"enum": ["bad_`} {
		if strings.Contains(description, word) {
			t.Errorf("%s: a client would reject new fields", word)
		}
	}
}

// undescribed are the routes that do not belong to the API.
var undescribed = map[string]string{
	"/":            "the page",
	"/ui/*":        "the page",
	"/favicon.ico": "the page",
	"PUT /images":  "says that a name is missing",
}

// described has the paths in the description for each route with a wildcard that is not
// itself a path.
var described = map[string][]string{
	"/images/*":      {"/images/{name}"},
	"POST /images/*": {"/images/{name}/rename", "/images/{name}/restore"},
	"/delete/*":      {"/delete/{key}"},
}

// TestEveryRoute checks that the description has exactly the operations of the server.
func TestEveryRoute(t *testing.T) {
	var served, documented []string
	for _, r := range New(nil, http.NotFoundHandler(), Options{}).echo.Routes() {
		operation := r.Method + " " + r.Path
		if undescribed[r.Path] != "" || undescribed[operation] != "" {
			continue
		}
		for _, path := range pathsOf(operation, r.Path) {
			served = append(served, r.Method+" "+path)
		}
	}
	for path, item := range newDescription(t).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(documented)
	if diff := cmp.Diff(served, documented); diff != "" {
		t.Errorf("operations (-served +described):\n%s", diff)
	}
}

func pathsOf(operation, path string) []string {
	for _, route := range []string{operation, path} {
		if paths, ok := described[route]; ok {
			return paths
		}
	}
	return []string{path}
}

// TestEveryParameter checks that the description has exactly the query parameters that the
// handlers read.
func TestEveryParameter(t *testing.T) {
	documented := map[string]bool{}
	for _, item := range newDescription(t).Paths.Map() {
		for _, operation := range item.Operations() {
			for _, p := range operation.Parameters {
				if p.Value.In == openapi3.ParameterInQuery {
					documented[p.Value.Name] = true
				}
			}
		}
	}
	read := map[string]bool{}
	inspectSources(t, func(n ast.Node) {
		if call, ok := n.(*ast.CallExpr); ok {
			if name, ok := parameterRead(call); ok {
				read[name] = true
			}
		}
	})
	if diff := cmp.Diff(sortedKeys(read), sortedKeys(documented)); diff != "" {
		t.Errorf("parameters (-read +described):\n%s", diff)
	}
}

// parameterRead returns the parameter that a call reads: c.QueryParam("x"), or
// of a query q, q.Get("x"), q.Has("x") and f(q, "x").
func parameterRead(call *ast.CallExpr) (string, bool) {
	if len(call.Args) > 1 && isQuery(call.Args[0]) {
		return literal(call.Args[1])
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) != 1 {
		return "", false
	}
	ofQuery := isQuery(method.X) && (method.Sel.Name == "Get" || method.Sel.Name == "Has")
	if !ofQuery && method.Sel.Name != "QueryParam" {
		return "", false
	}
	return literal(call.Args[0])
}

// isQuery reports whether an expression is the query of a request, or a variable q, which
// holds one in all sources.
func isQuery(e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok {
		method, ok := call.Fun.(*ast.SelectorExpr)
		return isNamed(call.Fun, "query") || ok && (method.Sel.Name == "Query" || method.Sel.Name == "QueryParams")
	}
	return isNamed(e, "q")
}

// TestEveryCode checks that the description lists exactly the error codes of the server.
func TestEveryCode(t *testing.T) {
	documented := map[string]bool{}
	for _, ref := range newDescription(t).Components.Schemas["ErrorCode"].Value.AnyOf {
		if code, ok := ref.Value.Const.(string); ok {
			documented[code] = true
		}
	}
	given := map[string]bool{}
	for _, a := range refusals {
		given[a.code] = true
	}
	inspectSources(t, func(n ast.Node) {
		switch code := codeGiven(n).(type) {
		case *ast.BinaryExpr: // "bad_"+what
			prefix, _ := literal(code.X)
			for d := range documented {
				if prefix != "" && strings.HasPrefix(d, prefix) {
					given[d] = true
				}
			}
		case ast.Expr:
			if text, ok := literal(code); ok {
				given[text] = true
			}
		}
	})
	if diff := cmp.Diff(sortedKeys(given), sortedKeys(documented)); diff != "" {
		t.Errorf("codes (-given +described):\n%s", diff)
	}
}

// codeGiven returns the code in refusal.New(status, code, …) and in
// refusal.Because(cause, status, code, …), or nil.
func codeGiven(n ast.Node) ast.Expr {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	switch {
	case !ok || !isNamed(f.X, "refusal"):
		return nil
	case f.Sel.Name == "New":
		return call.Args[1]
	case f.Sel.Name == "Because":
		return call.Args[2]
	}
	return nil
}

// inspectSources shows f all nodes of the sources of this package and of those below it
// that refuse requests.
func inspectSources(t *testing.T, f func(ast.Node)) {
	t.Helper()
	var sources []string
	for _, pattern := range []string{"*.go", "access/*.go", "transport/*.go", "variants/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, files...)
	}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool { f(n); return true })
	}
}

func isNamed(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// literal returns the text of a string literal.
func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
