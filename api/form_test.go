package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
)

const (
	boundary = "frontier"
	formType = "Content-Type: multipart/form-data; boundary=" + boundary
)

// form is a multipart/form-data body of these parts.
func form(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n" + p + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

// part is a part of a form, with the header a line each.
func part(header, content string) string {
	return strings.ReplaceAll(header, "\n", "\r\n") + "\r\n\r\n" + content
}

// file is a part that carries a file, as browsers write it.
func file(field, name, content string) string {
	return part(fmt.Sprintf("Content-Disposition: form-data; name=%q; filename=\"%s\"\nContent-Type: application/octet-stream", field, name), content)
}

// text is a part of an ordinary field.
func text(field, value string) string {
	return part(fmt.Sprintf("Content-Disposition: form-data; name=%q", field), value)
}

// upload posts the parts as a form.
func (s *server) upload(t testing.TB, parts ...string) answer {
	t.Helper()
	return s.do(t, "POST", "/upload", formType, form(parts...))
}

// TestForms: bodies as clients write them, and as they should not.
func TestForms(t *testing.T) {
	t.Parallel()
	cat := picture(t, 1, 0)
	const dispo = "Content-Disposition: form-data; name=\"file\"; filename=\"cat.png\"\n"
	for name, c := range map[string]struct {
		header string // formType when empty
		body   string
		status int
		code   string // of an error
		stored []string
	}{
		"field image":          {body: form(file("image", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"field upload":         {body: form(file("upload", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"field source":         {body: form(file("source", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"field without a name": {body: form(file("", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"text before":          {body: form(text("album", "pets"), file("file", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"text after":           {body: form(file("file", "cat.png", cat), text("album", "pets")), status: 201, stored: []string{"cat.png"}},
		"an image in a text":   {body: form(text("album", cat)), status: 400, code: "no_file"},
		"file without a name":  {body: form(text("file", cat)), status: 201, stored: []string{"image.png"}},
		"file that is a text":  {body: form(text("file", "cat.png")), status: 415, code: "not_an_image"},
		"file that is no text": {body: form(text("file", ""), file("image", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"quoted boundary":      {header: `Content-Type: multipart/form-data; boundary="` + boundary + `"`, body: form(file("file", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"type in capitals":     {header: "Content-Type: Multipart/Form-Data; Boundary=" + boundary, body: form(file("file", "cat.png", cat)), status: 201, stored: []string{"cat.png"}},
		"type image/png":       {body: form(part(dispo+"Content-Type: image/png", cat)), status: 201, stored: []string{"cat.png"}},
		"type text/html":       {body: form(part(dispo+"Content-Type: text/html", cat)), status: 201, stored: []string{"cat.png"}},
		"no type":              {body: form(part(strings.TrimSuffix(dispo, "\n"), cat)), status: 201, stored: []string{"cat.png"}},
		"preamble, epilogue":   {body: "This is a form.\r\n" + form(file("file", "cat.png", cat)) + "That was it.\r\n", status: 201, stored: []string{"cat.png"}},
		"no last line end":     {body: strings.TrimSuffix(form(file("file", "cat.png", cat)), "\r\n"), status: 201, stored: []string{"cat.png"}},
		"bare line feeds": {
			body:   strings.ReplaceAll(form(file("file", "drawing.svg", sample(t, "gradient.svg"))), "\r\n", "\n"),
			status: 201, stored: []string{"drawing.svg"},
		},

		// Encodings of parts are from the time of mail (RFC 7578 section 4.7).
		"encoding binary":                   {body: form(part(dispo+"Content-Transfer-Encoding: binary", cat)), status: 201, stored: []string{"cat.png"}},
		"encoding base64":                   {body: form(part(dispo+"Content-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString([]byte(cat)))), status: 201, stored: []string{"cat.png"}},
		"encoding base64, broken":           {body: form(part(dispo+"Content-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString([]byte(cat))+"=")), status: 400, code: "bad_form"},
		"encoding quoted-printable":         {body: form(part(dispo+"Content-Transfer-Encoding: quoted-printable", `<svg xmlns=3D"http://www.w3.org/2000/svg" width=3D"1" height=3D"2"/>`)), status: 201, stored: []string{"cat.png"}},
		"encoding quoted-printable, broken": {body: form(part(dispo+"Content-Transfer-Encoding: quoted-printable", "<svg width='\x00'/>")), status: 400, code: "bad_form"},

		"no file":               {body: form(), status: 400, code: "no_file"},
		"texts only":            {body: form(text("a", "1"), text("b", "2")), status: 400, code: "no_file"},
		"nothing chosen":        {body: form(file("file", "", "")), status: 400, code: "no_file"},
		"nothing chosen, image": {body: form(file("image", "", "")), status: 400, code: "no_file"},
		"empty file":            {body: form(file("file", "cat.png", "")), status: 400, code: "empty"},
		"empty body":            {body: "", status: 400, code: "cut_off"},
		"another boundary":      {body: strings.ReplaceAll(form(file("file", "cat.png", cat)), boundary, "border"), status: 400, code: "cut_off"},
		"no boundary":           {header: "Content-Type: multipart/form-data", body: form(file("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"empty boundary":        {header: "Content-Type: multipart/form-data; boundary=", body: form(file("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"multipart/mixed":       {header: "Content-Type: multipart/mixed; boundary=" + boundary, body: form(file("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"urlencoded":            {header: "Content-Type: application/x-www-form-urlencoded", body: "file=cat.png", status: 400, code: "not_a_form"},
		"JSON":                  {header: "Content-Type: application/json", body: `{"file":"cat.png"}`, status: 400, code: "not_a_form"},
		"bare bytes":            {header: "Content-Type: image/png", body: cat, status: 400, code: "not_a_form"},
		"no type of the body":   {header: "Accept: */*", body: form(file("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"nonsense for a type":   {header: "Content-Type: ;;;", body: form(file("file", "cat.png", cat)), status: 400, code: "not_a_form"},
		"no last boundary":      {body: strings.TrimSuffix(form(file("file", "cat.png", cat)), "--"+boundary+"--\r\n"), status: 400, code: "cut_off"},
		"cut off in the file":   {body: form(file("file", "cat.png", cat))[:400], status: 400, code: "cut_off"},
		"cut off in the header": {body: form(file("file", "cat.png", cat))[:60], status: 400, code: "cut_off"},
		"cut off in the second file's header": {
			body:   strings.SplitAfter(form(file("a", "cat.png", cat), file("b", "dog.png", cat)), `name="b"`)[0],
			status: 400, code: "cut_off", // what is cut off may have been the first one's expires_in
		},
		"no end of a boundary":   {body: "--" + boundary + "\r\n" + text("a", "1") + "\r\n--" + boundary + "--x\r\n", status: 400, code: "bad_form"},
		"a header without colon": {body: form(part("Content-Disposition", cat)), status: 400, code: "no_file"},
		"a control in the name":  {body: form(file("file", "a\x01b.png", cat)), status: 201, stored: []string{"ab.png"}},
		"controls in a header":   {body: form(part(dispo+"X\x00: \x07\nContent-Type: image/png", cat)), status: 201, stored: []string{"cat.png"}},
		"odd boundary":           {header: "Content-Type: multipart/form-data; boundary===a:b c==", body: strings.ReplaceAll(form(file("file", "cat.png", cat)), boundary, "==a:b c=="), status: 201, stored: []string{"cat.png"}},
		"endless boundary":       {header: "Content-Type: multipart/form-data; boundary=" + strings.Repeat("b", 300), body: "x", status: 400, code: "not_a_form"},
		"a header that is endless": {
			body:   form(part("X-Long: "+strings.Repeat("x", 11<<20), cat)),
			status: 400, code: "bad_form",
		},
		"a header of 9 MB": { // 64 clients that send one must not take the server's memory
			body:   form(part("X-Long: "+strings.Repeat("x", 9<<20), "") + "\r\n--" + boundary + "\r\n" + file("file", "cat.png", cat)),
			status: 400, code: "bad_form",
		},
		"very many headers": {
			body:   form(part(strings.Repeat("X-Many: x\n", 20000)+"X-Last: x", cat)),
			status: 400, code: "bad_form",
		},
		"too many texts": {
			body:   form(strings.Repeat(text("a", "1")+"\r\n--"+boundary+"\r\n", 40000) + file("file", "cat.png", cat)),
			status: 400, code: "bad_form",
		},
		"too many files": {
			body:   form(strings.Repeat(file("file", "", "")+"\r\n--"+boundary+"\r\n", 1001) + file("file", "cat.png", cat)),
			status: 400, code: "too_many_files",
		},
		"a file among very many texts": {
			body:   form(strings.Repeat(text("a", "1")+"\r\n--"+boundary+"\r\n", 20000) + file("file", "cat.png", cat)),
			status: 201, stored: []string{"cat.png"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, api.Options{})
			if c.header == "" {
				c.header = formType
			}
			a := s.do(t, "POST", "/upload", c.header, c.body)
			if c.code != "" {
				a.refusal(t, c.status, c.code)
			} else {
				a.want(t, c.status)
			}
			if c.stored == nil {
				c.stored = []string{}
			}
			if diff := cmp.Diff(c.stored, s.stored(t)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTruncatedForm: the connection ends before the Content-Length is reached.
func TestTruncatedForm(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	body := form(file("file", "cat.png", picture(t, 1, 300<<10)))
	end := len("\r\n--" + boundary + "--\r\n")
	for _, sent := range []int{0, 1, 50, 200, 4096, 200 << 10, len(body) - end, len(body) - end/2} {
		c := s.dial(t)
		c.request(t, "POST /upload", fmt.Sprintf("%s\nContent-Length: %d", formType, len(body)+1))
		if _, err := c.Write([]byte(body[:sent])); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.answer(t, http.MethodPost).refusal(t, http.StatusBadRequest, "cut_off")
	}
	if got := s.stored(t); len(got) > 0 {
		t.Errorf("%q are stored, want nothing", got)
	}
}
