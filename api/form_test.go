package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
)

// TestForms sends bodies as clients write them, and wrong ones.
func TestForms(t *testing.T) {
	t.Parallel()
	cat := apitest.Picture(t, 1, 0)
	const dispo = "Content-Disposition: form-data; name=\"file\"; filename=\"cat.png\"\n"
	for name, c := range map[string]struct {
		header string // FormType if empty
		body   string
		status int
		code   string // of an error
		stored []string
	}{
		"field image":          {body: apitest.Form(apitest.File("image", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"field upload":         {body: apitest.Form(apitest.File("upload", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"field source":         {body: apitest.Form(apitest.File("source", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"field without a name": {body: apitest.Form(apitest.File("", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"text before":          {body: apitest.Form(apitest.Text("album", "pets"), apitest.File("file", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"text after":           {body: apitest.Form(apitest.File("file", "cat.png", cat), apitest.Text("album", "pets")), status: 201, stored: []string{"cat.png"}},
		"an image in a text":   {body: apitest.Form(apitest.Text("album", cat)), status: 400, code: "no_file"},
		"file without a name":  {body: apitest.Form(apitest.Text("file", cat)), status: 201, stored: []string{"image.png"}},
		"file that is a text":  {body: apitest.Form(apitest.Text("file", "cat.png")), status: 415, code: "not_an_image"},
		"file that is no text": {body: apitest.Form(apitest.Text("file", ""), apitest.File("image", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"quoted boundary":      {header: `Content-Type: multipart/form-data; boundary="` + apitest.Boundary + `"`, body: apitest.Form(apitest.File("file", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"type in capitals":     {header: "Content-Type: Multipart/Form-Data; Boundary=" + apitest.Boundary, body: apitest.Form(apitest.File("file", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"type image/png":       {body: apitest.Form(apitest.Part(dispo+"Content-Type: image/png", cat)), status: 201, stored: []string{"cat.png"}},
		"type text/html":       {body: apitest.Form(apitest.Part(dispo+"Content-Type: text/html", cat)), status: 201, stored: []string{"cat.png"}},
		"no type":              {body: apitest.Form(apitest.Part(strings.TrimSuffix(dispo, "\n"), cat)), status: 201, stored: []string{"cat.png"}},
		"preamble, epilogue":   {body: "This is a form.\r\n" + apitest.Form(apitest.File("file", "cat.png", cat)) + "That was it.\r\n", status: 201, stored: []string{"cat.png"}},
		"no last line end":     {body: strings.TrimSuffix(apitest.Form(apitest.File("file", "cat.png", cat)), "\r\n"), status: 201, stored: []string{"cat.png"}},
		"bare line feeds": {
			body:   strings.ReplaceAll(apitest.Form(apitest.File("file", "drawing.svg", apitest.Sample(t, "gradient.svg"))), "\r\n", "\n"),
			status: 201, stored: []string{"drawing.svg"},
		},

		// Mail has encodings of parts; RFC 7578 section 4.7 deprecates them.
		"encoding binary":                   {body: apitest.Form(apitest.Part(dispo+"Content-Transfer-Encoding: binary", cat)), status: 201, stored: []string{"cat.png"}},
		"encoding base64":                   {body: apitest.Form(apitest.Part(dispo+"Content-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString([]byte(cat)))), status: 201, stored: []string{"cat.png"}},
		"encoding base64, broken":           {body: apitest.Form(apitest.Part(dispo+"Content-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString([]byte(cat))+"=")), status: 400, code: "bad_form"},
		"encoding quoted-printable":         {body: apitest.Form(apitest.Part(dispo+"Content-Transfer-Encoding: quoted-printable", `<svg xmlns=3D"http://www.w3.org/2000/svg" width=3D"1" height=3D"2"/>`)), status: 201, stored: []string{"cat.png"}},
		"encoding quoted-printable, broken": {body: apitest.Form(apitest.Part(dispo+"Content-Transfer-Encoding: quoted-printable", "<svg width='\x00'/>")), status: 400, code: "bad_form"},

		"no file":               {body: apitest.Form(), status: 400, code: "no_file"},
		"texts only":            {body: apitest.Form(apitest.Text("a", "1"), apitest.Text("b", "2")), status: 400, code: "no_file"},
		"nothing chosen":        {body: apitest.Form(apitest.File("file", "", "")), status: 400, code: "no_file"},
		"nothing chosen, image": {body: apitest.Form(apitest.File("image", "", "")), status: 400, code: "no_file"},
		"empty file":            {body: apitest.Form(apitest.File("file", "cat.png", "")), status: 400, code: "empty"},
		"empty body":            {body: "", status: 400, code: "cut_off"},
		"another boundary":      {body: strings.ReplaceAll(apitest.Form(apitest.File("file", "cat.png", cat)), apitest.Boundary, "border"), status: 400, code: "cut_off"},
		"no boundary":           {header: "Content-Type: multipart/form-data", body: apitest.Form(apitest.File("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"empty boundary":        {header: "Content-Type: multipart/form-data; boundary=", body: apitest.Form(apitest.File("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"multipart/mixed":       {header: "Content-Type: multipart/mixed; boundary=" + apitest.Boundary, body: apitest.Form(apitest.File("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"urlencoded":            {header: "Content-Type: application/x-www-form-urlencoded", body: "file=cat.png", status: 400, code: "not_a_form"},
		"JSON":                  {header: "Content-Type: application/json", body: `{"file":"cat.png"}`, status: 400, code: "not_a_form"},
		"bare bytes":            {header: "Content-Type: image/png", body: cat, status: 400, code: "not_a_form"},
		"no type of the body":   {header: "Accept: */*", body: apitest.Form(apitest.File("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"nonsense for a type":   {header: "Content-Type: ;;;", body: apitest.Form(apitest.File("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"no last boundary":      {body: strings.TrimSuffix(apitest.Form(apitest.File("file", "cat.png", cat)), "--"+apitest.Boundary+"--\r\n"), status: 400, code: "cut_off"},
		"cut off in the file":   {body: apitest.Form(apitest.File("file", "cat.png", cat))[:400], status: 400, code: "cut_off"},
		"cut off in the header": {body: apitest.Form(apitest.File("file", "cat.png", cat))[:60], status: 400, code: "cut_off"},
		"cut off in the second file's header": {
			body:   strings.SplitAfter(apitest.Form(apitest.File("a", "cat.png", cat), apitest.File("b", "dog.png", cat)), `name="b"`)[0],
			status: 400, code: "cut_off", // the missing part may be the expires_in of the first file
		},
		"no end of a boundary":   {body: "--" + apitest.Boundary + "\r\n" + apitest.Text("a", "1") + "\r\n--" + apitest.Boundary + "--x\r\n", status: 400, code: "bad_form"},
		"a header without colon": {body: apitest.Form(apitest.Part("Content-Disposition", cat)), status: 400, code: "no_file"},
		"a control in the name":  {body: apitest.Form(apitest.File("file", "a\x01b.png", cat)), status: 201, stored: []string{"ab.png"}},
		"controls in a header":   {body: apitest.Form(apitest.Part(dispo+"X\x00: \x07\nContent-Type: image/png", cat)), status: 201, stored: []string{"cat.png"}},
		"odd boundary":           {header: "Content-Type: multipart/form-data; boundary===a:b c==", body: strings.ReplaceAll(apitest.Form(apitest.File("file", "cat.png", cat)), apitest.Boundary, "==a:b c=="), status: 201, stored: []string{"cat.png"}},
		"endless boundary":       {header: "Content-Type: multipart/form-data; boundary=" + strings.Repeat("b", 300), body: "x", status: 400, code: "not_a_form"},
		"a header that is endless": {
			body:   apitest.Form(apitest.Part("X-Long: "+strings.Repeat("x", 11<<20), cat)),
			status: 400, code: "bad_form",
		},
		"a header of 9 MB": { // 64 clients that send one must not fill the memory of the server
			body:   apitest.Form(apitest.Part("X-Long: "+strings.Repeat("x", 9<<20), "") + "\r\n--" + apitest.Boundary + "\r\n" + apitest.File("file", "cat.png", cat)),
			status: 400, code: "bad_form",
		},
		"very many headers": {
			body:   apitest.Form(apitest.Part(strings.Repeat("X-Many: x\n", 20000)+"X-Last: x", cat)),
			status: 400, code: "bad_form",
		},
		"too many texts": {
			body:   apitest.Form(strings.Repeat(apitest.Text("a", "1")+"\r\n--"+apitest.Boundary+"\r\n", 40000) + apitest.File("file", "cat.png", cat)),
			status: 400, code: "bad_form",
		},
		"too many files": {
			body:   apitest.Form(strings.Repeat(apitest.File("file", "", "")+"\r\n--"+apitest.Boundary+"\r\n", 1001) + apitest.File("file", "cat.png", cat)),
			status: 400, code: "too_many_files",
		},
		"a file among very many texts": {
			body:   apitest.Form(strings.Repeat(apitest.Text("a", "1")+"\r\n--"+apitest.Boundary+"\r\n", 20000) + apitest.File("file", "cat.png", cat)),
			status: 201, stored: []string{"cat.png"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{})
			if c.header == "" {
				c.header = apitest.FormType
			}
			a := s.Do(t, "POST", "/upload", c.header, c.body)
			if c.code != "" {
				a.Refusal(t, c.status, c.code)
			} else {
				a.Want(t, c.status)
			}
			if c.stored == nil {
				c.stored = []string{}
			}
			if diff := cmp.Diff(c.stored, s.Stored(t)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTruncatedForm sends less than the Content-Length.
func TestTruncatedForm(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	body := apitest.Form(apitest.File("file", "cat.png", apitest.Picture(t, 1, 300<<10)))
	end := len("\r\n--" + apitest.Boundary + "--\r\n")
	for _, sent := range []int{0, 1, 50, 200, 4096, 200 << 10, len(body) - end, len(body) - end/2} {
		c := s.Dial(t)
		c.Request(t, "POST /upload", fmt.Sprintf("%s\nContent-Length: %d", apitest.FormType, len(body)+1))
		if _, err := c.Write([]byte(body[:sent])); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.Answer(t, http.MethodPost).Refusal(t, http.StatusBadRequest, "cut_off")
	}
	if got := s.Stored(t); len(got) > 0 {
		t.Errorf("%q are stored, want nothing", got)
	}
}
