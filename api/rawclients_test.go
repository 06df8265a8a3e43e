package api_test

import (
	"net/http"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
)

// rawClients are the Content-Type, the boundary and the part header of forms, byte for byte
// as clients write them. Each line ends with CR LF.
var rawClients = []struct {
	client   string
	boundary string
	typed    string // the boundary in the Content-Type, if it differs
	part     string
	kept     string
}{
	{"Chromium, quotes", "----WebKitFormBoundaryTnS7bCzv5ipuE6UV", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"say %22hi%22.png\"\nContent-Type: image/png", `say "hi".png`},
	{"Chromium, line ends", "----WebKitFormBoundaryizlQuugiOX0BK2tY", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"猫%0A2%0D.png\"\nContent-Type: image/png", "猫2.png"},
	{"Chromium, percent signs", "----WebKitFormBoundarycgS54RANy1fjIi1n", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"100%25 50%.png\"\nContent-Type: image/png", "100_ 50_.png"},
	{"Chromium, a backslash", "----WebKitFormBoundaryWltU5l22LDHSMYxc", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"a\\b.png\"\nContent-Type: image/png", "b.png"},
	{"Chromium, joiners", "----WebKitFormBoundarySF3TY8haP0COE2TX", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"می\u200cخ👨\u200d👩.png\"\nContent-Type: image/png", "می\u200cخ👨\u200d👩.png"},
	{"Chromium, ESC BEL DEL", "----WebKitFormBoundaryMiZTMem4BXRxYV2a", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"esc\x1b\a\x7f.png\"\nContent-Type: image/png", "esc.png"},
	{"Firefox", "---------------------------9051914041544843365972754266", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"say %22hi%22.png\"\nContent-Type: image/png", `say "hi".png`},
	{"curl 7.88", "------------------------5d4ff037567f3463", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"say %22hi%22.png\"\nContent-Type: image/png", `say "hi".png`},
	{"curl 7.88, a control", "------------------------7b658be872c906e9", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"猫 \x1b.png\"\nContent-Type: image/png", "猫 .png"},
	{"curl --form-escape", "------------------------d74496d66958873e", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"say \\\"hi\\\".png\"\nContent-Type: image/png", `say "hi".png`},
	{"aiohttp", "9f0e2c1a4d5b4c7e8a6f3b2d1c0e9f8a", "",
		"Content-Type: image/png\nContent-Disposition: form-data; name=\"file\"; filename=\"%E6%97%A5%E6%9C%AC2.png\"", "日本2.png"},
	{"aiohttp, a space", "9f0e2c1a4d5b4c7e8a6f3b2d1c0e9f8a", "",
		"Content-Type: application/octet-stream\nContent-Disposition: form-data; name=\"file\"; filename=\"sp%20ace2.png\"", "sp ace2.png"},
	{"requests, urllib3 1", "f4b1d2c3a5968778695a4b3c2d1e0f00", "",
		"Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%E7%8C%AB.png", "猫.png"},
	{"requests, urllib3 2", "f4b1d2c3a5968778695a4b3c2d1e0f00", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"猫 %22.png\"", `猫 ".png`},
	{".NET MultipartFormDataContent", "0f8fad5b-d9cb-469f-a165-70867728950e", `"0f8fad5b-d9cb-469f-a165-70867728950e"`,
		"Content-Type: image/png\nContent-Disposition: form-data; name=file; filename=\"=?utf-8?B?5pel5pysOS5wbmc=?=\"; filename*=utf-8''%E6%97%A5%E6%9C%AC9.png", "日本9.png"},
	{".NET, the old name alone", "0f8fad5b-d9cb-469f-a165-70867728950e", `"0f8fad5b-d9cb-469f-a165-70867728950e"`,
		"Content-Disposition: form-data; name=file; filename=\"=?utf-8?B?5pel5pysOS5wbmc=?=\"", "日本9.png"},
	{"form-data of npm, no escapes", "--------------------------515890814546601021194782", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"say \"hi\".png\"\nContent-Type: image/png", `say "hi".png`},
	{"undici", "----formdata-undici-034512345678", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"猫%0D%0A.png\"\nContent-Type: image/png", "猫.png"},
	{"a page in windows-1252", "----WebKitFormBoundaryTnS7bCzv5ipuE6UV", "",
		"Content-Disposition: form-data; name=\"file\"; filename=\"k\xe4se \x96 1.png\"\nContent-Type: image/png", "käse – 1.png"},
	{"a boundary that should be quoted", "==abc:1==", "",
		"CONTENT-DISPOSITION: form-data; NAME=\"file\"; FILENAME=my cat.png", "my cat.png"},
}

// TestRawClients checks that an image gets the name that its client means.
func TestRawClients(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for i, c := range rawClients {
		t.Run(c.client, func(t *testing.T) {
			cat := apitest.Picture(t, uint64(i+1), 0)
			if c.typed == "" {
				c.typed = c.boundary
			}
			body := "--" + c.boundary + "\r\n" + apitest.Part(c.part, cat) + "\r\n--" + c.boundary + "--\r\n"
			a := s.Do(t, "POST", "/upload?conflict=replace", "Content-Type: multipart/form-data; boundary="+c.typed, body)
			if got := a.Reply(t); a.Status >= 300 || got.Filename != c.kept {
				t.Fatalf("got %s, want the name %q", a, c.kept)
			}
			s.Do(t, http.MethodGet, s.Path(t, a.Reply(t).URL), "", "").WantImage(t, cat)
		})
	}
}
