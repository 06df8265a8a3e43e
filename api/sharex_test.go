package api_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/access"
)

// sxcu has what ShareX reads from a .sxcu file: its class CustomUploaderItem with its
// enumerations.
type sxcu struct {
	Version         string
	Name            string
	DestinationType string // None, ImageUploader, TextUploader, FileUploader, URLShortener, URLSharingService; several with commas
	RequestMethod   string // GET, POST, PUT, PATCH, DELETE
	RequestURL      string
	Parameters      map[string]string
	Headers         map[string]string
	Body            string // None, MultipartFormData, FormURLEncoded, JSON, XML, Binary
	Arguments       map[string]string
	FileFormName    string
	Data            string
	URL             string
	ThumbnailURL    string
	DeletionURL     string
	ErrorMessage    string
}

// TestShareX checks the file for each way to reach the server.
func TestShareX(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o                    api.Options
		host                 string
		name, file, endpoint string
		headers              map[string]string
	}{
		"an address":       {api.Options{}, "127.0.0.1:5000", "127.0.0.1", "127.0.0.1.sxcu", apitest.Scheme() + "127.0.0.1:5000/upload", nil},
		"IPv6":             {api.Options{}, "[::1]:5000", "::1", "--1.sxcu", apitest.Scheme() + "[::1]:5000/upload", nil},
		"a name":           {api.Options{}, "img.example.com", "img.example.com", "img.example.com.sxcu", apitest.Scheme() + "img.example.com/upload", nil},
		"a base URL":       {api.Options{Access: access.Options{BaseURL: baseURL(t, "https://a.example/pictures")}}, "localhost", "a.example", "a.example.sxcu", "https://a.example/pictures/upload", nil},
		"with a token":     {api.Options{Access: access.Options{Token: "s3cret"}}, "localhost", "localhost", "localhost.sxcu", apitest.Scheme() + "localhost/upload", map[string]string{"Authorization": "Bearer YOUR-TOKEN"}},
		"no URL of a Host": {api.Options{}, "a:b:c", "imageserver", "imageserver.sxcu", apitest.Scheme() + "a:b:c/upload", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := apitest.NewServer(t, c.o).Do(t, "GET", "/sharex.sxcu", "Host: "+c.host, "").Want(t, http.StatusOK)
			want := sxcu{
				Version: "15.0.0", Name: c.name, DestinationType: "ImageUploader",
				RequestMethod: "POST", RequestURL: c.endpoint, Headers: c.headers, Body: "MultipartFormData", FileFormName: "file",
				URL: "{json:url}", ThumbnailURL: "{json:url}?w=320", DeletionURL: "{json:delete_url}", ErrorMessage: "{json:message}",
			}
			if diff := cmp.Diff(want, readSXCU(t, a)); diff != "" {
				t.Errorf("the uploader (-want +got):\n%s", diff)
			}
			_, parameters, err := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
			if err != nil || parameters["filename"] != c.file {
				t.Errorf("Content-Disposition %s means %q (%v), want %q", a.Header.Get("Content-Disposition"), parameters["filename"], err, c.file)
			}
			if strings.Contains(a.Body, "s3cret") {
				t.Error("the file contains the access token")
			}
		})
	}
}

// readSXCU returns the JSON of an uploader. It must not have fields that ShareX does not
// know.
func readSXCU(t testing.TB, a apitest.Answer) (u sxcu) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(a.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&u); err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	return u
}

// TestShareXUploads uploads as ShareX does with the file.
func TestShareXUploads(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "s3cret"} {
		t.Run("token "+token, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{Access: access.Options{Token: token}})
			u := readSXCU(t, s.Do(t, "GET", "/sharex.sxcu", "", ""))
			header := apitest.FormType
			for key, value := range u.Headers {
				header += fmt.Sprintf("\n%s: %s", key, strings.ReplaceAll(value, "YOUR-TOKEN", token))
			}
			post := func(content string) apitest.Answer {
				return s.Do(t, u.RequestMethod, s.Path(t, u.RequestURL), header, apitest.Form(apitest.File(u.FileFormName, "cat.png", content)))
			}
			cat := apitest.Sample(t, "photo-444.jpg")
			a := post(cat)
			a.Want(t, http.StatusCreated)
			s.Do(t, "GET", s.Path(t, filled(t, u.URL, a)), "", "").WantImage(t, cat)
			s.Do(t, "GET", s.Path(t, filled(t, u.ThumbnailURL, a)), "", "").Want(t, http.StatusOK)
			s.Do(t, "DELETE", s.Path(t, filled(t, u.DeletionURL, a)), "", "").Want(t, http.StatusNoContent)
			if got := filled(t, u.ErrorMessage, post("no image")); !strings.Contains(got, "cat.png") {
				t.Errorf("the error is shown as %q", got)
			}
		})
	}
}

var functions = regexp.MustCompile(`\{json:([a-z_]+)\}`)

// filled replaces each {json:…} of ShareX with its value in the response.
func filled(t testing.TB, syntax string, a apitest.Answer) string {
	t.Helper()
	fields := decode(t, a)
	return functions.ReplaceAllStringFunc(syntax, func(f string) string {
		value, ok := fields[functions.FindStringSubmatch(f)[1]].(string)
		if !ok {
			t.Errorf("%s is not a text in %s", f, a)
		}
		return value
	})
}
