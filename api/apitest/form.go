package apitest

import (
	"fmt"
	"io"
	"strings"
)

// Boundary separates the parts of a form, and FormType is the header of a request with one.
const (
	Boundary = "frontier"
	FormType = "Content-Type: multipart/form-data; boundary=" + Boundary
)

// Form returns a multipart/form-data body with these parts.
func Form(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + Boundary + "\r\n" + p + "\r\n")
	}
	return b.String() + "--" + Boundary + "--\r\n"
}

// Part returns a part of a form. header has a field in each line.
func Part(header, content string) string {
	return strings.ReplaceAll(header, "\n", "\r\n") + "\r\n\r\n" + content
}

// File returns a part with a file, as browsers write it.
func File(field, name, content string) string {
	return Part(fmt.Sprintf("Content-Disposition: form-data; name=%q; filename=\"%s\"\nContent-Type: application/octet-stream", field, name), content)
}

// Text returns a part with the value of a text field.
func Text(field, value string) string {
	return Part(fmt.Sprintf("Content-Disposition: form-data; name=%q", field), value)
}

// Chunked returns a body of unknown length, which net/http sends in chunks.
func Chunked(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }
