package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/refusal"
	"imageserver/api/webpage"
	"imageserver/db"
)

// deleteKey is the secret in a delete URL, which lets its holder delete one image:
// the time in nanoseconds, and 128 random bits.
type deleteKey [8 + 16]byte

func newDeleteKey(now time.Time) (k deleteKey) {
	binary.BigEndian.PutUint64(k[:8], uint64(now.UnixNano()))
	rand.Read(k[8:]) // it never fails
	return k
}

// parseDeleteKey reads what String writes.
func parseDeleteKey(text string) (k deleteKey, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return k, err == nil && copy(k[:], b) == len(k) && len(b) == len(k)
}

func (k deleteKey) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// hash returns what the store knows of the key: its time, and 192 bits of its
// SHA-256. The time comes first so that the index of hashes grows at its end.
// Random places would make each image of 100 kB cost 5 % more to write.
func (k deleteKey) hash() (d db.Digest) {
	sum := sha256.Sum256(k[:])
	copy(d[copy(d[:], k[:8]):], sum[:])
	return d
}

// deletePath is the path of delete URLs. DELETE deletes the image. GET responds with
// a page that asks first, because a program that checks links must not delete.
const deletePath = "/delete/"

// keyed returns the image that belongs to the delete key in the path.
func (s *Server) keyed(c echo.Context) (db.Image, error) {
	key, ok := parseDeleteKey(strings.TrimPrefix(c.Request().URL.Path, deletePath))
	if !ok {
		return db.Image{}, errNoKey
	}
	img, err := s.store.ByDeleteKeyHash(c.Request().Context(), key.hash())
	if errors.Is(err, db.ErrNotFound) {
		err = errNoKey
	}
	return img, err
}

var errNoKey = refusal.New(http.StatusNotFound, "not_found", "There is no image to delete here. The image was deleted or replaced, it expired, or the link is incomplete.")

// deleteByKey responds with 204. If a browser sent the form of the page, it responds with a
// page.
func (s *Server) deleteByKey(c echo.Context) error {
	name, err := s.deleteKeyed(c)
	if err == nil && c.Request().Method == http.MethodDelete {
		return c.NoContent(http.StatusNoContent)
	}
	texts := webpage.TextsFor(c.Request())
	done := webpage.Page{Title: webpage.Fill(texts.Deleted, "name", name)}
	if s.o.Trash > 0 {
		until := time.Now().Add(s.o.Trash).UTC().Format("2006-01-02 15:04 UTC")
		done.Text = webpage.Fill(texts.Restorable, "time", until)
	}
	return s.deletePage(c, done, err)
}

// errRenamed means that the image has another name by now.
var errRenamed = errors.New("the image was renamed")

// deleteKeyed deletes the image that belongs to the key in the path and returns its
// name. If the image is renamed meanwhile, it tries again.
func (s *Server) deleteKeyed(c echo.Context) (name string, err error) {
	for {
		img, err := s.keyed(c)
		if err != nil {
			return "", err
		}
		err = s.store.Delete(c.Request().Context(), img.Name, db.DeleteOptions{TrashTTL: s.o.Trash, Allow: func(now *db.Image) error {
			if now == nil || now.DeleteKeyHash != img.DeleteKeyHash {
				return errRenamed
			}
			return nil
		}})
		if !errors.Is(err, errRenamed) {
			return img.Name, err
		}
	}
}

// askToDelete responds with the page that has the button.
func (s *Server) askToDelete(c echo.Context) error {
	img, err := s.keyed(c)
	texts := webpage.TextsFor(c.Request())
	return s.deletePage(c, webpage.Page{
		Title:  webpage.Fill(texts.Delete, "name", img.Name),
		Text:   texts.DeleteText,
		Image:  "../images/" + url.PathEscape(img.Name) + "?w=640&h=640",
		Button: texts.DeleteButton,
	}, err)
}

// deletePage writes the page, or a page with the message of err, and returns err for
// the log. No cache may store the page, and its address must not leak. A client that
// does not accept HTML gets the usual error.
func (s *Server) deletePage(c echo.Context, p webpage.Page, err error) error {
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	if err != nil && !webpage.Accepted(c.Request()) {
		return err
	}
	texts, status := webpage.TextsFor(c.Request()), http.StatusOK
	if err != nil {
		e := refusalOf(err)
		status, p = e.Status, s.errorPage(c, e)
		p.Home = "" // a delete link is for people who need not know the list of images
		switch e.Status {
		case http.StatusNotFound:
			p = webpage.Page{Title: texts.NothingToDelete, Text: texts.NothingToDeleteText}
		case http.StatusServiceUnavailable:
			h.Set(echo.HeaderRetryAfter, "5")
		}
	}
	p.Texts = texts
	return errors.Join(err, c.HTMLBlob(status, p.HTML(h)))
}
