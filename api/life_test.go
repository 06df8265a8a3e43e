package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/db"
)

// fields makes form data of fields and files, in this order: "name=value", or
// "name@file" for a file with a picture of its own.
func fields(picture string, parts ...string) string {
	list := make([]string, len(parts))
	for i, part := range parts {
		if field, name, ok := strings.Cut(part, "@"); ok {
			list[i] = file(field, name, picture+fmt.Sprint(i))
			continue
		}
		field, value, _ := strings.Cut(part, "=")
		list[i] = text(field, value)
	}
	return form(list...)
}

// TestExpiresIn: an upload says in a field, before its file or behind it, in the
// query or in the header how long the image is to live.
func TestExpiresIn(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	png := picture(t, 1, 0)
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
			a := s.do(t, "POST", "/upload"+c.path, formType+"\n"+c.header, fields(png+fmt.Sprint(i), c.parts...))
			got := a.success(t, http.StatusCreated)
			if c.want == 0 {
				if !got.ExpiresAt.IsZero() || strings.Contains(a.body, "expires_at") {
					t.Errorf("got %s, want no expires_at", a)
				}
				return
			}
			if low, high := begin.Add(c.want), time.Now().Add(c.want); got.ExpiresAt.Before(low) || got.ExpiresAt.After(high) {
				t.Errorf("expires_at is %v, want %v to %v", got.ExpiresAt, low, high)
			}
		})
	}
	put := s.do(t, "PUT", "/images/put.png?expires_in=1h", "", picture(t, 2, 0)).success(t, http.StatusCreated)
	if put.ExpiresAt.IsZero() {
		t.Error("PUT: no expires_at")
	}
}

// TestBadExpiresIn: nothing is stored for ever that was to go.
func TestBadExpiresIn(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	png := picture(t, 1, 0)
	for _, body := range []string{
		fields(png, "expires_in=soon", "file@a.png"),
		fields(png, "file@a.png", "expires_in=-5"),
		fields(png, "file@a.png", "expires_in="+strings.Repeat("9", 99)),
	} {
		s.do(t, "POST", "/upload", formType, body).refusal(t, http.StatusBadRequest, "bad_expiry")
	}
	s.do(t, "POST", "/upload", formType, fields(png, "file@a.png", "expires_in="+strings.Repeat("9", 200))).refusal(t, http.StatusBadRequest, "bad_form")
	s.do(t, "PUT", "/images/b.png?expires_in=0", "", png).refusal(t, http.StatusBadRequest, "bad_expiry")
	s.do(t, "PUT", "/images/b.png?expires_in=1h&expires_in=2h", "", png).refusal(t, http.StatusBadRequest, "bad_expiry")
	for _, query := range []string{"expires_in=7%", "strip;expires_in=1h"} {
		s.do(t, "PUT", "/images/b.png?"+query, "", png).refusal(t, http.StatusBadRequest, "bad_query")
		s.do(t, "POST", "/upload?"+query, formType, fields(png, "file@b.png")).refusal(t, http.StatusBadRequest, "bad_query")
	}
	cut, _, _ := strings.Cut(fields(png, "file@b.png", "expires_in=60"), `ires_in`)
	s.do(t, "POST", "/upload", formType, cut).refusal(t, http.StatusBadRequest, "cut_off")
	if got := s.stored(t); len(got) != 0 {
		t.Errorf("stored %q, want nothing", got)
	}

	late := s.do(t, "POST", "/upload", formType, fields(png, "file@a.png", "file@b.png", "expires_in=60"))
	if r := late.refusal(t, http.StatusBadRequest, "bad_expiry"); !strings.Contains(r.Message, "before the first file") || len(r.Images) != 1 {
		t.Errorf("got %s, want it to say where the field goes, and what is stored", late)
	}
	empty := form(file("file", "", ""), file("file2", "e.png", png+"e"), text("expires_in", "60"))
	if got := s.do(t, "POST", "/upload", formType, empty).success(t, http.StatusCreated); got.ExpiresAt.IsZero() {
		t.Error("behind a field left empty: the image does not expire")
	}
	early := s.do(t, "POST", "/upload", formType, fields(png, "expires_in=60", "file@c.png", "file@d.png")).success(t, http.StatusCreated)
	for _, i := range early.Images {
		if i.ExpiresAt.IsZero() {
			t.Errorf("%s does not expire, though the field came first", i.Filename)
		}
	}
}

// TestExpired: it is gone from every answer at once.
func TestExpired(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{Trash: time.Hour})
	content := photo(t, 1, 90, 60)
	stored := s.do(t, "PUT", "/images/a.jpg?expires_in=3", "", content).success(t, http.StatusCreated)
	s.do(t, "GET", "/images/a.jpg", "", "").wantImage(t, content)
	for _, query := range []string{"?v=" + stored.SHA256, "?w=16&v=" + stored.SHA256} {
		a := s.do(t, "GET", "/images/a.jpg"+query, "", "")
		a.want(t, http.StatusOK)
		if age := a.header.Get("Cache-Control"); age != "public, max-age=2" && age != "public, max-age=1" && age != "public, max-age=0" {
			t.Errorf("%s: caches may keep it: %s", query, age)
		}
	}
	time.Sleep(time.Until(stored.ExpiresAt))
	for _, path := range []string{"/images/a.jpg", "/images/a.jpg?w=16", "/images/a.jpg?v=" + stored.SHA256, s.path(t, stored.DeleteURL)} {
		s.do(t, "GET", path, "", "").refusal(t, http.StatusNotFound, "not_found")
	}
	for _, query := range []string{"", "?q=a", "?trash"} {
		if got, _ := list(t, s, query); len(got) != 0 {
			t.Errorf("the list %s has %q", query, got)
		}
	}
	s.do(t, "DELETE", "/images/a.jpg", "", "").refusal(t, http.StatusNotFound, "not_found")
	s.do(t, "PUT", "/images/a.jpg", "If-None-Match: *", content).success(t, http.StatusCreated)
}

// TestExpiryOfTheSame: the same bytes again never shorten a life.
func TestExpiryOfTheSame(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	content := picture(t, 1, 0)
	send := func(query string) reply {
		return s.do(t, "PUT", "/images/a.png"+query, "", content).reply(t)
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
		t.Errorf("with one after that: got %v, want none", still.ExpiresAt)
	}
}

// TestDeleteURL: its holder deletes with it, and with nothing else; to look at it
// deletes nothing.
func TestDeleteURL(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{Access: access.Options{Token: "s3cret"}, Trash: time.Hour})
	const token = "Authorization: Bearer s3cret"
	upload := func(name string, seed uint64) reply {
		return s.do(t, "PUT", "/images/"+name, token, picture(t, seed, 0)).reply(t)
	}
	cat, dog := upload("cat.png", 1), upload("dog.png", 2)
	if cat.DeleteURL == "" || cat.DeleteURL == dog.DeleteURL || len(cat.DeleteURL) < len(s.url)+len("/delete/")+32 {
		t.Fatalf("the URLs are %q and %q", cat.DeleteURL, dog.DeleteURL)
	}
	path := s.path(t, cat.DeleteURL)
	if again := upload("cat.png", 1); again.DeleteURL != "" {
		t.Error("who sends the same bytes again may delete them")
	}
	list := s.do(t, "GET", "/images", token, "")
	if strings.Contains(list.body, "delete_url") {
		t.Error("the list tells the URLs")
	}

	page := s.do(t, "GET", path, "Accept: text/html", "")
	page.want(t, http.StatusOK)
	for _, want := range []string{"<form method=\"post\">", "<bdi>cat.png</bdi>", "/images/cat.png?w="} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not have %q:\n%s", want, page.body)
		}
	}
	page.wantHeader(t, "Cache-Control", "no-store")
	page.wantHeader(t, "Referrer-Policy", "no-referrer")
	s.do(t, "HEAD", path, "", "").want(t, http.StatusOK)
	s.do(t, "GET", "/images/cat.png", "", "").want(t, http.StatusOK)

	for _, wrong := range []string{"/delete/", "/delete/x", path[:len(path)-1], path + "x", "/delete/" + strings.Repeat("A", 32)} {
		s.do(t, "DELETE", wrong, "", "").refusal(t, http.StatusNotFound, "not_found")
	}
	if log := s.log.String(); strings.Contains(log, strings.TrimPrefix(path, "/delete/")) || !strings.Contains(log, "/delete/…") {
		t.Error("the log has the key")
	}
	asked := s.do(t, "OPTIONS", path, "Origin: https://app.example.com\nAccess-Control-Request-Method: DELETE", "")
	if got := asked.header.Get("Access-Control-Allow-Methods"); !strings.Contains(got, "DELETE") {
		t.Errorf("pages of other origins may %q, want DELETE among it", got)
	}
	s.do(t, "DELETE", path, "Origin: https://app.example.com\nSec-Fetch-Site: cross-site", "").want(t, http.StatusNoContent)
	s.do(t, "GET", "/images/cat.png", "", "").refusal(t, http.StatusNotFound, "not_found")
	s.do(t, "DELETE", path, "", "").refusal(t, http.StatusNotFound, "not_found")
	gone := s.do(t, "GET", path, "Accept: text/html,*/*;q=0.1", "")
	if gone.status != http.StatusNotFound || !strings.Contains(gone.body, "Nothing to delete") {
		t.Errorf("got %s, want a page that says so", gone)
	}

	// Renamed it can still be deleted, and by the button of the page.
	s.do(t, "POST", "/images/dog.png/rename", token, `{"filename": "<b>.png"}`).success(t, http.StatusOK)
	path = s.path(t, dog.DeleteURL)
	if page := s.do(t, "GET", path, "Accept: text/html", ""); !strings.Contains(page.body, "&lt;b&gt;.png") || strings.Contains(page.body, "<b>.png") {
		t.Errorf("the page has the name unescaped:\n%s", page.body)
	}
	done := s.do(t, "POST", path, "Accept: text/html\nContent-Type: application/x-www-form-urlencoded", "")
	if done.status != http.StatusOK || !strings.Contains(done.body, "is deleted") {
		t.Errorf("got %s, want a page that says it is deleted", done)
	}
	if got := s.do(t, "GET", "/images?trash", token, ""); !strings.Contains(got.body, "cat.png") {
		t.Errorf("the trash is %s, want cat.png in it", got)
	}

	// One that is replaced is another's: the old URL does not delete the new one.
	old := upload("bird.png", 3)
	upload("bird.png", 4)
	s.do(t, "DELETE", s.path(t, old.DeleteURL), "", "").refusal(t, http.StatusNotFound, "not_found")
	s.do(t, "GET", "/images/bird.png", "", "").want(t, http.StatusOK)
}

// undeletable is a store that deletes nothing.
type undeletable struct{ db.Store }

func (undeletable) Delete(context.Context, string, db.DeleteOptions) error {
	return errors.New("the disk is on fire")
}

// TestDeleteFails: the page says what happened, and the log has why.
func TestDeleteFails(t *testing.T) {
	t.Parallel()
	s := serve(t, undeletable{newStore(t)}, api.Options{})
	path := s.path(t, s.put(t, "/images/cat.png", picture(t, 1, 0)).DeleteURL)
	page := s.do(t, "POST", path, "Accept: text/html", "")
	if page.status != http.StatusInternalServerError || !strings.Contains(page.body, "That did not work") || strings.Contains(page.body, "fire") {
		t.Errorf("got %s, want a page that says it did not work, and no more", page)
	}
	s.do(t, "DELETE", path, "", "").refusal(t, http.StatusInternalServerError, "internal")
	s.log.wait(t, "POST", "the disk is on fire")
}

// TestTrash: what is deleted or replaced can be brought back.
func TestTrash(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{Trash: time.Hour})
	first, second := picture(t, 1, 0), picture(t, 2, 0)
	was := s.put(t, "/images/cat%201.png", first)
	s.do(t, "PUT", "/images/cat%201.png", "", second).success(t, http.StatusOK)
	s.do(t, "DELETE", "/images/cat%201.png", "", "").want(t, http.StatusNoContent)
	s.do(t, "GET", "/images/cat%201.png", "", "").refusal(t, http.StatusNotFound, "not_found")
	if got, _ := list(t, s, ""); len(got) != 0 {
		t.Errorf("the list has %q, want nothing", got)
	}
	trash := s.do(t, "GET", "/images?trash", "", "").success(t, http.StatusOK).Images
	if len(trash) != 2 || trash[0].SHA256 == was.SHA256 || trash[1].SHA256 != was.SHA256 {
		t.Fatalf("the trash has %+v, want both, the last deleted first", trash)
	}
	for _, i := range trash {
		if i.DeletedAt.IsZero() || i.KeptUntil.Sub(i.DeletedAt) != time.Hour {
			t.Errorf("got %+v, want deleted_at and, an hour later, kept_until", i)
		}
	}

	restored := s.do(t, "POST", "/images/cat%201.png/restore", "", "").success(t, http.StatusOK)
	if restored.Filename != "cat 1.png" || !restored.DeletedAt.IsZero() {
		t.Errorf("got %+v, want cat 1.png", restored.img)
	}
	s.do(t, "GET", "/images/cat%201.png", "", "").wantImage(t, second)
	other := s.do(t, "POST", "/images/cat%201.png/restore", "", "").success(t, http.StatusOK)
	if other.Filename != "cat 1-2.png" || !other.UploadedAt.Equal(was.UploadedAt) {
		t.Errorf("got %+v, want the first as cat 1-2.png", other.img)
	}
	s.do(t, "GET", s.path(t, other.URL), "", "").wantImage(t, first)
	s.do(t, "POST", "/images/cat%201.png/restore", "", "").refusal(t, http.StatusNotFound, "not_found")

	s.do(t, "DELETE", "/images/cat%201.png", "", "").want(t, http.StatusNoContent)
	s.do(t, "DELETE", "/images/cat%201-2.png", "", "").want(t, http.StatusNoContent)
	if a := s.do(t, "DELETE", "/images?trash", "", ""); a.status != http.StatusOK || !strings.Contains(a.body, `"deleted":2`) {
		t.Errorf("got %s, want 2 deleted for good", a)
	}
	if got, _ := list(t, s, "?trash"); len(got) != 0 {
		t.Errorf("the trash has %q, want nothing", got)
	}
	s.do(t, "DELETE", "/images", "", "").refusal(t, http.StatusMethodNotAllowed, "http_405")
	s.do(t, "DELETE", "/images?trash=0", "", "").refusal(t, http.StatusMethodNotAllowed, "http_405")
	s.do(t, "DELETE", "/images?trash=maybe", "", "").refusal(t, http.StatusBadRequest, "bad_flag")
}

// TestNoTrash: without one, what is deleted is gone.
func TestNoTrash(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	s.put(t, "/images/cat.png", picture(t, 1, 0))
	s.do(t, "DELETE", "/images/cat.png", "", "").want(t, http.StatusNoContent)
	s.do(t, "POST", "/images/cat.png/restore", "", "").refusal(t, http.StatusNotFound, "not_found")
	if got, _ := list(t, s, "?trash"); len(got) != 0 {
		t.Errorf("the trash has %q, want nothing", got)
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	content, other := picture(t, 1, 0), picture(t, 2, 0)
	was := s.put(t, "/images/a%20b.png", content)
	s.put(t, "/images/taken.png", other)
	got := s.do(t, "POST", "/images/a%20b.png/rename", "", `{"filename": "c/../d.png"}`)
	got.refusal(t, http.StatusBadRequest, "bad_name")
	for name, want := range map[string]string{"": "taken-2.png", "?conflict=rename": "taken-2.png"} {
		got := s.do(t, "POST", "/images/a%20b.png/rename"+name, "", `{"filename": "taken.png"}`).success(t, http.StatusOK)
		if got.Filename != want || !got.UploadedAt.Equal(was.UploadedAt) || got.SHA256 != was.SHA256 {
			t.Errorf("got %+v, want %s with the same bytes and date", got.img, want)
		}
		s.do(t, "GET", "/images/a%20b.png", "", "").refusal(t, http.StatusNotFound, "not_found")
		s.do(t, "GET", "/images/taken-2.png", "", "").wantImage(t, content)
		s.do(t, "POST", "/images/taken-2.png/rename", "", `{"filename": "a b.png"}`).success(t, http.StatusOK)
	}
	s.do(t, "POST", "/images/a%20b.png/rename?conflict=error", "", `{"filename": "taken.png"}`).refusal(t, http.StatusConflict, "exists")
	s.do(t, "POST", "/images/a%20b.png/rename?conflict=replace", "", `{"filename": "taken.png"}`).success(t, http.StatusOK)
	s.do(t, "GET", "/images/taken.png", "", "").wantImage(t, content)
	s.do(t, "POST", "/images/missing.png/rename", "", `{"filename": "x.png"}`).refusal(t, http.StatusNotFound, "not_found")
	s.do(t, "POST", "/images/taken.png/rename", "If-Match: \"other\"", `{"filename": "x.png"}`).refusal(t, http.StatusPreconditionFailed, "precondition_failed")
	for _, body := range []string{"", "x.png", "{}", `{"filename": 5}`, `{"filename": null}`, `["x.png"]`, `{"filename": "` + strings.Repeat("x", 5000) + `"}`} {
		s.do(t, "POST", "/images/taken.png/rename", "", body).refusal(t, http.StatusBadRequest, "bad_json")
	}
	s.do(t, "POST", "/images/taken.png/rename", "Origin: https://evil.example\nSec-Fetch-Site: cross-site", `{"filename": "x.png"}`).refusal(t, http.StatusForbidden, "cross_origin")
}

// TestStrip: the metadata goes, the picture stays, and the answer says so.
func TestStrip(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	for _, name := range []string{"tagged.jpg", "tagged.png", "tagged.webp"} {
		content := sample(t, name)
		whole := s.put(t, "/images/whole-"+name, content)
		a := s.do(t, "PUT", "/images/"+name+"?strip", "Content-Digest: "+contentDigest(content), content)
		got := a.success(t, http.StatusCreated)
		if !got.Stripped || got.Size >= whole.Size || got.Width != whole.Width || got.Height != whole.Height {
			t.Errorf("got %+v, want it smaller than %+v and stripped", got.img, whole.img)
		}
		form := s.do(t, "POST", "/upload?strip", formType, form(file("file", "form-"+name, content))).success(t, http.StatusCreated)
		if form.SHA256 != got.SHA256 || !form.Stripped {
			t.Errorf("by POST: got %+v, want the same bytes", form.img)
		}
	}
	if not := s.do(t, "PUT", "/images/not.jpg?strip=0", "", sample(t, "tagged.jpg")).success(t, http.StatusCreated); not.Stripped {
		t.Error("strip=0: it is stripped")
	}
	s.do(t, "PUT", "/images/a.gif?strip", "", sample(t, "gradient.gif")).refusal(t, http.StatusUnprocessableEntity, "cannot_strip")
	s.do(t, "PUT", "/images/a.jpg?strip", "", sample(t, "tagged.jpg")[:3000]).want(t, http.StatusUnprocessableEntity)
	wrong := s.do(t, "PUT", "/images/b.jpg?strip", "Content-Digest: "+contentDigest("other"), sample(t, "tagged.jpg"))
	wrong.refusal(t, http.StatusUnprocessableEntity, "digest_mismatch")

	all := newServer(t, api.Options{Strip: true})
	if got := all.put(t, "/images/a.jpg", sample(t, "tagged.jpg")); !got.Stripped {
		t.Errorf("with the option: got %+v, want it stripped", got.img)
	}
	all.do(t, "PUT", "/images/a.gif", "", sample(t, "gradient.gif")).refusal(t, http.StatusUnprocessableEntity, "cannot_strip")
}

// contentDigest is the value of a Content-Digest field.
func contentDigest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}
