package api_test

import (
	"net/http"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
)

// clients are programs that upload, and what they read from the response. A path is a list
// of keys separated by dots.
var clients = []struct {
	name   string
	path   string
	header string // in addition to that of the form
	before string // parts before the file
	field  string
	typed  bool   // whether the part has a Content-Type
	url    string // the path to the image's URL
	flag   string // the path to a value that is 1 on success and missing in an error; or empty
	error  string // the path to the error message; empty if the program reads only the status
}{
	{
		name: "the contract's fetch", path: "/upload", header: crossOrigin, field: "file", typed: true,
		url: "url", error: "message",
	},
	{ // https://www.tiny.cloud/docs/tinymce/latest/upload-images/
		name: "TinyMCE", path: "/upload", header: crossOrigin, field: "file", typed: true,
		url: "location",
	},
	{ // https://ckeditor.com/docs/ckeditor5/latest/features/images/image-upload/simple-upload-adapter.html
		name: "CKEditor 5, SimpleUploadAdapter", path: "/upload", header: crossOrigin + "\nAccept: application/json", field: "upload", typed: true,
		url: "url", error: "error.message",
	},
	{
		name: "CKEditor 5, CKFinder adapter", path: "/upload?command=QuickUpload&type=Images&responseType=json", header: crossOrigin,
		field: "upload", typed: true, before: apitest.Text("ckCsrfToken", "x"),
		url: "url", flag: "uploaded", error: "error.message",
	},
	{ // https://ckeditor.com/docs/ckeditor4/latest/guide/dev_file_upload.html
		name: "CKEditor 4", path: "/upload?CKEditor=editor1&CKEditorFuncNum=1&langCode=en&responseType=json", header: crossOrigin,
		field: "upload", typed: true, before: apitest.Text("ckCsrfToken", "x"),
		url: "url", flag: "uploaded", error: "error.message",
	},
	{ // https://github.com/editor-js/image#server-format
		name: "Editor.js", path: "/upload", header: crossOrigin, field: "image", typed: true,
		url: "file.url", flag: "success",
	},
	{ // https://github.com/yuki-xin/picgo-plugin-web-uploader
		name: "PicGo, web-uploader", path: "/upload", header: "contentType: multipart/form-data\nUser-Agent: PicGo", field: "image", typed: true,
		url: "url",
	},
	{
		name: "uPic", path: "/upload", header: "User-Agent: uPic", field: "file", typed: true,
		url: "url",
	},
	{ // as /sharex.sxcu configures it
		name: "ShareX", path: "/upload", header: "User-Agent: ShareX/17.0.0", field: "file", typed: true,
		url: "url", error: "message",
	},
	{
		name: "curl -F", path: "/upload", header: "User-Agent: curl/8.5.0\nAccept: */*", field: "file", typed: true,
		url: "url", error: "message",
	},
	{
		name: "Python requests", path: "/upload", header: "User-Agent: python-requests/2.32.0\nAccept: */*", field: "file",
		url: "url", error: "message",
	},
	{ // it also sends empty fields
		name: "an HTML form", path: "/upload", header: crossOrigin + "\nAccept: text/html,application/xhtml+xml,*/*;q=0.8", field: "photos[]", typed: true,
		before: apitest.Text("title", "") + "\r\n--" + apitest.Boundary + "\r\n" + apitest.File("logo", "", ""),
		url:    "url", error: "message",
	},
}

// crossOrigin is the header that a browser sends for a page of another site.
const crossOrigin = "Origin: https://app.example\nSec-Fetch-Site: cross-site"

// TestClients checks that programs made for other servers find in the response what they
// need.
func TestClients(t *testing.T) {
	t.Parallel()
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{})
			post := func(content string) apitest.Answer {
				sent := apitest.Part(`Content-Disposition: form-data; name="`+c.field+`"; filename="my cat.png"`, content)
				if c.typed {
					sent = apitest.File(c.field, "my cat.png", content)
				}
				if c.before != "" {
					sent = c.before + "\r\n--" + apitest.Boundary + "\r\n" + sent
				}
				return s.Do(t, "POST", c.path, apitest.FormType+"\n"+c.header, apitest.Form(sent))
			}
			cat := apitest.Picture(t, 1, 0)
			a := post(cat)
			a.Want(t, http.StatusCreated)
			image, _ := valueAt(t, a, c.url).(string)
			s.Do(t, "GET", s.Path(t, image), "", "").WantImage(t, cat)
			if c.flag != "" && valueAt(t, a, c.flag) != 1.0 {
				t.Errorf("%s: got %v, want 1 in %s", c.flag, valueAt(t, a, c.flag), a)
			}

			a = post("not an image")
			a.Want(t, http.StatusUnsupportedMediaType)
			if message, _ := valueAt(t, a, c.error).(string); c.error != "" && !strings.Contains(message, "my cat.png") {
				t.Errorf("%s: got %q, want it to name the file", c.error, message)
			}
			if c.flag != "" && valueAt(t, a, c.flag) != nil {
				t.Errorf("%s: got %v in an error", c.flag, valueAt(t, a, c.flag))
			}
		})
	}
}

// valueAt returns the value at a path in the JSON of a response, or nil if it is missing.
func valueAt(t testing.TB, a apitest.Answer, path string) any {
	t.Helper()
	var value any = decode(t, a)
	for _, key := range strings.Split(path, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// TestBareClients uploads without a form, and as a client that does not read JSON.
func TestBareClients(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	cat := apitest.Picture(t, 1, 0)
	const curl = "User-Agent: curl/8.5.0\nAccept: */*"
	put := s.Do(t, "PUT", "/images/cat.png", curl, cat) // curl -T cat.png URL/images/
	put.Want(t, http.StatusCreated)
	if valueAt(t, put, "url") != s.URL+"/images/cat.png" {
		t.Errorf("curl -T: got %s", put)
	}
	bare := s.Do(t, "POST", "/upload", apitest.FormType+"\nAccept: text/plain", apitest.Form(apitest.File("file", "cat.png", cat))).Want(t, http.StatusOK)
	if bare.Body != s.URL+"/images/cat.png\n" {
		t.Errorf("with Accept: text/plain: got %q, want the URL", bare.Body)
	}
}

// TestWrongBodies checks that the error for a body which is not a form says how to send a
// form to this server.
func TestWrongBodies(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	based := apitest.NewServer(t, api.Options{Access: access.Options{BaseURL: baseURL(t, "https://img.example.com/pictures")}})
	cat := apitest.Picture(t, 1, 0)
	command := "curl -F file=@cat.png " + s.URL + "/upload"
	for name, c := range map[string]struct {
		s                    *apitest.Server
		method, path, header string
		body                 string
		code, says           string
	}{
		"curl --data-binary @cat.png": {s, "POST", "/upload", "Content-Type: application/x-www-form-urlencoded", cat, "not_a_form", command},
		"curl -d file=cat.png":        {s, "POST", "/upload", "Content-Type: application/x-www-form-urlencoded", "file=cat.png", "not_a_form", command},
		"the bytes with their type":   {s, "POST", "/upload", "Content-Type: image/png", cat, "not_a_form", command},
		"the bytes with any type":     {s, "POST", "/upload", "Content-Type: application/octet-stream", cat, "not_a_form", command},
		"the bytes without a type":    {s, "POST", "/upload", "", cat, "not_a_form", command},
		"a data URL in JSON":          {s, "POST", "/upload", "Content-Type: application/json", `{"image": "data:image/png;base64,iVBORw0KGgo="}`, "not_a_form", command},
		"nothing":                     {s, "POST", "/upload", "", "", "not_a_form", command},
		"by another name":             {based, "POST", "/upload", "Content-Type: image/png", cat, "not_a_form", "curl -F file=@cat.png https://img.example.com/pictures/upload"},
		"fetch with a type by hand":   {s, "POST", "/upload", "Content-Type: multipart/form-data", apitest.Form(apitest.File("file", "cat.png", cat)), "not_a_form", "Leave the header out"},
		"a form without a file":       {s, "POST", "/upload", apitest.FormType, apitest.Form(apitest.Text("file", "")), "no_file", "“file”"},
		"curl -T cat.png URL/images":  {s, "PUT", "/images", "", cat, "bad_name", "end the URL with /images/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.s.Do(t, c.method, c.path, c.header, c.body)
			if got := a.Refusal(t, http.StatusBadRequest, c.code).Message; !strings.Contains(got, c.says) {
				t.Errorf("the message %q should say %q", got, c.says)
			}
		})
	}
}
