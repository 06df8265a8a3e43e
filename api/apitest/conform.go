package apitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// description is openapi.json, which all that the tests send and get is held
// against.
type description struct {
	*openapi3.T
	router routers.Router
}

// Described loads the description when a test first needs it.
var Described = sync.OnceValue(func() description {
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root(), "api", "openapi.json"))
	if err != nil {
		panic(err)
	}
	doc.Servers = nil // each test has a server of its own
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return description{doc, router}
})

// validation is how kin-openapi is asked. Defaults would be written into the
// request.
var validation = &openapi3filter.Options{
	AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
	IncludeResponseStatus: true,
	SkipSettingDefaults:   true,
}

// conform checks a request and its answer against the description. A request
// that was refused may have been wrong, and its answer may not.
func conform(t testing.TB, r *http.Request, a Answer) {
	t.Helper()
	if r.URL == nil || r.Method == http.MethodOptions {
		return // a test's own bytes, or a browser's question about CORS
	}
	d := Described()
	route, params, err := d.router.FindRoute(r)
	var faults []string
	switch {
	case err == nil:
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: validation}
		faults = append(faultsOfRequest(in, a), faultsOfAnswer(in, a)...)
	case a.Status >= 400 && r.Method != http.MethodHead:
		faults = faultsOfError(d, a)
	case a.Status < 400 && !ofThePage(r.URL.Path):
		faults = []string{"there is no such operation"}
	}
	for _, fault := range faults {
		t.Errorf("openapi.json and %s %s differ: %.1000s\nthe answer is %s", r.Method, r.URL.RequestURI(), fault, a)
	}
}

// ofThePage reports whether a path is the page's and not the API's.
func ofThePage(path string) bool {
	return path == "/" || path == "/favicon.ico" || strings.HasPrefix(path, "/ui/")
}

// faultsOfRequest says what is wrong with a request that was not refused.
func faultsOfRequest(in *openapi3filter.RequestValidationInput, a Answer) []string {
	if a.Status >= 400 || in.Request.Header == nil { // or no more is known of it than its line
		return nil
	}
	r := in.Request.Clone(in.Request.Context())
	q := r.URL.Query()
	for _, key := range []string{"limit", "sort", "order", "conflict"} {
		if q.Get(key) == "" {
			q.Del(key) // empty is as if it were not there, which OpenAPI cannot say of numbers and enums
		}
	}
	r.URL.RawQuery = q.Encode()
	if r.GetBody != nil {
		r.Body, _ = r.GetBody() // from memory, so without an error
	}
	again := *in
	again.Request, again.QueryParams = r, nil
	err := openapi3filter.ValidateRequest(r.Context(), &again)
	// The server reads forms that mime/multipart does not.
	if err == nil || strings.Contains(err.Error(), "malformed MIME header") || strings.Contains(err.Error(), "invalid media parameter") {
		return nil
	}
	return []string{err.Error()}
}

// faultsOfAnswer says where an answer is not what its operation promises.
func faultsOfAnswer(in *openapi3filter.RequestValidationInput, a Answer) []string {
	ref := in.Route.Operation.Responses.Status(a.Status)
	if ref == nil {
		return []string{fmt.Sprintf("it has no status %d", a.Status)}
	}
	faults := faultsOfHeader(ref.Value.Headers, a.Header)
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.Status, Header: a.Header, Options: validation}
	if err := openapi3filter.ValidateResponse(in.Request.Context(), out.SetBodyBytes([]byte(a.Body))); err != nil {
		return append(faults, err.Error())
	}
	if media := ref.Value.Content.Get(a.Header.Get("Content-Type")); media != nil && a.isJSON() {
		faults = append(faults, faultsOfJSON(media.Schema.Value, a)...)
	}
	return faults
}

// faultsOfError says where an error does not look like one.
func faultsOfError(d description, a Answer) []string {
	schema := d.Components.Schemas["Error"].Value
	var value any
	if err := json.Unmarshal([]byte(a.Body), &value); err != nil {
		return []string{err.Error()}
	}
	if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		return []string{err.Error()}
	}
	return faultsOfJSON(schema, a)
}

// anywhere are the fields that any answer may have: of HTTP itself, of CORS,
// and what keeps browsers from harm.
var anywhere = []string{
	"Accept-Ranges", "Connection", "Content-Length", "Content-Type", "Date", "Transfer-Encoding", "Vary",
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Allow-Private-Network",
	"Content-Security-Policy", "Cross-Origin-Resource-Policy", "X-Content-Type-Options",
}

// faultsOfHeader says what the description has and the header has not, and the
// other way round. ValidateResponse does the first, except for HEAD and 304.
func faultsOfHeader(documented openapi3.Headers, header http.Header) (faults []string) {
	known := slices.Clone(anywhere)
	for key, ref := range documented {
		known = append(known, http.CanonicalHeaderKey(key))
		if ref.Value.Required && header.Get(key) == "" {
			faults = append(faults, "the header lacks "+key)
		}
	}
	for key := range header {
		if !slices.Contains(known, key) {
			faults = append(faults, "the header has also "+key)
		}
	}
	return faults
}

// faultsOfJSON says what an answer has and the description has not. That may
// grow, and so clients have to bear it, but not without being described.
func faultsOfJSON(schema *openapi3.Schema, a Answer) []string {
	var value any
	if err := json.Unmarshal([]byte(a.Body), &value); err != nil {
		return []string{err.Error()}
	}
	faults := undescribed(schema, value, "")
	var failure struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(a.Body), &failure) // most have none
	if code := failure.Error.Code; code != "" && !slices.Contains(Described().codes(), code) {
		faults = append(faults, "the error code "+code+" is not listed")
	}
	return faults
}

// undescribed lists the fields of value that schema does not name. A schema
// that names none is of any object.
func undescribed(schema *openapi3.Schema, value any, path string) (fields []string) {
	switch v := value.(type) {
	case map[string]any:
		known := properties(schema)
		for key, member := range v {
			switch ref, ok := known[key]; {
			case ok:
				fields = append(fields, undescribed(ref.Value, member, path+"."+key)...)
			case len(known) > 0:
				fields = append(fields, "the answer has also "+path+"."+key)
			}
		}
	case []any:
		for _, item := range v {
			fields = append(fields, undescribed(schema.Items.Value, item, path+"[]")...)
		}
	}
	return fields
}

// properties are those of a schema and of all that it consists of.
func properties(schema *openapi3.Schema) openapi3.Schemas {
	all := maps.Clone(schema.Properties)
	if all == nil {
		all = openapi3.Schemas{}
	}
	for _, part := range schema.AllOf {
		maps.Copy(all, properties(part.Value))
	}
	return all
}

// codes are the error codes that the description lists.
func (d description) codes() (codes []string) {
	for _, ref := range d.Components.Schemas["ErrorCode"].Value.AnyOf {
		if code, ok := ref.Value.Const.(string); ok {
			codes = append(codes, code)
		}
	}
	return codes
}
