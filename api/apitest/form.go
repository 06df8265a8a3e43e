package apitest

import (
	"fmt"
	"io"
	"strings"
)

const (
	Boundary = "frontier"
	FormType = "Content-Type: multipart/form-data; boundary=" + Boundary
)

// Form is a multipart/form-data body of these parts.
func Form(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + Boundary + "\r\n" + p + "\r\n")
	}
	return b.String() + "--" + Boundary + "--\r\n"
}

// Part is a part of a form, with the header a line each.
func Part(header, content string) string {
	return strings.ReplaceAll(header, "\n", "\r\n") + "\r\n\r\n" + content
}

// File is a part that carries a file, as browsers write it.
func File(field, name, content string) string {
	return Part(fmt.Sprintf("Content-Disposition: form-data; name=%q; filename=\"%s\"\nContent-Type: application/octet-stream", field, name), content)
}

// Text is a part of an ordinary field.
func Text(field, value string) string {
	return Part(fmt.Sprintf("Content-Disposition: form-data; name=%q", field), value)
}

// Chunked is a body whose length the client does not know.
func Chunked(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }
