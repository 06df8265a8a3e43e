package api_test

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
)

// uploadNames are the names of uploads, and the names under which they are stored.
var uploadNames = []struct{ sent, kept string }{
	{"cat.png", "cat.png"},
	{"photo (1).png", "photo (1).png"},
	{"a+b & c=d;e,f.png", "a+b & c=d;e,f.png"},
	{"no extension", "no extension"},
	{"cat.txt", "cat.txt"}, // the bytes decide the type; the name is kept
	{"写真 🌄.png", "写真 🌄.png"},
	{"صورة.png", "صورة.png"},
	{"cafe\u0301.png", "caf\u00e9.png"}, // NFD to NFC
	{"a\u2764\ufe0fb.png", "a\u2764\ufe0fb.png"},

	{"a#b?c%d.png", "a_b_c_d.png"},
	{"100%.png", "100_.png"},
	{"%2e%2e%2fcat.png", "cat.png"},
	{"quo%22te.png", `quo"te.png`},             // how browsers write a quotation mark
	{"%E7%8C%AB.png", "猫.png"},                 // as RFC 7578 and aiohttp do
	{"sp%20ace%E7%8C.png", "sp ace_E7_8C.png"}, // not UTF-8: the percent signs belong to the name
	{"50%-off%zz.png", "50_-off_zz.png"},
	{"a%00b%0d%0ac.png", "abc.png"},
	{"%25.png", "_.png"},
	{"\x1ba\x07b\x7fc.png", "abc.png"}, // ESC, BEL, DEL
	{"=?UTF-8?B?54yrLnBuZw==?=", "猫.png"},
	{"=?UTF-8?Q?=E7=8C=AB.png?=", "猫.png"},
	{"=?nonsense", "=_nonsense"},

	{"../../etc/cat.png", "cat.png"},
	{"/etc/cat.png", "cat.png"},
	{`C:\\Users\\me\\cat.png`, "cat.png"}, // escaped, as a quoted-string must be
	{`C:\fakepath\cat.png`, "cat.png"},    // and as Internet Explorer wrote it
	{`..\..\cat.png`, "cat.png"},
	{`a/b\\c.png`, "c.png"},
	{"dir/", "image.png"},
	{"/", "image.png"},
	{"..", "image.png"},
	{".png", "png"},
	{" . cat.png . ", "cat.png"},
	{"\u200b\u202e\ufeff", "image.png"},

	{"a\u202egnp.exe", "agnp.exe"}, // bidi override
	{"a\u200bb\u200dc.png", "abc.png"},
	{"می\u200cخواهم.png", "می\u200cخواهم.png"}, // with ZWNJ
	{"👨‍👩‍👧.png", "👨‍👩‍👧.png"},
	{"cafe\u0301\u200d.png", "café.png"}, // a joiner after a letter that NFC makes Latin
	{"a\u0085b\u2028c.png", "abc.png"},

	{strings.Repeat("n", 300) + ".png", strings.Repeat("n", 251) + ".png"},
	{strings.Repeat("写", 100) + ".png", strings.Repeat("写", 83) + ".png"},
	{strings.Repeat("n", 300), strings.Repeat("n", 255)},
	{"z" + strings.Repeat("\u0301", 1000) + ".png", "\u017a" + strings.Repeat("\u0301", 29) + ".png"},

	{"caf\xe9.png", "café.png"},                             // Latin-1
	{"\x93hi\x94 \x96 caf\xe9%22.png", "“hi” – café\".png"}, // as browsers send windows-1252
	{"猫\xe7\x8c.png", "猫_.png"},                             // damaged UTF-8
	{"%E7%8C%AB%E7%8C100%25.png", "猫_E7_8C100_.png"},        // good escapes beside bad ones
}

func TestUploadNames(t *testing.T) {
	t.Parallel()
	for _, c := range uploadNames {
		t.Run(c.kept, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{})
			cat := apitest.Picture(t, 1, 0)
			a := s.Upload(t, apitest.File("file", c.sent, cat))
			got := a.Success(t, http.StatusCreated)
			if got.Filename != c.kept {
				t.Errorf("%q is stored as %q, want %q", c.sent, got.Filename, c.kept)
			}
			// Fetch the image by its absolute URL and as the contract
			// describes it: with the plain name in the URL, which browsers
			// then escape.
			a.WantHeader(t, "Location", got.URL)
			s.Do(t, "GET", s.Path(t, got.URL), "", "").WantImage(t, cat)
			typed, err := url.Parse(s.URL + "/images/" + got.Filename)
			if err != nil {
				t.Fatal(err)
			}
			s.Do(t, "GET", typed.RequestURI(), "", "").WantImage(t, cat)
		})
	}
}

// TestUploadNameForms writes a name into the header of a part in several ways.
func TestUploadNameForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ parameters, kept string }{
		"quoted":                     {`filename="cat.png"`, "cat.png"},
		"token":                      {`filename=cat.png`, "cat.png"},
		"escaped quote":              {`filename="c\"at.png"`, `c"at.png`},
		"RFC 8187":                   {`filename*=UTF-8''na%C3%AFve.png`, "naïve.png"},
		"RFC 8187 and ASCII":         {`filename="naive.png"; filename*=UTF-8''na%C3%AFve.png`, "naïve.png"},
		"mime":                       {strings.TrimPrefix(mime.FormatMediaType("form-data", map[string]string{"filename": "写真.png"}), "form-data; "), "写真.png"},
		"empty":                      {`filename=""`, "image.png"},
		"none":                       {`x="y"`, "image.png"},
		"semicolon":                  {`filename="a;b.png"`, "a;b.png"},
		"tab":                        {"filename=\"a\tb.png\"", "ab.png"},
		"Latin-1":                    {`filename*=iso-8859-1''k%E4se4.png`, "käse4.png"},
		"Latin-1 unquoted":           {`filename="kaese.png"; FileName*=ISO-8859-1'de'k%E4se.png`, "käse.png"},
		"bad RFC 8187":               {`filename*=UTF-8''%E7%8; filename="cat.png"`, "cat.png"},
		"Latin-1 under another name": {`filename*=UTF-8''k%E4se.png`, "käse.png"},
		"RFC 8187 without a charset": {`filename*=cat%201.png`, "cat 1.png"},
		"RFC 8187, a bare percent":   {`filename*=UTF-8''100%.png`, "100_.png"},
		"RFC 8187, quoted":           {`filename*="UTF-8''%E7%8C%AB.png"`, "猫.png"},
		"RFC 8187 beside nothing":    {`filename=""; filename*=UTF-8''%E7%8C%AB.png`, "猫.png"},
		"RFC 8187, empty":            {`filename="cat.png"; filename*=UTF-8''`, "cat.png"},
		"token with a space":         {`filename=my cat.png`, "my cat.png"},
		"token in UTF-8":             {`filename=猫 2.png`, "猫 2.png"},
		"twice":                      {`filename="cat.png"; filename="dog.png"`, "cat.png"},
		"in capitals":                {`FILENAME="cat.png"`, "cat.png"},
		"bare quotes":                {`filename="say "hi".png"`, `say "hi".png`},
		"no end":                     {`filename="cat.png`, "cat.png"},
		"spaces around":              {`filename = "cat.png" ; x=y`, "cat.png"},
		"content URL":                {`filename="content://media/external/1007044"`, "1007044"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{})
			a := s.Upload(t, apitest.Part(`Content-Disposition: form-data; name="file"; `+c.parameters, apitest.Picture(t, 1, 0)))
			if got := a.Success(t, http.StatusCreated); got.Filename != c.kept {
				t.Errorf("%s is stored as %q, want %q", c.parameters, got.Filename, c.kept)
			}
		})
	}
}

// TestURLNames writes names into URLs in several ways, for PUT, GET and DELETE.
func TestURLNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		paths []string // all of them stand for name
	}{
		{"cat.png", []string{"cat.png", "%63at.png", "cat%2Epng"}},
		{"photo (1).png", []string{"photo%20(1).png", "photo%20%281%29.png"}},
		{"a+b.png", []string{"a+b.png", "a%2Bb.png"}},
		{"a b.png", []string{"a%20b.png"}},
		{"a%20b.png", []string{"a%2520b.png"}},
		{"50%.png", []string{"50%25.png"}},
		{"a#b?c.png", []string{"a%23b%3Fc.png", "a%23b%3fc.png"}},
		{"a;b,c&d=e@f:g$h!.png", []string{"a;b,c&d=e@f:g$h!.png", "a%3Bb%2Cc%26d%3De%40f%3Ag%24h%21.png"}},
		{"caf\u00e9.png", []string{"caf%C3%A9.png", "caf%c3%a9.png", "cafe%CC%81.png"}},
		{"写真.png", []string{"%E5%86%99%E7%9C%9F.png"}},
		{"می\u200cخ.png", []string{"%D9%85%DB%8C%E2%80%8C%D8%AE.png"}},
		{"👨\u200d👩\u200d👧.png", []string{"%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7.png"}},
		{"~tilde_-.png", []string{"~tilde_-.png", "%7Etilde%5F%2D.png"}},
		{strings.Repeat("n", 255), []string{strings.Repeat("n", 255)}},
		{"upload", []string{"upload"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, api.Options{})
			cat := apitest.Picture(t, 1, 0)
			for i, written := range c.paths {
				status := http.StatusCreated
				if i > 0 {
					status = http.StatusOK // the same name, so the same image
				}
				got := s.Do(t, "PUT", "/images/"+written, "", cat).Success(t, status)
				if got.Filename != c.name {
					t.Errorf("%s is stored as %q, want %q", written, got.Filename, c.name)
				}
				if got.URL != got.Location {
					t.Errorf("url %q, location %q", got.URL, got.Location)
				}
				s.Do(t, "GET", s.Path(t, got.URL), "", "").WantImage(t, cat)
				for _, other := range c.paths {
					s.Do(t, "GET", "/images/"+other, "", "").WantImage(t, cat)
				}
			}
			if got := s.Stored(t); len(got) != 1 || got[0] != c.name {
				t.Errorf("stored are %q, want one", got)
			}
			last := c.paths[len(c.paths)-1]
			s.Do(t, "DELETE", "/images/"+last, "", "").Want(t, http.StatusNoContent)
			s.Do(t, "GET", "/images/"+c.paths[0], "", "").Refusal(t, http.StatusNotFound, "not_found")
		})
	}
}

// TestBadURLNames checks that PUT refuses a bad name before the body, and never changes a
// name.
func TestBadURLNames(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	cat := apitest.Picture(t, 1, 0)
	for what, path := range map[string]string{
		"empty":               "/images/",
		"no slash":            "/images",
		"slash":               "/images/a/b.png",
		"escaped slash":       "/images/a%2Fb.png",
		"escaped slash first": "/images/%2Fcat.png",
		"slash last":          "/images/cat.png/",
		"backslash":           "/images/a%5Cb.png",
		"up":                  "/images/../cat.png",
		"escaped up":          "/images/%2e%2e%2fcat.png",
		"dots":                "/images/..",
		"escaped dots":        "/images/%2E%2E",
		"dot first":           "/images/.cat.png",
		"dot last":            "/images/cat.png.",
		"space last":          "/images/cat.png%20",
		"NUL":                 "/images/cat%00.png",
		"line feed":           "/images/cat%0A.png",
		"DEL":                 "/images/cat%7F.png",
		"no UTF-8":            "/images/caf%E9.png",
		"surrogate":           "/images/%ED%A0%80.png",
		"bidi override":       "/images/a%E2%80%AEgnp.exe",
		"zero width":          "/images/a%E2%80%8Bb.png",
		"a joiner alone":      "/images/a%E2%80%8Db.png",
		"byte order mark":     "/images/%EF%BB%BFcat.png",
		"256 bytes":           "/images/" + strings.Repeat("n", 256),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s.Do(t, "PUT", path, "", cat).Refusal(t, http.StatusBadRequest, "bad_name")
			c := s.Dial(t)
			c.Request(t, "PUT "+path, "Content-Length: 1000000000\nExpect: 100-continue")
			c.Answer(t, http.MethodPut).Refusal(t, http.StatusBadRequest, "bad_name")
		})
	}
	t.Cleanup(func() {
		if got := s.Stored(t); len(got) > 0 {
			t.Errorf("%q are stored, want nothing", got)
		}
	})
}
