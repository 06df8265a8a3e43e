package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"github.com/google/go-cmp/cmp"

	"imageserver/api"
	"imageserver/db"
)

// list requests the list and returns the names in it.
func list(t testing.TB, s *apitest.Server, query string) (images []string, a apitest.Answer) {
	t.Helper()
	a = s.Do(t, "GET", "/images"+query, "", "")
	return apitest.Names(a.Success(t, http.StatusOK).Images), a
}

func TestList(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})

	none, a := list(t, s, "")
	if len(none) != 0 || !strings.Contains(a.Body, `"images":[]`) {
		t.Errorf("of an empty store: got %s, want an empty list", a)
	}
	a.WantHeader(t, "Cache-Control", "no-store")
	a.WantHeader(t, "Link", "")

	cat := s.Put(t, "/images/my%20cat.png", apitest.Picture(t, 1, 0))
	dog := s.Put(t, "/images/dog.png", apitest.Picture(t, 2, 0))
	a = s.Do(t, "GET", "/images", "", "")
	dog.DeleteURL, cat.DeleteURL = "", "" // only the first response has the delete URLs
	if diff := cmp.Diff([]apitest.Image{dog.Image, cat.Image}, a.Success(t, http.StatusOK).Images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	s.Do(t, "HEAD", "/images", "", "").Want(t, http.StatusOK)
}

// TestPaging follows next and Link to the last page.
func TestPaging(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("%d.png", i)
		s.Put(t, "/images/"+name, apitest.Picture(t, uint64(i), 0))
		want = append([]string{name}, want...)
	}
	for way, next := range map[string]func(apitest.Answer) string{
		"next": func(a apitest.Answer) string {
			if cursor := a.Reply(t).Next; cursor != "" {
				return "/images?limit=3&q=PNG&cursor=" + url.QueryEscape(cursor)
			}
			return ""
		},
		"Link": func(a apitest.Answer) string {
			link := a.Header.Get("Link")
			if link == "" {
				return ""
			}
			target, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
			if !ok {
				t.Fatalf("Link: got %q", link)
			}
			return s.Path(t, target)
		},
	} {
		t.Run(way, func(t *testing.T) {
			var got []string
			for path, pages := "/images?limit=3&q=PNG", 1; path != ""; pages++ {
				a := s.Do(t, "GET", path, "", "")
				images := apitest.Names(a.Success(t, http.StatusOK).Images)
				if len(images) > 3 || pages > 4 {
					t.Fatalf("page %d has %d images", pages, len(images))
				}
				got = append(got, images...)
				path = next(a)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("all pages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListQueries(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for i, name := range []string{"Cat.png", "wildcat.gif", "dog.png", "caf%C3%A9.png", "50%25+.png"} {
		s.Put(t, "/images/"+name, apitest.Picture(t, uint64(i), 0))
	}
	all := []string{"50%+.png", "café.png", "dog.png", "wildcat.gif", "Cat.png"}
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", all},
		{"?q=", all},
		{"?q=cat", []string{"wildcat.gif", "Cat.png"}},
		{"?q=CAT", []string{"wildcat.gif", "Cat.png"}},
		{"?q=CAF%C3%89", []string{"café.png"}},
		{"?q=cafe%CC%81", []string{"café.png"}}, // NFD
		{"?q=%25%2B", []string{"50%+.png"}},
		{"?q=.png", []string{"50%+.png", "café.png", "dog.png", "Cat.png"}},
		{"?q=*", []string{}},
		{"?q=%00", []string{}},
		{"?q=%FF", []string{}},
		{"?q=" + strings.Repeat("x", 5000), []string{}},
		{"?limit=1", all[:1]},
		{"?limit=2&q=cat", []string{"wildcat.gif", "Cat.png"}},
		{"?limit=1000", all},
		{"?limit=", all},
		{"?cursor=", all},
		{"?unknown=1", all},
	} {
		if got, _ := list(t, s, c.query); !cmp.Equal(c.want, got) {
			t.Errorf("GET /images%s: got %q, want %q", c.query, got, c.want)
		}
	}
	for query, code := range map[string]string{
		"?limit=0":                    "bad_limit",
		"?limit=-1":                   "bad_limit",
		"?limit=ten":                  "bad_limit",
		"?limit=1001":                 "bad_limit",
		"?limit=1.5":                  "bad_limit",
		"?limit=99999999999999999999": "bad_limit",
		"?cursor=!":                   "bad_cursor",
		"?cursor=AAAA":                "bad_cursor",
		"?cursor=%00":                 "bad_cursor",
		"?cursor=../../etc/passwd":    "bad_cursor",
	} {
		s.Do(t, "GET", "/images"+query, "", "").Refusal(t, http.StatusBadRequest, code)
	}
}

// TestListOrders checks each order, and that the next pages keep it.
func TestListOrders(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	for i, name := range []string{"b.png", "a.png", "C.png", "ä.png", "d.png"} {
		s.Put(t, "/images/"+url.PathEscape(name), apitest.Picture(t, uint64(i), []int{2000, 9000, 2000, 30000, 4000}[i]))
	}
	uploaded := []string{"d.png", "ä.png", "C.png", "a.png", "b.png"}
	byName := []string{"C.png", "a.png", "b.png", "d.png", "ä.png"}
	bySize := []string{"ä.png", "a.png", "d.png", "C.png", "b.png"}
	reversed := func(names []string) []string {
		names = slices.Clone(names)
		slices.Reverse(names)
		return names
	}
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"sort=&order=", uploaded},
		{"sort=uploaded", uploaded},
		{"order=desc", uploaded},
		{"order=asc", reversed(uploaded)},
		{"sort=uploaded&order=asc", reversed(uploaded)},
		{"sort=name", byName},
		{"sort=name&order=asc", byName},
		{"sort=name&order=desc", reversed(byName)},
		{"sort=size", bySize},
		{"sort=size&order=desc", bySize},
		{"sort=size&order=asc", reversed(bySize)},
		{"sort=size&q=A", []string{"a.png"}},
	} {
		for _, limit := range []int{1, 2, 5, 6} {
			var got []string
			for path := fmt.Sprintf("/images?%s&limit=%d", c.query, limit); path != ""; {
				a := s.Do(t, "GET", path, "", "")
				got = append(got, apitest.Names(a.Success(t, http.StatusOK).Images)...)
				path = ""
				if link := a.Header.Get("Link"); link != "" {
					path = s.Path(t, strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`))
				}
			}
			if !cmp.Equal(c.want, got) {
				t.Errorf("GET /images?%s by %d: got %q, want %q", c.query, limit, got, c.want)
			}
		}
	}

	_, a := list(t, s, "?sort=name&limit=2")
	next := url.QueryEscape(a.Reply(t).Next)
	for query, code := range map[string]string{
		"sort=date":                           "bad_sort",
		"sort=Name":                           "bad_sort",
		"sort=name,size":                      "bad_sort",
		"order=up":                            "bad_order",
		"sort=name&order=ASC":                 "bad_order",
		"trash&sort=name":                     "bad_sort",
		"trash&sort=size&order=desc":          "bad_sort",
		"trash&order=asc":                     "bad_sort",
		"sort=size&limit=2&cursor=" + next:    "bad_cursor",
		"limit=2&cursor=" + next:              "bad_cursor",
		"trash&limit=2&cursor=" + next:        "bad_cursor",
		"sort=name&order=desc&cursor=" + next: "bad_cursor",
		"sort=name&order=asc&cursor=" + next:  "",
		"trash&sort=uploaded&order=desc":      "",
		"trash&sort=&order=":                  "",
		"trash=0&sort=name":                   "",
	} {
		if a := s.Do(t, "GET", "/images?"+query, "", ""); code == "" {
			a.Want(t, http.StatusOK)
		} else {
			a.Refusal(t, http.StatusBadRequest, code)
		}
	}
}

// TestListName checks that the list finds one image by its exact name without the List of
// the store.
func TestListName(t *testing.T) {
	t.Parallel()
	s := apitest.Serve(t, noList{apitest.NewStore(t)}, api.Options{})
	cat := s.Put(t, "/images/caf%C3%A9.png", apitest.Picture(t, 1, 0))
	cat.DeleteURL = ""
	for query, want := range map[string][]apitest.Image{
		"name=caf%C3%A9.png":                         {cat.Image},
		"name=cafe%CC%81.png":                        {cat.Image}, // NFD
		"name=caf%C3%A9.png&q=&sort=&order=&cursor=": {cat.Image},
		"name=caf%C3%A9.png&limit=1&trash=0":         {cat.Image},
		"name=Caf%C3%A9.png":                         {},
		"name=caf%C3%A9":                             {},
		"name=cat.png":                               {},
	} {
		a := s.Do(t, "GET", "/images?"+query, "", "")
		a.WantHeader(t, "Cache-Control", "no-store")
		a.WantHeader(t, "Link", "")
		if diff := cmp.Diff(want, a.Success(t, http.StatusOK).Images); diff != "" {
			t.Errorf("GET /images?%s (-want +got):\n%s", query, diff)
		}
	}
	for query, code := range map[string]string{
		"name=cat.png&q=cat":         "bad_combination",
		"name=cat.png&sort=uploaded": "bad_combination",
		"name=cat.png&order=desc":    "bad_combination",
		"name=cat.png&cursor=AAAA":   "bad_combination",
		"name=cat.png&trash":         "bad_combination",
		"name=cat.png&trash=x":       "bad_flag",
		"name=a/b.png":               "bad_name",
		"name=%FF":                   "bad_name",
	} {
		s.Do(t, "GET", "/images?"+query, "", "").Refusal(t, http.StatusBadRequest, code)
	}
}

// noList is a store whose List fails.
type noList struct{ db.Store }

func (noList) List(context.Context, db.ListOptions) ([]db.Image, string, error) {
	return nil, "", errors.New("a List")
}

// TestListLimit checks the default and the highest limit that the store gets.
func TestListLimit(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{"": 50, "?limit=": 50, "?limit=1": 1, "?limit=1000": 1000} {
		store := &limitStore{Store: apitest.NewStore(t)}
		list(t, apitest.Serve(t, store, api.Options{}), query)
		if store.limit != want {
			t.Errorf("GET /images%s: a limit of %d, want %d", query, store.limit, want)
		}
	}
}

// limitStore records the limit of the last List.
type limitStore struct {
	db.Store
	limit int
}

func (s *limitStore) List(ctx context.Context, o db.ListOptions) ([]db.Image, string, error) {
	s.limit = o.Limit
	return s.Store.List(ctx, o)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	cat := apitest.Picture(t, 1, 0)
	for _, header := range []string{"", "If-Match: *", "If-Match: " + apitest.ETag(cat), `If-None-Match: "other"`} {
		s.Put(t, "/images/my%20cat.png", cat)
		a := s.Do(t, "DELETE", "/images/my%20cat.png", header, "").Want(t, http.StatusNoContent)
		if a.Body != "" {
			t.Errorf("a 204 with the body %q", a.Body)
		}
		s.Do(t, "GET", "/images/my%20cat.png", "", "").Refusal(t, http.StatusNotFound, "not_found")
		s.Do(t, "DELETE", "/images/my%20cat.png", "", "").Refusal(t, http.StatusNotFound, "not_found")
	}
	s.Put(t, "/images/cat.png", cat)
	for _, header := range []string{`If-Match: "other"`, "If-Match: W/" + apitest.ETag(cat), "If-None-Match: *", "If-None-Match: " + apitest.ETag(cat)} {
		s.Do(t, "DELETE", "/images/cat.png", header, "").Refusal(t, http.StatusPreconditionFailed, "precondition_failed")
		s.Do(t, "GET", "/images/cat.png", "", "").WantImage(t, cat)
	}
	s.Do(t, "DELETE", "/images/dog.png", "If-Match: *", "").Refusal(t, http.StatusPreconditionFailed, "precondition_failed")
	s.Do(t, "DELETE", "/images/a%2Fb", "", "").Refusal(t, http.StatusBadRequest, "bad_name")
	s.Do(t, "DELETE", "/images/", "", "").Refusal(t, http.StatusBadRequest, "bad_name")
	s.Do(t, "DELETE", "/images", "", "").Refusal(t, http.StatusMethodNotAllowed, "http_405")
}
