package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/db"
)

// fields returns a form with these parts, in this order: "name=value", or "name@file" for a
// file whose content is unique.
func fields(picture string, parts ...string) string {
	list := make([]string, len(parts))
	for i, part := range parts {
		if field, name, ok := strings.Cut(part, "@"); ok {
			list[i] = apitest.File(field, name, picture+fmt.Sprint(i))
			continue
		}
		field, value, _ := strings.Cut(part, "=")
		list[i] = apitest.Text(field, value)
	}
	return apitest.Form(list...)
}

// TestExpiresIn checks that an upload sets the lifetime of its image by a field before or
// after the file, in the query or in the header.
func TestExpiresIn(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	png := apitest.Picture(t, 1, 0)
	for i, c := range []struct {
		path, header string
		parts        []string
		want         time.Duration
	}{
		{"", "", []string{"file@a.png"}, 0},
		{"", "", []string{"expires_in=90", "file@a.png"}, 90 * time.Second},
		{"", "", []string{"file@a.png", "expires_in=7d"}, 7 * 24 * time.Hour},
		{"", "", []string{"x=1", "file@a.png", "y=2", "expires_in=12h", "z=3"}, 12 * time.Hour},
		{"?expires_in=30m", "", []string{"file@a.png"}, 30 * time.Minute},
		{"", "Expires-In: 1h", []string{"file@a.png"}, time.Hour},
		{"?expires_in=2h", "Expires-In: 1h", []string{"file@a.png", "expires_in="}, 2 * time.Hour},
		{"?expires_in=2h", "", []string{"file@a.png", "expires_in=3h"}, 3 * time.Hour},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			begin := time.Now()
			a := s.Do(t, "POST", "/upload"+c.path, apitest.FormType+"\n"+c.header, fields(png+fmt.Sprint(i), c.parts...))
			got := a.Success(t, http.StatusCreated)
			if c.want == 0 {
				if !got.ExpiresAt.IsZero() || strings.Contains(a.Body, "expires_at") {
					t.Errorf("got %s, want no expires_at", a)
				}
				return
			}
			if low, high := begin.Add(c.want), time.Now().Add(c.want); got.ExpiresAt.Before(low) || got.ExpiresAt.After(high) {
				t.Errorf("expires_at is %v, want %v to %v", got.ExpiresAt, low, high)
			}
		})
	}
	put := s.Do(t, "PUT", "/images/put.png?expires_in=1h", "", apitest.Picture(t, 2, 0)).Success(t, http.StatusCreated)
	if put.ExpiresAt.IsZero() {
		t.Error("PUT: no expires_at")
	}
}

// TestBadExpiresIn checks that an image with a wrong lifetime is not stored, because it
// would never expire.
func TestBadExpiresIn(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	png := apitest.Picture(t, 1, 0)
	for _, body := range []string{
		fields(png, "expires_in=soon", "file@a.png"),
		fields(png, "file@a.png", "expires_in=-5"),
		fields(png, "file@a.png", "expires_in="+strings.Repeat("9", 99)),
	} {
		s.Do(t, "POST", "/upload", apitest.FormType, body).Refusal(t, http.StatusBadRequest, "bad_expiry")
	}
	s.Do(t, "POST", "/upload", apitest.FormType, fields(png, "file@a.png", "expires_in="+strings.Repeat("9", 200))).Refusal(t, http.StatusBadRequest, "bad_form")
	s.Do(t, "PUT", "/images/b.png?expires_in=0", "", png).Refusal(t, http.StatusBadRequest, "bad_expiry")
	s.Do(t, "PUT", "/images/b.png?expires_in=1h&expires_in=2h", "", png).Refusal(t, http.StatusBadRequest, "bad_expiry")
	for _, query := range []string{"expires_in=7%", "strip;expires_in=1h"} {
		s.Do(t, "PUT", "/images/b.png?"+query, "", png).Refusal(t, http.StatusBadRequest, "bad_query")
		s.Do(t, "POST", "/upload?"+query, apitest.FormType, fields(png, "file@b.png")).Refusal(t, http.StatusBadRequest, "bad_query")
	}
	cut, _, _ := strings.Cut(fields(png, "file@b.png", "expires_in=60"), `ires_in`)
	s.Do(t, "POST", "/upload", apitest.FormType, cut).Refusal(t, http.StatusBadRequest, "cut_off")
	if got := s.Stored(t); len(got) != 0 {
		t.Errorf("stored %q, want nothing", got)
	}

	late := s.Do(t, "POST", "/upload", apitest.FormType, fields(png, "file@a.png", "file@b.png", "expires_in=60"))
	if r := late.Refusal(t, http.StatusBadRequest, "bad_expiry"); !strings.Contains(r.Message, "before the first file") || len(r.Images) != 1 {
		t.Errorf("got %s, want it to say where the field belongs and what is stored", late)
	}
	empty := apitest.Form(apitest.File("file", "", ""), apitest.File("file2", "e.png", png+"e"), apitest.Text("expires_in", "60"))
	if got := s.Do(t, "POST", "/upload", apitest.FormType, empty).Success(t, http.StatusCreated); got.ExpiresAt.IsZero() {
		t.Error("after an empty file field: the image does not expire")
	}
	early := s.Do(t, "POST", "/upload", apitest.FormType, fields(png, "expires_in=60", "file@c.png", "file@d.png")).Success(t, http.StatusCreated)
	for _, i := range early.Images {
		if i.ExpiresAt.IsZero() {
			t.Errorf("%s does not expire, although the field came first", i.Filename)
		}
	}
}

// TestExpired checks that no response has an image from the moment when it expires.
func TestExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := apitest.NewPipeServer(t, api.Options{Trash: time.Hour})
		content := apitest.Photo(t, 1, 90, 60)
		stored := s.Do(t, "PUT", "/images/a.jpg?expires_in=3", "", content).Success(t, http.StatusCreated)
		s.Do(t, "GET", "/images/a.jpg", "", "").WantImage(t, content)
		time.Sleep(time.Second)
		for _, query := range []string{"?v=" + stored.SHA256, "?w=16&v=" + stored.SHA256} {
			a := s.Do(t, "GET", "/images/a.jpg"+query, "", "").Want(t, http.StatusOK)
			a.WantHeader(t, "Cache-Control", "public, max-age=2")
		}
		time.Sleep(time.Until(stored.ExpiresAt))
		for _, path := range []string{"/images/a.jpg", "/images/a.jpg?w=16", "/images/a.jpg?v=" + stored.SHA256, s.Path(t, stored.DeleteURL)} {
			s.Do(t, "GET", path, "", "").Refusal(t, http.StatusNotFound, "not_found")
		}
		for _, query := range []string{"", "?q=a", "?trash"} {
			if got, _ := list(t, s, query); len(got) != 0 {
				t.Errorf("the list %s has %q", query, got)
			}
		}
		s.Do(t, "DELETE", "/images/a.jpg", "", "").Refusal(t, http.StatusNotFound, "not_found")
		s.Do(t, "PUT", "/images/a.jpg", "If-None-Match: *", content).Success(t, http.StatusCreated)
	})
}

// TestExpiryOfTheSame checks that a second upload of the same bytes never shortens the
// lifetime.
func TestExpiryOfTheSame(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	content := apitest.Picture(t, 1, 0)
	send := func(query string) apitest.Reply {
		return s.Do(t, "PUT", "/images/a.png"+query, "", content).Reply(t)
	}
	first := send("?expires_in=1h")
	if again := send("?expires_in=60"); !again.ExpiresAt.Equal(first.ExpiresAt) || !again.Duplicate {
		t.Errorf("with less: got %v, want %v", again.ExpiresAt, first.ExpiresAt)
	}
	if more := send("?expires_in=2h"); !more.ExpiresAt.After(first.ExpiresAt) {
		t.Errorf("with more: got %v, want more than %v", more.ExpiresAt, first.ExpiresAt)
	}
	if ever := send(""); !ever.ExpiresAt.IsZero() {
		t.Errorf("without: got %v, want none", ever.ExpiresAt)
	}
	if still := send("?expires_in=60"); !still.ExpiresAt.IsZero() {
		t.Errorf("with a lifetime after that: got %v, want none", still.ExpiresAt)
	}
}

// TestDeleteURL checks that only the delete URL of an image deletes it without the access
// token, and that a GET of the URL deletes nothing.
func TestDeleteURL(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{Token: "s3cret"}, Trash: time.Hour})
	const token = "Authorization: Bearer s3cret"
	upload := func(name string, seed uint64) apitest.Reply {
		return s.Do(t, "PUT", "/images/"+name, token, apitest.Picture(t, seed, 0)).Reply(t)
	}
	cat, dog := upload("cat.png", 1), upload("dog.png", 2)
	if cat.DeleteURL == "" || cat.DeleteURL == dog.DeleteURL || len(cat.DeleteURL) < len(s.URL)+len("/delete/")+32 {
		t.Fatalf("the URLs are %q and %q", cat.DeleteURL, dog.DeleteURL)
	}
	path := s.Path(t, cat.DeleteURL)
	if again := upload("cat.png", 1); again.DeleteURL != "" {
		t.Error("a second upload of the same bytes returns a delete URL")
	}
	list := s.Do(t, "GET", "/images", token, "")
	if strings.Contains(list.Body, "delete_url") {
		t.Error("the list contains delete URLs")
	}

	page := s.Do(t, "GET", path, "Accept: text/html", "").Want(t, http.StatusOK)
	for _, want := range []string{"<form method=\"post\">", "Delete \u2068cat.png\u2069?", "/images/cat.png?w="} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page does not have %q:\n%s", want, page.Body)
		}
	}
	page.WantHeader(t, "Cache-Control", "no-store")
	page.WantHeader(t, "Referrer-Policy", "no-referrer")
	s.Do(t, "HEAD", path, "", "").Want(t, http.StatusOK)
	s.Do(t, "GET", "/images/cat.png", "", "").Want(t, http.StatusOK)

	for _, wrong := range []string{"/delete/", "/delete/x", path[:len(path)-1], path + "x", "/delete/" + strings.Repeat("A", 32)} {
		s.Do(t, "DELETE", wrong, "", "").Refusal(t, http.StatusNotFound, "not_found")
	}
	if log := s.Log.String(); strings.Contains(log, strings.TrimPrefix(path, "/delete/")) || !strings.Contains(log, "/delete/…") {
		t.Error("the log has the delete key, or not the path")
	}
	asked := s.Do(t, "OPTIONS", path, "Origin: https://app.example.com\nAccess-Control-Request-Method: DELETE", "")
	if got := asked.Header.Get("Access-Control-Allow-Methods"); !strings.Contains(got, "DELETE") {
		t.Errorf("Access-Control-Allow-Methods: got %q, want DELETE in it", got)
	}
	s.Do(t, "DELETE", path, "Origin: https://app.example.com\nSec-Fetch-Site: cross-site", "").Want(t, http.StatusNoContent)
	s.Do(t, "GET", "/images/cat.png", "", "").Refusal(t, http.StatusNotFound, "not_found")
	s.Do(t, "DELETE", path, "", "").Refusal(t, http.StatusNotFound, "not_found")
	gone := s.Do(t, "GET", path, "Accept: text/html,*/*;q=0.1", "")
	if gone.Status != http.StatusNotFound || !strings.Contains(gone.Body, "Nothing to delete") {
		t.Errorf("got %s, want a page that says so", gone)
	}

	// A renamed image can still be deleted, also by the button on the page.
	s.Do(t, "POST", "/images/dog.png/rename", token, `{"filename": "<b>.png"}`).Success(t, http.StatusOK)
	path = s.Path(t, dog.DeleteURL)
	if page := s.Do(t, "GET", path, "Accept: text/html", ""); !strings.Contains(page.Body, "&lt;b&gt;.png") || strings.Contains(page.Body, "<b>.png") {
		t.Errorf("the page has the name unescaped:\n%s", page.Body)
	}
	done := s.Do(t, "POST", path, "Accept: text/html\nContent-Type: application/x-www-form-urlencoded", "")
	if done.Status != http.StatusOK || !strings.Contains(done.Body, "was deleted") {
		t.Errorf("got %s, want a page that says that it was deleted", done)
	}
	if got := s.Do(t, "GET", "/images?trash", token, ""); !strings.Contains(got.Body, "cat.png") {
		t.Errorf("the trash is %s, want cat.png in it", got)
	}

	// The URL of a replaced image does not delete the new one.
	old := upload("bird.png", 3)
	upload("bird.png", 4)
	s.Do(t, "DELETE", s.Path(t, old.DeleteURL), "", "").Refusal(t, http.StatusNotFound, "not_found")
	s.Do(t, "GET", "/images/bird.png", "", "").Want(t, http.StatusOK)
}

// undeletable is a store whose Delete fails.
type undeletable struct{ db.Store }

func (undeletable) Delete(context.Context, string, db.DeleteOptions) error {
	return errors.New("the disk is on fire")
}

// TestDeleteFails checks that the page reports the failure and that only the log has the
// cause.
func TestDeleteFails(t *testing.T) {
	t.Parallel()
	s := apitest.Serve(t, undeletable{apitest.NewStore(t)}, api.Options{})
	path := s.Path(t, s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 0)).DeleteURL)
	page := s.Do(t, "POST", path, "Accept: text/html", "")
	if page.Status != http.StatusInternalServerError || !strings.Contains(page.Body, "That did not work") || strings.Contains(page.Body, "fire") {
		t.Errorf("got %s, want a page that reports a failure without the cause", page)
	}
	s.Do(t, "DELETE", path, "", "").Refusal(t, http.StatusInternalServerError, "internal")
	s.Log.Wait(t, "POST", "the disk is on fire")
}

// TestTrash checks that deleted and replaced images can be restored.
func TestTrash(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Trash: time.Hour})
	first, second := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 0)
	was := s.Put(t, "/images/cat%201.png", first)
	s.Do(t, "PUT", "/images/cat%201.png", "", second).Success(t, http.StatusOK)
	s.Do(t, "DELETE", "/images/cat%201.png", "", "").Want(t, http.StatusNoContent)
	s.Do(t, "GET", "/images/cat%201.png", "", "").Refusal(t, http.StatusNotFound, "not_found")
	if got, _ := list(t, s, ""); len(got) != 0 {
		t.Errorf("the list has %q, want nothing", got)
	}
	trash := s.Do(t, "GET", "/images?trash", "", "").Success(t, http.StatusOK).Images
	if len(trash) != 2 || trash[0].SHA256 == was.SHA256 || trash[1].SHA256 != was.SHA256 {
		t.Fatalf("the trash has %+v, want both, the last deleted first", trash)
	}
	for _, i := range trash {
		if i.DeletedAt.IsZero() || i.KeptUntil.Sub(i.DeletedAt) != time.Hour {
			t.Errorf("got %+v, want deleted_at and, an hour later, kept_until", i)
		}
	}

	restored := s.Do(t, "POST", "/images/cat%201.png/restore", "", "").Success(t, http.StatusOK)
	if restored.Filename != "cat 1.png" || !restored.DeletedAt.IsZero() {
		t.Errorf("got %+v, want cat 1.png", restored.Image)
	}
	s.Do(t, "GET", "/images/cat%201.png", "", "").WantImage(t, second)
	other := s.Do(t, "POST", "/images/cat%201.png/restore", "", "").Success(t, http.StatusOK)
	if other.Filename != "cat 1-2.png" || !other.UploadedAt.Equal(was.UploadedAt) {
		t.Errorf("got %+v, want the first as cat 1-2.png", other.Image)
	}
	s.Do(t, "GET", s.Path(t, other.URL), "", "").WantImage(t, first)
	s.Do(t, "POST", "/images/cat%201.png/restore", "", "").Refusal(t, http.StatusNotFound, "not_found")

	s.Do(t, "DELETE", "/images/cat%201.png", "", "").Want(t, http.StatusNoContent)
	s.Do(t, "DELETE", "/images/cat%201-2.png", "", "").Want(t, http.StatusNoContent)
	if a := s.Do(t, "DELETE", "/images?trash", "", ""); a.Status != http.StatusOK || !strings.Contains(a.Body, `"deleted":2`) {
		t.Errorf("got %s, want 2 images deleted", a)
	}
	if got, _ := list(t, s, "?trash"); len(got) != 0 {
		t.Errorf("the trash has %q, want nothing", got)
	}
	s.Do(t, "DELETE", "/images", "", "").Refusal(t, http.StatusMethodNotAllowed, "http_405")
	s.Do(t, "DELETE", "/images?trash=0", "", "").Refusal(t, http.StatusMethodNotAllowed, "http_405")
	s.Do(t, "DELETE", "/images?trash=maybe", "", "").Refusal(t, http.StatusBadRequest, "bad_flag")
}

// TestRestoreVersion checks that deleted_at chooses one of several images of a name in the
// trash, even if others have the same bytes.
func TestRestoreVersion(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Trash: time.Hour})
	first, second := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 0)
	var uploads []apitest.Reply
	for _, content := range []string{first, second, first} {
		uploads = append(uploads, s.Put(t, "/images/cat.png", content))
		s.Do(t, "DELETE", "/images/cat.png", "", "").Want(t, http.StatusNoContent)
	}
	var versions []string // as the list writes them; the most recently deleted first
	var listed struct {
		Images []struct {
			DeletedAt string `json:"deleted_at"`
		}
	}
	if err := json.Unmarshal([]byte(s.Do(t, "GET", "/images?trash", "", "").Want(t, http.StatusOK).Body), &listed); err != nil {
		t.Fatal(err)
	}
	for _, i := range listed.Images {
		versions = append(versions, i.DeletedAt)
	}
	path := func(version string) string { return "/images/cat.png/restore?deleted_at=" + url.QueryEscape(version) }
	for value, want := range map[string]string{
		"": "deleted_at= is not valid", "yesterday": "deleted_at=yesterday is not valid", "1796000000": "is not valid",
		"0001-01-01T00:00:00Z": "is not valid", versions[0] + "&deleted_at=" + versions[1]: "the deleted_at of one image",
	} {
		r := s.Do(t, "POST", "/images/cat.png/restore?deleted_at="+value, "", "").Refusal(t, http.StatusBadRequest, "bad_deleted_at")
		if !strings.Contains(r.Message, want) || !strings.Contains(r.Message, "GET /images?trash") {
			t.Errorf("deleted_at=%s: got %q, want %q and what to do", value, r.Message, want)
		}
	}
	for _, missing := range []string{"1970-01-01T00:00:00Z", "2262-01-01T00:00:00.000000001Z", "9999-12-31T23:59:59Z"} {
		if r := s.Do(t, "POST", path(missing), "", "").Refusal(t, http.StatusNotFound, "not_found"); !strings.Contains(r.Message, missing) || !strings.Contains(r.Message, "GET /images?trash") {
			t.Errorf("got %q, want a message with the time that says how to correct the request", r.Message)
		}
	}
	s.Do(t, "POST", path(versions[1]), "If-Match: "+apitest.ETag(first), "").Refusal(t, http.StatusPreconditionFailed, "precondition_failed")
	if got, _ := list(t, s, "?trash"); len(got) != 3 {
		t.Fatalf("the trash has %q, want three images", got)
	}

	got := s.Do(t, "POST", path(versions[2]), "If-Match: "+apitest.ETag(first), "").Success(t, http.StatusOK)
	if got.Filename != "cat.png" || !got.UploadedAt.Equal(uploads[0].UploadedAt) {
		t.Errorf("got %+v, want the image that was stored first", got.Image)
	}
	s.Do(t, "POST", path(versions[2]), "", "").Refusal(t, http.StatusNotFound, "not_found")
	at, err := time.Parse(time.RFC3339Nano, versions[1])
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := at.In(time.FixedZone("", 5*60*60)).Format(time.RFC3339Nano)
	if got := s.Do(t, "POST", path(elsewhere), "", "").Success(t, http.StatusOK); got.Filename != "cat-2.png" || !got.UploadedAt.Equal(uploads[1].UploadedAt) {
		t.Errorf("got %+v, want the second image as cat-2.png", got.Image)
	}
	s.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, first)
	s.Do(t, "GET", "/images/cat-2.png", "", "").WantImage(t, second)
	trash := s.Do(t, "GET", "/images?trash", "", "").Success(t, http.StatusOK).Images
	if len(trash) != 1 || !trash[0].UploadedAt.Equal(uploads[2].UploadedAt) {
		t.Errorf("the trash has %+v, want the image that was stored last", trash)
	}
	s.Do(t, "DELETE", s.Path(t, uploads[0].DeleteURL), "", "").Want(t, http.StatusNoContent) // its own delete link still works
	s.Do(t, "GET", "/images/cat.png", "", "").Refusal(t, http.StatusNotFound, "not_found")
}

// TestNoTrash checks that without a trash a deleted image cannot be restored.
func TestNoTrash(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	s.Put(t, "/images/cat.png", apitest.Picture(t, 1, 0))
	s.Do(t, "DELETE", "/images/cat.png", "", "").Want(t, http.StatusNoContent)
	s.Do(t, "POST", "/images/cat.png/restore", "", "").Refusal(t, http.StatusNotFound, "not_found")
	if got, _ := list(t, s, "?trash"); len(got) != 0 {
		t.Errorf("the trash has %q, want nothing", got)
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	content, other := apitest.Picture(t, 1, 0), apitest.Picture(t, 2, 0)
	was := s.Put(t, "/images/a%20b.png", content)
	s.Put(t, "/images/taken.png", other)
	got := s.Do(t, "POST", "/images/a%20b.png/rename", "", `{"filename": "c/../d.png"}`)
	got.Refusal(t, http.StatusBadRequest, "bad_name")
	for name, want := range map[string]string{"": "taken-2.png", "?conflict=rename": "taken-2.png"} {
		got := s.Do(t, "POST", "/images/a%20b.png/rename"+name, "", `{"filename": "taken.png"}`).Success(t, http.StatusOK)
		if got.Filename != want || !got.UploadedAt.Equal(was.UploadedAt) || got.SHA256 != was.SHA256 {
			t.Errorf("got %+v, want %s with the same bytes and date", got.Image, want)
		}
		s.Do(t, "GET", "/images/a%20b.png", "", "").Refusal(t, http.StatusNotFound, "not_found")
		s.Do(t, "GET", "/images/taken-2.png", "", "").WantImage(t, content)
		s.Do(t, "POST", "/images/taken-2.png/rename", "", `{"filename": "a b.png"}`).Success(t, http.StatusOK)
	}
	s.Do(t, "POST", "/images/a%20b.png/rename?conflict=error", "", `{"filename": "taken.png"}`).Refusal(t, http.StatusConflict, "exists")
	s.Do(t, "POST", "/images/a%20b.png/rename?conflict=replace", "", `{"filename": "taken.png"}`).Success(t, http.StatusOK)
	s.Do(t, "GET", "/images/taken.png", "", "").WantImage(t, content)
	s.Do(t, "POST", "/images/missing.png/rename", "", `{"filename": "x.png"}`).Refusal(t, http.StatusNotFound, "not_found")
	s.Do(t, "POST", "/images/taken.png/rename", "If-Match: \"other\"", `{"filename": "x.png"}`).Refusal(t, http.StatusPreconditionFailed, "precondition_failed")
	for _, body := range []string{"", "x.png", "{}", `{"filename": 5}`, `{"filename": null}`, `["x.png"]`, `{"filename": "` + strings.Repeat("x", 5000) + `"}`} {
		s.Do(t, "POST", "/images/taken.png/rename", "", body).Refusal(t, http.StatusBadRequest, "bad_json")
	}
	s.Do(t, "POST", "/images/taken.png/rename", "Origin: https://evil.example\nSec-Fetch-Site: cross-site", `{"filename": "x.png"}`).Refusal(t, http.StatusForbidden, "cross_origin")
}

// TestStrip checks that the metadata is removed, the picture is kept, and the response says
// so.
func TestStrip(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for _, name := range []string{"tagged.jpg", "tagged.png", "tagged.webp"} {
		content := apitest.Sample(t, name)
		whole := s.Put(t, "/images/whole-"+name, content)
		a := s.Do(t, "PUT", "/images/"+name+"?strip", "Content-Digest: "+contentDigest(content), content)
		got := a.Success(t, http.StatusCreated)
		if !got.Stripped || got.Size >= whole.Size || got.Width != whole.Width || got.Height != whole.Height {
			t.Errorf("got %+v, want it smaller than %+v and stripped", got.Image, whole.Image)
		}
		form := s.Do(t, "POST", "/upload?strip", apitest.FormType, apitest.Form(apitest.File("file", "form-"+name, content))).Success(t, http.StatusCreated)
		if form.SHA256 != got.SHA256 || !form.Stripped {
			t.Errorf("by POST: got %+v, want the same bytes", form.Image)
		}
	}
	if not := s.Do(t, "PUT", "/images/not.jpg?strip=0", "", apitest.Sample(t, "tagged.jpg")).Success(t, http.StatusCreated); not.Stripped {
		t.Error("strip=0: the image is stripped")
	}
	s.Do(t, "PUT", "/images/a.gif?strip", "", apitest.Sample(t, "gradient.gif")).Refusal(t, http.StatusUnprocessableEntity, "cannot_strip")
	s.Do(t, "PUT", "/images/a.jpg?strip", "", apitest.Sample(t, "tagged.jpg")[:3000]).Want(t, http.StatusUnprocessableEntity)
	wrong := s.Do(t, "PUT", "/images/b.jpg?strip", "Content-Digest: "+contentDigest("other"), apitest.Sample(t, "tagged.jpg"))
	wrong.Refusal(t, http.StatusUnprocessableEntity, "digest_mismatch")

	all := apitest.NewServer(t, api.Options{Strip: true})
	if got := all.Put(t, "/images/a.jpg", apitest.Sample(t, "tagged.jpg")); !got.Stripped {
		t.Errorf("with the option: got %+v, want it stripped", got.Image)
	}
	all.Do(t, "PUT", "/images/a.gif", "", apitest.Sample(t, "gradient.gif")).Refusal(t, http.StatusUnprocessableEntity, "cannot_strip")
}

// contentDigest returns the value of a Content-Digest field.
func contentDigest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}
