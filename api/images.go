package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/placeholder"
	"imageserver/api/refusal"
	"imageserver/db"
)

// image is the JSON of one image.
type image struct {
	Filename    string    `json:"filename"`
	URL         string    `json:"url"`
	Size        int64     `json:"size"` // bytes
	ContentType string    `json:"content_type"`
	Width       int       `json:"width"` // pixels, as a browser shows it; 0 for an SVG without a size
	Height      int       `json:"height"`
	SHA256      string    `json:"sha256"`
	UploadedAt  time.Time `json:"uploaded_at"`

	DominantColor string `json:"dominant_color,omitempty"` // as CSS writes it; known from the first resized copy on
	ThumbHash     string `json:"thumbhash,omitempty"`      // base64; known from the first resized copy on

	ExpiresAt time.Time `json:"expires_at,omitzero"` // when it expires
	DeletedAt time.Time `json:"deleted_at,omitzero"` // in the trash
	KeptUntil time.Time `json:"kept_until,omitzero"` // when it leaves the trash

	DeleteURL string `json:"delete_url,omitempty"` // only in the response to the upload
	Stripped  bool   `json:"stripped,omitempty"`   // of its metadata; only in the response to the upload
}

// describeStored is describe for the client that has just uploaded the image.
func (s *Server) describeStored(c echo.Context, img received) image {
	base := s.access.BaseURL(c)
	i := describe(base, img.Image)
	i.Stripped = img.stripped
	if img.outcome != db.Unchanged {
		i.DeleteURL = base + deletePath + img.key.String()
	}
	return i
}

func (s *Server) describe(c echo.Context, img db.Image) image {
	return describe(s.access.BaseURL(c), img)
}

// describe returns the JSON of an image. base is the server's URL.
func describe(base string, img db.Image) image {
	colour, thumbHash := placeholder.Parse(img.Placeholder)
	return image{
		Filename:    img.Name,
		URL:         base + "/images/" + url.PathEscape(img.Name),
		Size:        img.Size,
		ContentType: img.ContentType,
		Width:       img.Width,
		Height:      img.Height,
		SHA256:      img.SHA256.String(),
		UploadedAt:  img.Uploaded,

		DominantColor: colour,
		ThumbHash:     thumbHash,

		ExpiresAt: img.Expires,
		DeletedAt: img.Deleted,
		KeptUntil: img.TrashExpires,
	}
}

// imageName returns what follows /images/ in the path, decoded once. Echo's own
// parameter is decoded for some spellings of a URL and raw for others.
func imageName(c echo.Context) string {
	return strings.TrimPrefix(c.Request().URL.Path, "/images/")
}

// putImage stores the body under the name in the path and responds with 201, or
// with 200 if the name had an image. If the header is reason to reject the request,
// that happens before the client is asked for the body.
func (s *Server) putImage(c echo.Context) error {
	r := c.Request()
	name, err := db.CheckName(imageName(c))
	if err != nil {
		return err
	}
	digest, err := contentDigest(r.Header)
	if err != nil {
		return err
	}
	switch {
	case r.Header.Get("Content-Range") != "": // RFC 9110 section 14.5
		return refusal.New(http.StatusBadRequest, "content_range", "Send the image as a whole, without Content-Range.")
	case !s.intake.Fits(r.ContentLength):
		return s.intake.TooLarge()
	}
	allow := precondition(r.Header)
	if allow != nil {
		if err := s.checkNow(c, name, allow); err != nil {
			return err
		}
	}
	img, err := s.receive(c, r.Body, incoming{
		name:     func(format.Type) string { return name },
		conflict: db.Replace,
		allow:    allow,
		digest:   digest,
	})
	if err != nil {
		return err
	}
	a := uploaded{Message: "Image stored.", image: s.describeStored(c, img), Duplicate: img.outcome == db.Unchanged}
	a.Location = a.URL
	code := http.StatusOK
	if img.outcome == db.Created {
		code = http.StatusCreated
		c.Response().Header().Set(echo.HeaderLocation, a.URL)
	}
	c.Response().Header().Set("ETag", etag(img.Image))
	return c.JSON(code, a)
}

// putNowhere responds to curl -T if the URL has no slash at its end.
func (s *Server) putNowhere(echo.Context) error {
	return refusal.New(http.StatusBadRequest, "bad_name", "The URL has no name. Use PUT /images/NAME. With curl -T photo.jpg, end the URL with /images/")
}

// checkNow calls allow with the current image. The store calls it again in the transaction.
func (s *Server) checkNow(c echo.Context, name string, allow db.Precondition) error {
	img, err := s.store.Stat(c.Request().Context(), name)
	switch {
	case errors.Is(err, db.ErrNotFound):
		return allow(nil)
	case err != nil:
		return err
	}
	return allow(&img)
}

// deleteImage deletes an image and responds with 204.
func (s *Server) deleteImage(c echo.Context) error {
	if err := s.store.Delete(c.Request().Context(), imageName(c), db.DeleteOptions{Allow: precondition(c.Request().Header), TrashTTL: s.o.Trash}); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
