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

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/db"
	"imageserver/db/bolt"
)

// TestBackup restores a copy of the data file by opening it.
func TestBackup(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	content := picture(t, 1, 3<<20)
	s.put(t, "/images/a.png", content)
	a := s.do(t, "GET", "/backup", "", "")
	a.want(t, http.StatusOK)
	s.put(t, "/images/later.png", picture(t, 2, 100))
	a.wantHeader(t, "Content-Type", "application/octet-stream")
	a.wantHeader(t, "Content-Length", fmt.Sprint(len(a.body)))
	a.wantHeader(t, "Cache-Control", "no-store")
	if got := a.header.Get("Content-Disposition"); !regexp.MustCompile(`^attachment; filename="images-\d{4}-\d\d-\d\d-\d{6}\.db"$`).MatchString(got) {
		t.Errorf("Content-Disposition: got %s", got)
	}
	path := filepath.Join(t.TempDir(), "restored.db")
	if err := os.WriteFile(path, []byte(a.body), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	again := serve(t, store, api.Options{})
	again.do(t, "GET", "/images/a.png", "", "").wantImage(t, content)
	again.do(t, "GET", "/images/later.png", "", "").refusal(t, http.StatusNotFound, "not_found")
	again.put(t, "/images/later.png", picture(t, 2, 100))
}

// TestBackupAccess: it is everything that there is, so it is as well guarded as
// anything.
func TestBackupAccess(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{Access: access.Options{Token: "s3cret"}})
	s.do(t, "GET", "/backup", "", "").refusal(t, http.StatusUnauthorized, "token")
	s.do(t, "GET", "/backup", "Authorization: Bearer s3cret", "").want(t, http.StatusOK)
	open := newServer(t, api.Options{})
	open.do(t, "GET", "/backup", "Sec-Fetch-Site: cross-site", "").refusal(t, http.StatusForbidden, "cross_origin")
	open.do(t, "GET", "/backup", "Origin: https://evil.example", "").refusal(t, http.StatusForbidden, "cross_origin")
	open.do(t, "HEAD", "/backup", "", "").want(t, http.StatusMethodNotAllowed)
}

// backups is a store whose copies are what the test makes of them.
type backups struct {
	db.Store
	backup func(ctx context.Context) (io.ReadCloser, int64, error)
}

func (b *backups) Backup(ctx context.Context) (io.ReadCloser, int64, error) { return b.backup(ctx) }

func TestBackupRefused(t *testing.T) {
	t.Parallel()
	t.Run("no room", func(t *testing.T) {
		t.Parallel()
		s := serve(t, &backups{newStore(t), func(context.Context) (io.ReadCloser, int64, error) {
			return nil, 0, fmt.Errorf("%w: /var/lib/images", db.ErrFull)
		}}, api.Options{})
		r := s.do(t, "GET", "/backup", "", "").refusal(t, http.StatusInsufficientStorage, "full")
		if !strings.Contains(r.Message, "space for a backup") {
			t.Errorf("the message %q does not speak of the backup", r.Message)
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		s := serve(t, struct{ db.Store }{newStore(t)}, api.Options{})
		s.do(t, "GET", "/backup", "", "").refusal(t, http.StatusNotImplemented, "no_backup")
	})
	t.Run("cut short", func(t *testing.T) {
		t.Parallel()
		s := serve(t, &backups{newStore(t), func(context.Context) (io.ReadCloser, int64, error) {
			return io.NopCloser(strings.NewReader("half")), 8, nil
		}}, api.Options{})
		if a, err := s.try(t, "GET", "/backup", "", nil); err == nil {
			t.Errorf("got %s, want a connection that breaks off", a)
		}
	})
}

// TestBackupOnce: a second backup is refused while the first is made or sent,
// and not after its client has gone.
func TestBackupOnce(t *testing.T) {
	t.Parallel()
	making, gone := make(chan struct{}), make(chan struct{})
	first := true
	store := &backups{Store: newStore(t)}
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
	s := serve(t, store, api.Options{})
	c := s.dial(t)
	c.request(t, "GET /backup", "")
	<-making
	a := s.do(t, "GET", "/backup", "", "")
	a.refusal(t, http.StatusServiceUnavailable, "busy")
	a.wantHeader(t, "Retry-After", "5")
	c.Close()
	<-gone
	s.log.wait(t, "/backup", "context canceled")
	s.do(t, "GET", "/backup", "", "").want(t, http.StatusOK)
}
