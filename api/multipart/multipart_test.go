package multipart_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	stdmultipart "mime/multipart"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"imageserver/api/multipart"
)

// read returns the parts of a body, each as NAME/FILE:CONTENT, and the error at its end.
// It reads size bytes at once.
func read(r io.Reader, size int) (parts []string, err error) {
	m := multipart.NewReader(r, "b")
	for {
		p, err := m.NextPart()
		if err != nil {
			return parts, err
		}
		var content bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&content}, struct{ io.Reader }{p}, make([]byte, size)); err != nil {
			return parts, err
		}
		parts = append(parts, fmt.Sprintf("%s/%s:%s", p.Name, p.FileName, content.String()))
	}
}

const disposition = `Content-Disposition: form-data; name="a"; filename="c.png"` + "\r\n\r\n"

// bodies are bodies that are difficult to parse. TestBodies adds a body with long
// content, which Part.Read reads into the caller's buffer.
var bodies = []struct {
	body string
	want []string // the contents of the parts, which all have the header disposition
	err  error
}{
	{"--b\r\n" + disposition + "x\r\n--b--\r\n", []string{"x"}, io.EOF},
	{"--b\r\n" + disposition + "\r\n--b--", []string{""}, io.EOF},
	{"--b\r\n" + disposition + "--b--", []string{""}, io.EOF},
	{"--b\r\n" + disposition + "--bb\r\n--b--", []string{"--bb"}, io.EOF},
	{"--b\r\n" + disposition + "x\r\n--bx\r\n--b \t\r\n" + disposition + "y\r\n--b--", []string{"x\r\n--bx", "y"}, io.EOF},
	{"--b\r\n" + disposition + "\r\n\r\n--\r\n--\r--b\r\n--b--", []string{"\r\n\r\n--\r\n--\r--b"}, io.EOF},
	{"--b\n" + strings.ReplaceAll(disposition, "\r", "") + "x\r\n--b--\n", []string{"x\r"}, io.EOF},
	{"preamble\r\n--bbb\r\n--b\r\n" + disposition + "x\r\n--b--epilogue\r\n", []string{"x"}, multipart.ErrBoundary},
	{"--b 0\r\n--b--x\r\n--b\r\n" + disposition + "x\r\n--b--", []string{"x"}, io.EOF}, // the first two lines are the preamble
	{"--b\r\n" + disposition + "x\r\n--b--\r\nepilogue", []string{"x"}, io.EOF},
	{"--b\r\n" + disposition + "x\r\n--b", []string{"x"}, io.ErrUnexpectedEOF},
	{"--b\r\n" + disposition + "x\r\n--", nil, io.ErrUnexpectedEOF},
	{"--b\r\nContent-Disposition", nil, io.ErrUnexpectedEOF},
	{"", nil, io.ErrUnexpectedEOF},
	{"--b\r\n" + disposition + "x\r\n--b--x\r\n", []string{"x"}, multipart.ErrBoundary},
	{"--b\r\nX: " + strings.Repeat("x", 65<<10) + "\r\n\r\n", nil, multipart.ErrHeader},
	{strings.Repeat("preamble\r\n", 7000), nil, multipart.ErrHeader},
}

func TestBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\r\n--c", 5) + strings.Repeat("0123456789abcde\r", 1<<10) // looks like the beginning of a boundary
	bodies := append(slices.Clone(bodies), struct {
		body string
		want []string
		err  error
	}{"--b\r\n" + disposition + long + "\r\n--b\r\n" + disposition + "\r\n--b--", []string{long, ""}, io.EOF})
	for i, c := range bodies {
		var want []string
		for _, content := range c.want {
			want = append(want, "a/c.png:"+content)
		}
		for _, size := range []int{7, 512, 8 << 10, 128 << 10} {
			for how, r := range map[string]io.Reader{
				"whole": strings.NewReader(c.body), "byte by byte": iotest.OneByteReader(strings.NewReader(c.body)),
				"in halves": iotest.HalfReader(strings.NewReader(c.body)), "with its end": iotest.DataErrReader(strings.NewReader(c.body)),
			} {
				got, err := read(r, size)
				if !slices.Equal(got, want) || !errors.Is(err, c.err) {
					t.Errorf("body %d %s, %d bytes at a time: got %.200q, %v, want %.200q, %v", i, how, size, got, err, want, c.err)
				}
			}
		}
	}
}

// TestReaderError checks that an error of the connection is returned unchanged.
func TestReaderError(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	for _, sent := range []string{"", "--b\r\nContent-", "--b\r\n" + disposition, "--b\r\n" + disposition + strings.Repeat("x", 20_000), "--b\r\n" + disposition + "x\r\n--b"} {
		if _, err := read(io.MultiReader(strings.NewReader(sent), iotest.ErrReader(reset)), 16<<10); !errors.Is(err, reset) {
			t.Errorf("after %.40q: got %v, want %v", sent, err, reset)
		}
	}
}

func TestBoundary(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"multipart/form-data; boundary=b":                           "b",
		`Multipart/Form-Data; charset=utf-8; BOUNDARY="a b"`:        "a b",
		"multipart/form-data;boundary===a:b==":                      "==a:b==",
		"multipart/form-data":                                       "",
		"multipart/form-data; boundary=":                            "",
		"multipart/form-data; boundary=" + strings.Repeat("b", 201): "",
		"multipart/mixed; boundary=b":                               "not a form",
		"image/png":                                                 "not a form",
		"":                                                          "not a form",
		";;;":                                                       "not a form",
	} {
		got, isForm := multipart.Boundary(header)
		if !isForm {
			got = "not a form"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

// FuzzReader compares Reader with mime/multipart. If mime/multipart accepts a body, the
// contents must be the same. They must not depend on how many bytes arrive at once.
func FuzzReader(f *testing.F) {
	for _, c := range bodies {
		f.Add([]byte(c.body), 8<<10)
		f.Add([]byte(c.body), 3)
	}
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		size = max(1, min(size, 128<<10))
		got, err := read(iotest.HalfReader(bytes.NewReader(body)), size)
		again, errAgain := read(bytes.NewReader(body), 512)
		if !slices.Equal(got, again) && !errors.Is(err, multipart.ErrEncoding) || (err == io.EOF) != (errAgain == io.EOF) {
			t.Errorf("got %q, %v in halves and %q, %v at once", got, err, again, errAgain)
		}
		var want []string
		std := stdmultipart.NewReader(bytes.NewReader(body), "b")
		for {
			p, err := std.NextRawPart()
			if err != nil {
				break
			}
			if p.Header.Get("Content-Transfer-Encoding") != "" {
				return
			}
			content, err := io.ReadAll(p)
			if err != nil {
				break
			}
			want = append(want, string(content))
		}
		if errors.Is(err, multipart.ErrHeader) || errors.Is(err, multipart.ErrEncoding) {
			want = want[:min(len(want), len(got))] // mime/multipart has other limits
		}
		if have := contents(body); len(have) < len(want) || !slices.Equal(have[:len(want)], want) {
			t.Errorf("got %q, %v, want %q at least", have, err, want)
		}
	})
}

// contents returns the contents of the parts up to the first error.
func contents(body []byte) (all []string) {
	m := multipart.NewReader(bytes.NewReader(body), "b")
	for {
		p, err := m.NextPart()
		if err != nil {
			return all
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return all
		}
		all = append(all, string(content))
	}
}

// TestHeaderCost checks that Part.Header counts every byte of a header, so that a caller
// can limit the number of empty parts. It also checks that a long header is not copied
// again for each byte or each line that arrives.
func TestHeaderCost(t *testing.T) { // not parallel: it counts allocations
	for _, header := range []string{"", "X: y\r\n", "X: y\r\n z\r\n", "Content-Disposition: form-data;\r\n filename=cat.png\r\n"} {
		p, err := multipart.NewReader(strings.NewReader("--b\r\n"+header+"\r\n\r\n--b--"), "b").NextPart()
		if err != nil || p.Header != len(header)+2 {
			t.Errorf("%q: got %+v and %v, want a header of %d bytes", header, p, err, len(header)+2)
		}
		if err == nil && strings.Contains(header, "cat.png") != (p.FileName == "cat.png") {
			t.Errorf("%q: got the file name %q", header, p.FileName)
		}
	}
	for what, header := range map[string]string{"one line": "X: " + strings.Repeat("x", 60_000), "folded": "X: y" + strings.Repeat("\r\n x", 12_000)} {
		allocs := testing.AllocsPerRun(1, func() {
			r := iotest.OneByteReader(strings.NewReader("--b\r\n" + header + "\r\n\r\n\r\n--b--"))
			if _, err := multipart.NewReader(r, "b").NextPart(); err != nil {
				t.Error(err)
			}
		})
		if allocs > 100 {
			t.Errorf("%s, byte by byte: %.0f allocations, want at most 100", what, allocs)
		}
	}
}

// FuzzFileName looks for a header that NextPart rejects, or that gives a file name much
// longer than the header.
func FuzzFileName(f *testing.F) {
	for _, header := range []string{
		`form-data; name="a"; filename="c.png"`, `form-data; filename*=UTF-8''%E7%8C%AB.png`, `form-data; filename=my cat.png; x`,
		`form-data; filename="a\"b\\c`, `;;=;"="`, `form-data; filename="=?UTF-8?B?54yrLnBuZw==?="`, `form-data; filename="%E7%8C%AB%ZZ%"`,
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if strings.ContainsAny(header, "\r\n") {
			return
		}
		m := multipart.NewReader(strings.NewReader("--b\r\nContent-Disposition: "+header+"\r\n\r\nx\r\n--b--"), "b")
		p, err := m.NextPart()
		if err != nil {
			if len(header) < 60_000 {
				t.Fatal(err)
			}
			return
		}
		if len(p.FileName) > 3*len(header) {
			t.Errorf("%q became a name of %d bytes", header, len(p.FileName))
		}
	})
}
