package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"imageserver/api/apitest"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/db"
	"imageserver/db/bolt"
)

// TestBackup opens a backup as a data file.
func TestBackup(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{})
	content := apitest.Picture(t, 1, 3<<20)
	s.Put(t, "/images/a.png", content)
	a := s.Do(t, "GET", "/backup", "", "").Want(t, http.StatusOK)
	s.Put(t, "/images/later.png", apitest.Picture(t, 2, 100))
	a.WantHeader(t, "Content-Type", "application/octet-stream")
	a.WantHeader(t, "Content-Length", fmt.Sprint(len(a.Body)))
	a.WantHeader(t, "Cache-Control", "no-store")
	if got := a.Header.Get("Content-Disposition"); !regexp.MustCompile(`^attachment; filename="images-\d{4}-\d\d-\d\d-\d{6}\.db"$`).MatchString(got) {
		t.Errorf("Content-Disposition: got %s", got)
	}
	path := filepath.Join(t.TempDir(), "restored.db")
	if err := os.WriteFile(path, []byte(a.Body), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	again := apitest.Serve(t, store, api.Options{})
	again.Do(t, "GET", "/images/a.png", "", "").WantImage(t, content)
	again.Do(t, "GET", "/images/later.png", "", "").Refusal(t, http.StatusNotFound, "not_found")
	again.Put(t, "/images/later.png", apitest.Picture(t, 2, 100))
}

// TestBackupAccess checks that a backup, which has everything, needs the access token and
// the same origin.
func TestBackupAccess(t *testing.T) {
	t.Parallel()
	s := apitest.NewServer(t, api.Options{Access: access.Options{Token: "s3cret"}})
	s.Do(t, "GET", "/backup", "", "").Refusal(t, http.StatusUnauthorized, "token")
	s.Do(t, "GET", "/backup", "Authorization: Bearer s3cret", "").Want(t, http.StatusOK)
	open := apitest.NewServer(t, api.Options{})
	open.Do(t, "GET", "/backup", "Sec-Fetch-Site: cross-site", "").Refusal(t, http.StatusForbidden, "cross_origin")
	open.Do(t, "GET", "/backup", "Origin: https://evil.example", "").Refusal(t, http.StatusForbidden, "cross_origin")
	open.Do(t, "HEAD", "/backup", "", "").Want(t, http.StatusMethodNotAllowed)
}

// backups is a store whose backups are made by the test.
type backups struct {
	db.Store
	backup func(ctx context.Context) (io.ReadCloser, int64, error)
}

func (b *backups) Backup(ctx context.Context) (io.ReadCloser, int64, error) { return b.backup(ctx) }

func TestBackupRefused(t *testing.T) {
	t.Parallel()
	t.Run("no room", func(t *testing.T) {
		t.Parallel()
		s := apitest.Serve(t, &backups{apitest.NewStore(t), func(context.Context) (io.ReadCloser, int64, error) {
			return nil, 0, fmt.Errorf("%w: /var/lib/images", db.ErrFull)
		}}, api.Options{})
		r := s.Do(t, "GET", "/backup", "", "").Refusal(t, http.StatusInsufficientStorage, "full")
		if !strings.Contains(r.Message, "space for a backup") {
			t.Errorf("the message %q does not mention the backup", r.Message)
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		s := apitest.Serve(t, struct{ db.Store }{apitest.NewStore(t)}, api.Options{})
		s.Do(t, "GET", "/backup", "", "").Refusal(t, http.StatusNotImplemented, "no_backup")
		s.Log.Wait(t, `"status":501`, `"level":"INFO"`) // it is not a fault of the server
	})
	t.Run("cut short", func(t *testing.T) {
		t.Parallel()
		s := apitest.Serve(t, &backups{apitest.NewStore(t), func(context.Context) (io.ReadCloser, int64, error) {
			return io.NopCloser(strings.NewReader("half")), 8, nil
		}}, api.Options{})
		if a, err := s.Try(t, "GET", "/backup", "", nil); err == nil {
			t.Errorf("got %s, want a broken connection", a)
		}
	})
}

// TestBackupOnce checks that a second backup is refused while the first is made or sent,
// and allowed when the first client has left.
func TestBackupOnce(t *testing.T) {
	t.Parallel()
	making, gone := make(chan struct{}), make(chan struct{})
	first := true
	store := &backups{Store: apitest.NewStore(t)}
	store.backup = func(ctx context.Context) (io.ReadCloser, int64, error) {
		if !first {
			return store.Store.(db.Backuper).Backup(ctx)
		}
		first = false
		close(making)
		<-ctx.Done()
		close(gone)
		return nil, 0, ctx.Err()
	}
	s := apitest.Serve(t, store, api.Options{})
	c := s.Dial(t)
	c.Request(t, "GET /backup", "")
	<-making
	a := s.Do(t, "GET", "/backup", "", "")
	a.Refusal(t, http.StatusServiceUnavailable, "busy")
	a.WantHeader(t, "Retry-After", "5")
	c.Close()
	<-gone
	s.Log.Wait(t, "/backup", "context canceled")
	s.Do(t, "GET", "/backup", "", "").Want(t, http.StatusOK)
}
