package api

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/labstack/echo/v4"

	"imageserver/api/access"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
	"imageserver/api/imaging/strip"
	"imageserver/api/intake"
	"imageserver/api/multipart"
	"imageserver/api/variants"
	"imageserver/db"
)

// rows are the responses to the errors. The name is that of a sentinel.
var rows = []struct {
	name   string
	err    error
	status int
	code   string
	says   string // a part of the message
}{
	{"db.ErrNotFound", db.ErrNotFound, 404, "not_found", "No such image"},
	{"db.ErrExists", db.ErrExists, 409, "exists", "this name"},
	{"db.ErrName", db.ErrName, 400, "bad_name", "This name cannot be used"},
	{"db.ErrCursor", db.ErrCursor, 400, "bad_cursor", "cursor"},
	{"db.ErrFull", db.ErrFull, 507, "full", "no space left"},
	{"db.LimitError", &db.LimitError{Limit: 10 << 30}, 507, "full", "full: the limit is 10 GiB"},
	{"db.ErrBusy", db.ErrBusy, 503, "busy", "Try again"},
	{"db.ErrDamaged", db.ErrDamaged, 500, "damaged", "damaged"},
	{"db.ErrDatabase", db.ErrDatabase, 503, "unavailable", "The database cannot be reached"},
	{"db.ErrBucket", db.ErrBucket, 503, "unavailable", "The bucket cannot be reached"},
	{"db.ErrUnavailable", db.ErrUnavailable, 503, "unavailable", "Try again"},
	{"db.ErrReadOnly", db.ErrReadOnly, 503, "read_only", "accepts no uploads"},
	{"db.ErrClosed", db.ErrClosed, 503, "draining", "shutting down"},
	{"db.ErrKey", db.ErrKey, 500, "internal", "Internal Server Error"},       // clients do not send keys
	{"db.ErrBudget", db.ErrBudget, 500, "internal", "Internal Server Error"}, // clients do not wait until a variant is stored
	{"resize.ErrTooLong", resize.ErrTooLong, 422, "too_long", "format=png"},
	{"resize.ErrUnsupported", resize.ErrUnsupported, 500, "internal", "Internal Server Error"}, // the response is the original
	{"strip.ErrUnsupported", strip.ErrUnsupported, 422, "cannot_strip", "cannot be stripped"},
	{"strip.ErrTooLarge", strip.ErrTooLarge, 422, "cannot_strip", "too large"},
	{"intake.ErrEmpty", intake.ErrEmpty, 400, "empty", "The file is empty"},
	{"intake.ErrTooLarge", intake.New(intake.Rules{MaxSize: 64 << 20}).TooLarge(), 413, "too_large", "The image is too large: the limit is 64 MiB."},
	{"intake.ErrNotAllowed", intake.ErrNotAllowed, 415, "not_allowed", "not accepted"},
	{"format.ErrUnknown", format.ErrUnknown, 415, "not_an_image", "This does not look like an image"},
	{"format.ErrMalformed", format.ErrMalformed, 422, "damaged_image", "This image is damaged"},

	{"errTaken", errTaken, 412, "precondition_failed", "another name"},
	{"errPrecondition", errPrecondition, 412, "precondition_failed", "look at it again"},
	{"errDigest", errDigest, 422, "digest_mismatch", "send them again"},
	{"variants.ErrReplaced", variants.ErrReplaced, 503, "busy", "Try again"},
	{"variants.ErrBusy", variants.ErrBusy, 503, "busy", "Try again"},
	{"resize.ErrDamaged", resize.ErrDamaged, 422, "damaged_picture", "The original can be shown"},
	{"variants.ErrTooManyPixels", variants.ErrTooManyPixels, 422, "too_many_pixels", "too many pixels"},
	{"variants.ErrTakenBack", variants.ErrTakenBack, 503, "busy", "Try again"},
	{"variants.ErrMemory", variants.ErrMemory, 422, "too_many_pixels", "The original can be shown"},
	{"variants.ErrTooSlow", variants.ErrTooSlow, 422, "damaged_picture", "too long"},
	{"variants.ErrEncoder", variants.ErrEncoder, 503, "busy", "format=jpeg"},
	{"access.ErrToken", access.ErrToken, 401, "token", "Bearer"},
	{"access.ErrRemote", access.ErrRemote, 403, "remote", "own machine"},
	{"access.ErrCrossOrigin", access.ErrCrossOrigin, 403, "cross_origin", "another site"},
	{"partlyStored", &partlyStored{nil, db.ErrFull}, 507, "full", "no space left"},
	{"named", named("dir/cat.png", format.ErrUnknown), 415, "not_an_image", "cat.png: This does not look like"},
	{"named, ours", named("cat.png", db.ErrFull), 507, "full", "no space left"},
	{"a part's header", formError(multipart.ErrHeader), 400, "bad_form", "header of a part is too long"},
	{"a boundary", formError(multipart.ErrBoundary), 400, "bad_form", "boundary"},
	{"an encoding", formError(fmt.Errorf("%w: illegal base64", multipart.ErrEncoding)), 400, "bad_form", "encoding"},
	{"the form's end", formError(io.ErrUnexpectedEOF), 400, "cut_off", "cut off"},

	{"the connection ended", io.ErrUnexpectedEOF, 400, "cut_off", "Send it again"},
	{"the client has gone", context.Canceled, 400, "cut_off", "Send it again"},
	{"the client stalled", os.ErrDeadlineExceeded, 408, "too_slow", "no data arrived"},

	{"Echo's 404", echo.ErrNotFound, 404, "http_404", "Not Found"},
	{"Echo's 405", echo.ErrMethodNotAllowed, 405, "http_405", "Method Not Allowed"},

	{"all else", errors.New("secret"), 500, "internal", "Internal Server Error"},
	{"the file system", &fs.PathError{Op: "read", Path: "/secret", Err: syscall.EIO}, 500, "internal", "Internal Server Error"},
	{"a panic", fmt.Errorf("panic: %w", errors.New("secret")), 500, "internal", "Internal Server Error"},
}

func TestStatus(t *testing.T) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for what, err := range map[string]error{
				"bare":          row.err,
				"wrapped":       fmt.Errorf("put %q: %w", "cat.png", row.err),
				"wrapped twice": fmt.Errorf("read: %w", fmt.Errorf("image: %w", row.err)),
				"joined":        errors.Join(errors.New("close"), row.err),
			} {
				if got := refusalOf(err).Status; got != row.status {
					t.Errorf("%s: got status %d, want %d", what, got, row.status)
				}
				e := refusalOf(err)
				if e.Status != row.status || e.Code != row.code {
					t.Errorf("%s: got %d %s, want %d %s", what, e.Status, e.Code, row.status, row.code)
				}
				if e.Message == "" || !strings.HasSuffix(e.Message, ".") {
					t.Errorf("%s: the message %q is not a sentence", what, e.Message)
				}
				if strings.Contains(e.Message, "secret") {
					t.Errorf("%s: the message %q contains internal details", what, e.Message)
				}
				if !errors.Is(e, row.err) && e != row.err {
					t.Errorf("%s: the log has %q, want %q in it", what, e, row.err)
				}
			}
			if got := refusalOf(row.err).Message; !strings.Contains(got, row.says) {
				t.Errorf("got the message %q, want it to say %q", got, row.says)
			}
		})
	}
}

// TestOursSayLittle checks that the text of an internal error is only in the log.
func TestOursSayLittle(t *testing.T) {
	for _, row := range rows {
		err := fmt.Errorf("write /var/lib/secret: %w", row.err)
		if e := refusalOf(err); e.Status >= 500 && strings.Contains(e.Message, "/var/lib") {
			t.Errorf("%s: the message %q contains internal details", row.name, e.Message)
		}
	}
}

// TestEverySentinel checks that every error declared by a package below api has its row.
func TestEverySentinel(t *testing.T) {
	// getImage then sends the original.
	has := map[string]bool{"variants.ErrOriginal": true, "variants.ErrNotNow": true, "variants.ErrNoEncoder": true}
	for _, row := range rows {
		has[row.name] = true
	}
	for _, folder := range []string{"../db", "access", "imaging/format", "imaging/resize", "imaging/strip", "intake", "variants"} {
		for _, name := range sentinels(t, folder) {
			if !has[filepath.Base(folder)+"."+name] {
				t.Errorf("%s.%s has no row", filepath.Base(folder), name)
			}
		}
	}
}

// sentinels returns the exported variables Err… of a package.
func sentinels(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Errorf("%s has no source files", folder)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			vars, ok := d.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(id.Name, "Err") {
						names = append(names, id.Name)
					}
				}
			}
		}
	}
	return names
}

// TestStatusTexts checks that HTTP has the statuses of all responses.
func TestStatusTexts(t *testing.T) {
	for _, a := range refusals {
		if http.StatusText(a.status) == "" || a.code == "" {
			t.Errorf("the response to %v is %d %q", a.err, a.status, a.code)
		}
	}
}
