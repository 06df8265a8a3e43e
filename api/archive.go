package api

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"imageserver/api/portable"
	"imageserver/api/refusal"
	"imageserver/api/transport"
	"imageserver/db"
)

// maxArchiveForm is the largest size of a form with the names for an archive, in bytes. An
// escaped byte of a name takes three bytes.
const maxArchiveForm = maxFiles * (len("name=&") + 3*db.MaxNameBytes)

// sendArchive responds with a ZIP of the images that the form names. It sends each part
// of the ZIP as soon as the part is ready, so the length is not known at the start. It
// opens all images first: the ZIP has each image as it was then, even if it is replaced
// or deleted meanwhile.
func (s *Server) sendArchive(c echo.Context) error {
	names, err := archiveNames(c.Request())
	if err != nil {
		return err
	}
	entries, err := s.openAll(c.Request().Context(), names)
	defer closeAll(entries)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/zip")
	h.Set(echo.HeaderContentDisposition, attachment(time.Now().UTC().Format("images-2006-01-02-150405.zip")))
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	files, err := portable.Names(c.Request().Context(), names)
	if err != nil {
		return err
	}
	w := &archiveWriter{w: c.Response(), to: transport.Receiver(c.Response().Writer)}
	err = writeArchive(w, entries, files)
	switch {
	case err == nil || w.connErr != nil:
		return w.connErr
	case !c.Response().Committed:
		h.Del(echo.HeaderContentDisposition) // it belongs to the archive
		return err
	}
	s.o.Log.Error("archive cut off", "err", err)
	panic(http.ErrAbortHandler) // the client must see that images are missing
}

// archiveNames reads the names in a form, without duplicates.
func archiveNames(r *http.Request) ([]string, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if kind != echo.MIMEApplicationForm {
		return nil, refusal.New(http.StatusBadRequest, "not_a_form", "Send a form (application/x-www-form-urlencoded) with a field “name” for each image.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(maxArchiveForm)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read form: %w", err)
	case len(body) > maxArchiveForm:
		return nil, refusal.New(http.StatusRequestEntityTooLarge, "too_large", "The form is too large: the limit is %d bytes.", maxArchiveForm)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, refusal.Because(err, http.StatusBadRequest, "bad_form", "The form is not valid. Separate the fields by &, and write % as %25.")
	}
	switch n := len(form["name"]); {
	case n == 0:
		return nil, refusal.New(http.StatusBadRequest, "no_file", "The form has no name of an image. Send a field “name” for each image.")
	case n > maxFiles:
		return nil, refusal.New(http.StatusBadRequest, "too_many_files", "An archive may have %d images. Request the others in another archive.", maxFiles)
	}
	return distinct(form["name"])
}

// distinct returns the names in normal form and in the same order, without duplicates.
func distinct(all []string) (names []string, err error) {
	seen := make(map[string]bool, len(all))
	for _, name := range all {
		if name, err = db.CheckName(name); err != nil {
			return nil, err
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names, nil
}

// entry is an image of an archive.
type entry struct {
	db.Image
	body db.Body
}

// openAll opens images without reading their bytes. If it cannot open one, it returns the
// error and the images before it.
func (s *Server) openAll(ctx context.Context, names []string) (entries []entry, err error) {
	for _, name := range names {
		img, body, err := s.store.Get(ctx, name)
		if err != nil {
			return entries, err
		}
		entries = append(entries, entry{img, body})
	}
	return entries, nil
}

func closeAll(entries []entry) {
	for _, e := range entries {
		e.body.Close()
	}
}

// writeArchive writes a ZIP of the images with the names in `files`. It does not compress
// them, because images hardly become smaller. The bytes go to w directly from the verified
// chunks, in pieces for which w has room. The directory, without which no program can
// open a ZIP (PKWARE APPNOTE.TXT 4.3.12), is written only after the last image.
func writeArchive(w db.Receiver, entries []entry, files []string) error {
	z := zip.NewWriter(w)
	for i, e := range entries {
		file, err := z.CreateHeader(&zip.FileHeader{Name: files[i], Method: zip.Store, Modified: e.Uploaded})
		if err == nil {
			_, err = e.body.WriteTo(archiveFile{file, w})
		}
		if err != nil {
			return fmt.Errorf("archive %q: %w", e.Name, err)
		}
		e.body.Close() // so that the store can delete the bytes of an image that was deleted meanwhile
	}
	return z.Close()
}

// archiveFile is one file of an archive. Its Room calls Room of the archive.
type archiveFile struct {
	io.Writer
	archive db.Receiver
}

func (f archiveFile) Room(most int) (int, error) { return f.archive.Room(most) }

// archiveWriter keeps the error of the client's connection, to distinguish it from an error
// of the store.
type archiveWriter struct {
	w       io.Writer
	to      db.Receiver // the connection
	connErr error       // an error of the client's connection
}

// Room waits for the connection; see db.Receiver.
func (w *archiveWriter) Room(most int) (int, error) {
	n, err := w.to.Room(most)
	if err != nil {
		w.connErr = fmt.Errorf("send archive: %w", err)
	}
	return n, err
}

func (w *archiveWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		w.connErr = fmt.Errorf("send archive: %w", err)
	}
	return n, err
}
