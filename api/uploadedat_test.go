package api_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/api/access"
)

// TestUploadedAt checks that an imported image keeps its upload time and its place in the
// list.
func TestUploadedAt(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/now.png", apitest.Picture(t, 0, 0))
	for i, c := range []struct {
		name, header string
		want         time.Time
	}{
		{"zoned.png", "2024-05-01T14:00:00.123456789+02:00", time.Date(2024, 5, 1, 12, 0, 0, 123456789, time.UTC)},
		{"second.png", "2023-05-01T12:00:00Z", time.Date(2023, 5, 1, 12, 0, 0, 0, time.UTC)},
		{"negative.png", "1961-04-12T06:07:00Z", time.Date(1961, 4, 12, 6, 7, 0, 0, time.UTC)},
	} {
		header := "Uploaded-At: " + c.header
		put := s.Do(t, "PUT", "/images/put-"+c.name, header, apitest.Picture(t, uint64(2*i+1), 0)).Success(t, http.StatusCreated)
		post := s.Do(t, "POST", "/upload", apitest.FormType+"\n"+header, apitest.Form(apitest.File("file", c.name, apitest.Picture(t, uint64(2*i+2), 0)))).Success(t, http.StatusCreated)
		for _, got := range []apitest.Reply{put, post} {
			if !got.UploadedAt.Equal(c.want) {
				t.Errorf("%s: uploaded_at is %v, want %v", got.Filename, got.UploadedAt, c.want)
			}
		}
	}
	want := []string{"now.png", "put-zoned.png", "zoned.png", "put-second.png", "second.png", "negative.png", "put-negative.png"}
	if diff := cmp.Diff(want, s.Stored(t)); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	again := s.Do(t, "PUT", "/images/now.png", "Uploaded-At: 2020-01-01T00:00:00Z", apitest.Picture(t, 0, 0)).Success(t, http.StatusOK)
	if again.UploadedAt.Year() == 2020 {
		t.Error("a second upload of the same bytes changed the time")
	}
}

// TestBadUploadedAt checks that wrong times and times in the future are refused. The clock
// of a client may be a little ahead.
func TestBadUploadedAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{})
		png := apitest.Picture(t, 1, 0)
		for _, value := range []string{
			"", "yesterday", "1714564800", "Wed, 01 May 2024 12:00:00 GMT", "2024-05-01", "2024-05-01T12:00:00", "2024-13-01T12:00:00Z",
			"0001-01-01T00:00:00Z", "1699-12-31T23:59:59Z", "9999-12-31T23:59:59Z",
			time.Now().Add(61 * time.Second).Format(time.RFC3339),
			"2024-05-01T12:00:00Z\nUploaded-At: 2024-05-02T12:00:00Z",
		} {
			for _, a := range []apitest.Answer{
				s.Do(t, "PUT", "/images/a.png", "Uploaded-At: "+value, png),
				s.Do(t, "POST", "/upload", apitest.FormType+"\nUploaded-At: "+value, apitest.Form(apitest.File("file", "a.png", png))),
			} {
				a.Refusal(t, http.StatusBadRequest, "bad_uploaded_at")
			}
		}
		if got := s.Stored(t); len(got) != 0 {
			t.Errorf("stored %q, want nothing", got)
		}
		ahead := time.Now().Add(time.Minute)
		got := s.Do(t, "PUT", "/images/a.png", "Uploaded-At: "+ahead.Format(time.RFC3339), png).Success(t, http.StatusCreated)
		if got.UploadedAt.After(time.Now()) {
			t.Errorf("uploaded_at is %v, which is in the future", got.UploadedAt)
		}
	})
}

// TestWhoMaySayUploadedAt checks that only those who may replace and delete images can set
// the time. A page of another site may add images, but not choose their place in the list.
func TestWhoMaySayUploadedAt(t *testing.T) {
	t.Parallel()
	const said = "Uploaded-At: 2024-05-01T12:00:00Z"
	png := apitest.Picture(t, 1, 0)
	for _, c := range []struct {
		name   string
		o      api.Options
		header string
		status int
		code   string
	}{
		{"a program", api.Options{}, said, 201, ""},
		{"a page of another site", api.Options{}, said + "\n" + crossOrigin, 403, "cross_origin"},
		{"a page of an invited site", api.Options{Access: access.Options{CORSOrigins: []string{"https://app.example"}}}, said + "\n" + crossOrigin, 403, "cross_origin"},
		{"that page without a time", api.Options{}, crossOrigin, 201, ""},
		{"a program without the token", api.Options{Access: access.Options{Token: "secret"}}, said, 401, "token"},
		{"a page with the token", api.Options{Access: access.Options{Token: "secret"}}, said + "\nAuthorization: Bearer secret\n" + crossOrigin, 201, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := apitest.NewServer(t, c.o)
			a := s.Do(t, "POST", "/upload", apitest.FormType+"\n"+c.header, apitest.Form(apitest.File("file", "a.png", png)))
			if c.code != "" {
				a.Refusal(t, c.status, c.code)
				return
			}
			got := a.Success(t, c.status)
			if told := strings.Contains(c.header, "Uploaded-At"); told != (got.UploadedAt.Year() == 2024) {
				t.Errorf("uploaded_at is %v", got.UploadedAt)
			}
		})
	}
}
