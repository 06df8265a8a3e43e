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

// description is openapi.json. Every request and response is checked against it.
type description struct {
	*openapi3.T
	router routers.Router
}

// Described returns openapi.json, loaded once.
var Described = sync.OnceValue(func() description {
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root(), "api", "openapi.json"))
	if err != nil {
		panic(err)
	}
	doc.Servers = nil // each test has its own server
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return description{doc, router}
})

// validation has the options for kin-openapi. Without SkipSettingDefaults it would write the
// defaults into the request.
var validation = &openapi3filter.Options{
	AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
	IncludeResponseStatus: true,
	SkipSettingDefaults:   true,
}

// conform checks a request and its response against the description. A request that was
// refused may be wrong; its response may not.
func conform(t testing.TB, r *http.Request, a Answer) {
	t.Helper()
	if r.URL == nil || r.Method == http.MethodOptions {
		return // a wrong request line, or a CORS preflight
	}
	key := ""
	if a.Status >= 400 {
		header := a.Header.Clone()
		header.Del("Date")
		key = fmt.Sprint(r.Method, r.URL.Path, a.Status, header, a.Body)
		if _, ok := sound.Load(key); ok {
			return
		}
	}
	d := Described()
	route, params, err := d.router.FindRoute(r)
	var faults []string
	switch {
	case err == nil:
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: validation}
		faults = append(faultsOfRequest(in, a), faultsOfAnswer(in, a)...)
	case a.Status >= 400 && r.Method != http.MethodHead && !a.isPage():
		faults = faultsOfError(d, a)
	case a.Status < 400 && !ofThePage(r.URL.Path):
		faults = []string{"there is no such operation"}
	}
	for _, fault := range faults {
		t.Errorf("openapi.json and %s %s differ: %.1000s\nthe response is %s", r.Method, r.URL.RequestURI(), fault, a)
	}
	if key != "" && len(faults) == 0 {
		sound.Store(key, nil)
	}
}

// sound has the error responses that passed before. kin-openapi compiles the schema for each
// response, and half of the errors are repeated.
var sound sync.Map

// ofThePage reports whether a path belongs to the page, not to the API.
func ofThePage(path string) bool {
	return path == "/" || path == "/favicon.ico" || strings.HasPrefix(path, "/ui/")
}

// faultsOfRequest returns the faults of a request that was not refused.
func faultsOfRequest(in *openapi3filter.RequestValidationInput, a Answer) []string {
	if a.Status >= 400 || in.Request.Header == nil { // or if a Conn sent it: only its line is known
		return nil
	}
	r := in.Request.Clone(in.Request.Context())
	q := r.URL.Query()
	for _, key := range []string{"limit", "sort", "order", "conflict"} {
		if q.Get(key) == "" {
			q.Del(key) // an empty parameter counts as missing; OpenAPI cannot say so of numbers and enums
		}
	}
	r.URL.RawQuery = q.Encode()
	if r.GetBody != nil {
		r.Body, _ = r.GetBody() // it reads from memory and cannot fail
	}
	again := *in
	again.Request, again.QueryParams = r, nil
	err := openapi3filter.ValidateRequest(r.Context(), &again)
	// The server accepts some forms that mime/multipart does not.
	if err == nil || strings.Contains(err.Error(), "malformed MIME header") || strings.Contains(err.Error(), "invalid media parameter") {
		return nil
	}
	return []string{err.Error()}
}

// faultsOfAnswer returns how a response differs from the description of its operation.
func faultsOfAnswer(in *openapi3filter.RequestValidationInput, a Answer) []string {
	ref := in.Route.Operation.Responses.Status(a.Status)
	if ref == nil {
		return []string{fmt.Sprintf("the operation has no status %d", a.Status)}
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

// faultsOfError returns how an error response differs from the schema of errors.
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

// anywhere are the fields that any response may have: of HTTP itself, of CORS, and those
// that protect browsers.
var anywhere = []string{
	"Accept-Ranges", "Connection", "Content-Length", "Content-Type", "Date", "Transfer-Encoding", "Vary",
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Allow-Private-Network",
	"Content-Security-Policy", "Cross-Origin-Resource-Policy", "X-Content-Type-Options",
}

// faultsOfHeader returns the required fields that the header lacks and the fields that are
// not described. ValidateResponse does the first, except for HEAD and 304.
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
			faults = append(faults, "the field "+key+" is not described")
		}
	}
	return faults
}

// faultsOfJSON returns the fields of a response that are not described. Clients must accept
// new fields, but each new field must be in the description.
func faultsOfJSON(schema *openapi3.Schema, a Answer) []string {
	var value any
	if err := json.Unmarshal([]byte(a.Body), &value); err != nil {
		return []string{err.Error()}
	}
	faults := undescribed(schema, value, "")
	var failure struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(a.Body), &failure) // most responses have no code
	if code := failure.Error.Code; code != "" && !slices.Contains(Described().codes(), code) {
		faults = append(faults, "the error code "+code+" is not listed")
	}
	return faults
}

// undescribed returns the fields of value that schema does not name. A schema without names
// allows any object.
func undescribed(schema *openapi3.Schema, value any, path string) (fields []string) {
	switch v := value.(type) {
	case map[string]any:
		known := properties(schema)
		for key, member := range v {
			switch ref, ok := known[key]; {
			case ok:
				fields = append(fields, undescribed(ref.Value, member, path+"."+key)...)
			case len(known) > 0:
				fields = append(fields, "the field "+path+"."+key+" is not described")
			}
		}
	case []any:
		for _, item := range v {
			fields = append(fields, undescribed(schema.Items.Value, item, path+"[]")...)
		}
	}
	return fields
}

// properties returns the properties of a schema and of all its parts.
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

// codes returns the error codes in the description.
func (d description) codes() (codes []string) {
	for _, ref := range d.Components.Schemas["ErrorCode"].Value.AnyOf {
		if code, ok := ref.Value.Const.(string); ok {
			codes = append(codes, code)
		}
	}
	return codes
}
