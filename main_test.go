package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"imageserver/api/apitest"

	"go.etcd.io/bbolt"

	"imageserver/db/bolt"
	"imageserver/db/pg/pgtest"
)

// asProgram is a variable of the environment with which the test executable runs main.
const asProgram = "IMAGESERVER_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	// The compiled decoders are kept there, as under systemd, and not in the folder of the user.
	os.Setenv("CACHE_DIRECTORY", filepath.Join(os.TempDir(), "imageserver-test-codecs"))
	pgtest.Main(m)
}

// started finds the address in the line that a server starts with.
var started = regexp.MustCompile(`^Images at (http://\S+)/ in (?:the data file )?(.+)\n$`)

// instance is a server that runs in this process.
type instance struct {
	*apitest.Client
	file           string
	stdout, stderr *apitest.Log
	stop           func() int // ends it and returns its exit code
}

// start runs the program and waits until it serves.
func start(t *testing.T, args ...string) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &instance{stdout: new(apitest.Log), stderr: new(apitest.Log)}
	var code int
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code = command(ctx, args, s.stdout, s.stderr)
	}()
	s.stop = func() int {
		cancel()
		<-ended
		return code
	}
	t.Cleanup(func() { s.stop() })
	for deadline := time.Now().Add(apitest.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if m := started.FindStringSubmatch(s.stdout.String()); m != nil {
			s.Client, s.file = apitest.NewClient(m[1]), m[2]
			return s
		}
		select {
		case <-ended:
			t.Fatalf("%q ended with %d: %s", args, code, s.stderr)
		default:
		}
	}
	t.Fatalf("%q does not start: %s", args, s.stderr)
	return nil
}

// try runs the program, which must end by itself.
func try(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), apitest.Patience)
	defer cancel()
	var out, errs apitest.Log
	code = command(ctx, args, &out, &errs)
	if ctx.Err() != nil {
		t.Fatalf("%q does not end: %s", args, &out)
	}
	return code, out.String(), errs.String()
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "images.db") }

// TestServe starts the server, uses it, stops it, starts it again and reads the image back.
func TestServe(t *testing.T) {
	t.Parallel()
	path, cat := newPath(t), apitest.Sample(t, "gradient.png")
	first := start(t, "--addr=127.0.0.1:0", "--db="+path)
	if first.file != path {
		t.Errorf("the server reports the data file %s, want %s", first.file, path)
	}
	if page := first.Do(t, "GET", "/", "", "").Want(t, 200).Body; !strings.Contains(page, "<title>") {
		t.Errorf("the page is %.80q", page)
	}
	uploaded := first.Upload(t, apitest.File("file", "my cat.png", cat)).Success(t, 201)
	if uploaded.Filename != "my cat.png" || uploaded.URL != first.URL+"/images/my%20cat.png" {
		t.Errorf("got %+v", uploaded)
	}
	// A server on a loopback address refuses other host names.
	first.Do(t, "GET", "/", "Host: evil.com", "").Want(t, 421)
	if code := first.stop(); code != 0 {
		t.Errorf("stopped with %d: %s", code, first.stderr)
	}
	if conn, err := net.Dial("tcp", first.Host()); err == nil {
		conn.Close()
		t.Error("the server still listens after it has stopped")
	}

	second := start(t, "serve", "--addr=127.0.0.1:0", "--db", path)
	if got := second.Do(t, "GET", "/images/my%20cat.png", "", "").Want(t, 200).Body; got != cat {
		t.Errorf("got %d bytes back, want the %d sent", len(got), len(cat))
	}
	second.Do(t, "DELETE", "/images/my%20cat.png", "", "").Want(t, 204)
	if code := second.stop(); code != 0 {
		t.Errorf("stopped with %d: %s", code, second.stderr)
	}
}

// TestServeDatabase starts two servers on one database. What one stores, the other
// serves.
func TestServeDatabase(t *testing.T) {
	t.Parallel()
	db, cat := pgtest.URL(t, ""), apitest.Sample(t, "gradient.png")
	first := start(t, "--addr=127.0.0.1:0", "--db="+db)
	second := start(t, "--addr=127.0.0.1:0", "--db="+db)
	if want := "postgres://" + pgtest.User + "@" + pgtest.Shared(t).Addr; !strings.HasPrefix(first.file, want) {
		t.Errorf("the server reports the store %s, want %s…", first.file, want)
	}
	if page := first.Do(t, "GET", "/", "", "").Want(t, 200).Body; !strings.Contains(page, "<title>") {
		t.Errorf("the page is %.80q", page)
	}
	first.Upload(t, apitest.File("file", "cat.png", cat)).Success(t, 201)
	if got := second.Do(t, "GET", "/images/cat.png", "", "").Want(t, 200).Body; got != cat {
		t.Errorf("got %d bytes back, want the %d sent", len(got), len(cat))
	}
	second.Do(t, "GET", "/images/cat.png", "Range: bytes=10-19", "").Want(t, 206)
	second.Do(t, "GET", "/images/cat.png?width=16", "", "").Want(t, 200)
	if list := second.Do(t, "GET", "/images", "", "").Want(t, 200).Body; !strings.Contains(list, "cat.png") {
		t.Errorf("the list is %s", list)
	}
	for _, s := range []*instance{first, second} {
		s.Do(t, "GET", "/readyz", "", "").Want(t, 200)
		s.Do(t, "GET", "/metrics", "", "").Want(t, 200)
		s.Do(t, "GET", "/backup", "", "").Want(t, 501)
	}
	first.Do(t, "DELETE", "/images/cat.png", "", "").Want(t, 204)
	second.Do(t, "GET", "/images/cat.png", "", "").Want(t, 404)
	for _, s := range []*instance{first, second} {
		if code := s.stop(); code != 0 {
			t.Errorf("stopped with %d: %s", code, s.stderr)
		}
	}
}

// TestMigrateDatabase moves a data file to a database and back, and uses the other
// commands on the database.
func TestMigrateDatabase(t *testing.T) {
	t.Parallel()
	first, second, db := newPath(t), newPath(t), pgtest.URL(t, "")
	s := start(t, "--addr=127.0.0.1:0", "--db="+first)
	for i := range 5 {
		s.Put(t, fmt.Sprintf("/images/%d.png", i), apitest.Picture(t, uint64(i), 3000))
	}
	s.Do(t, "DELETE", "/images/0.png", "", "").Want(t, 204)
	s.stop()
	run := func(want int, says string, args ...string) {
		t.Helper()
		if code, stdout, stderr := try(t, args...); code != want || !strings.Contains(stdout+stderr, says) {
			t.Errorf("%q: got %d, %q and %q, want %d and %q", args, code, stdout, stderr, want, says)
		}
	}
	run(0, "5 copied, 0 already there.", "migrate", first, db)
	run(0, "Both stores have the same images.", "migrate", first, db)
	run(0, "5 copied, 0 already there.", "migrate", db, second)
	run(0, "is sound: 4 images", "check", "--db", second)
	run(0, "is sound: 4 images", "check", "--db", db)
	run(0, "is sound: 4 images", "check", "--db", db, "--quick", "--unknown")
	run(exitUsage, "upload the same bytes again", "check", "--db", db, "--repair")
	run(exitUsage, "need the URL", "check", "--db", second, "--quick")
	run(exitUsage, "are the same", "migrate", first, first)
	run(exitFailed, "does not exist", "migrate", filepath.Join(t.TempDir(), "none.db"), db)
	dir := t.TempDir()
	run(0, "4 written", "export", "--db", db, dir)
	run(0, "0 stored, 4 already there", "import", "--db", db, dir)
}

// TestDatabaseUsage: what cannot be done with a database is refused in words. A password
// on the command line is refused, because other users of the machine can see it.
func TestDatabaseUsage(t *testing.T) {
	t.Parallel()
	const db = "postgres://images@db.invalid/images"
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"compact", "--db", db}, "compact works on a data file"},
		{[]string{"serve", "--addr=127.0.0.1:0", "--open", "--autocert=img.example.com", "--db=" + db}, "load balancer"},
		{[]string{"--db=postgres://images:hunter2@db.invalid/images"}, "IMAGESERVER_DB"},
		{[]string{"check", "--db", "postgres://images@db.invalid/images?password=hunter2"}, "IMAGESERVER_DB"},
	} {
		code, _, stderr := try(t, c.args...)
		if code != exitUsage || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "hunter2") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: got %d and %q, want %d and a line with %q", c.args, code, stderr, exitUsage, c.says)
		}
	}
	if code, _, stderr := try(t, "serve", "--addr=127.0.0.1:0", "--db=postgres://images@127.0.0.1:1/images"); code != exitFailed || !strings.Contains(stderr, "database 127.0.0.1:1: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("a database that does not answer: got %d and %q", code, stderr)
	}
}

// TestStopDuringUpload checks that the server finishes an upload before it stops, and
// stores the image.
func TestStopDuringUpload(t *testing.T) {
	t.Parallel()
	path, cat := newPath(t), apitest.Sample(t, "gradient.png")
	s := start(t, "--addr=127.0.0.1:0", "--db="+path)
	conn := s.Dial(t)
	conn.Request(t, "PUT /images/cat.png", fmt.Sprintf("Content-Length: %d\nExpect: 100-continue", len(cat)))
	conn.WantContinue(t)
	stopped := make(chan int)
	go func() { stopped <- s.stop() }()
	s.stderr.Wait(t, "shutting down")
	io.WriteString(conn, cat)
	conn.Answer(t, "PUT").Want(t, http.StatusCreated)
	if code := <-stopped; code != 0 {
		t.Errorf("stopped with %d: %s", code, s.stderr)
	}
	if got := start(t, "--addr=127.0.0.1:0", "--db="+path).Do(t, "GET", "/images/cat.png", "", "").Want(t, 200).Body; got != cat {
		t.Errorf("got %d bytes back, want the %d sent", len(got), len(cat))
	}
}

// TestStartErrors checks that a server which cannot start prints one line with the reason
// and what to do.
func TestStartErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	locked := newPath(t)
	store, err := bolt.Open(locked, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	other := filepath.Join(dir, "other.db")
	foreign, err := bbolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = foreign.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("recipes"))
		return err
	})
	if err := errors.Join(err, foreign.Close()); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })

	for name, c := range map[string]struct {
		addr, file string // more flags may follow
		says       []string
	}{
		"port taken":         {taken.Addr().String(), filepath.Join(dir, "new.db"), []string{taken.Addr().String(), "in use", "--addr"}},
		"port unknown":       {"127.0.0.1:nonsense", filepath.Join(dir, "new.db"), []string{"127.0.0.1:nonsense"}},
		"address of others":  {"[2001:db8::1]:0", filepath.Join(dir, "new.db"), []string{"2001:db8::1"}},
		"locked":             {"", locked, []string{locked, "another process", "--db"}},
		"not a data file":    {"", write("text.db", strings.Repeat("not a data file\n", 1000)), []string{"text.db", "not a data file", "another path"}},
		"a short text":       {"", write("short.db", "no"), []string{"short.db"}},
		"another program's":  {"", other, []string{other, "another program", "recipes"}},
		"empty":              {"", write("empty.db", ""), []string{"empty.db", "0 bytes", "backup"}},
		"folder missing":     {"", filepath.Join(dir, "none", "images.db"), []string{"there is no folder " + filepath.Join(dir, "none")}},
		"no certificate":     {"", filepath.Join(dir, "new.db") + " --tls-cert=none.pem --tls-key=none.pem", []string{"none.pem", "certificate"}},
		"a device":           {"", os.DevNull, []string{os.DevNull, "choose another path"}},
		"a folder":           {"", dir, []string{dir, "is a folder"}},
		"a file as a folder": {"", filepath.Join(write("file", "x"), "images.db"), []string{"images.db"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.addr == "" {
				c.addr = "127.0.0.1:0"
			}
			code, stdout, stderr := try(t, append([]string{"--open", "--addr=" + c.addr}, strings.Fields("--db="+c.file)...)...)
			wantExit(t, code, exitFailed, stdout, stderr, c.says...)
		})
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(dir, "new.db")); err == nil {
			t.Error("a data file was made although the server could not start")
		}
		for _, name := range []string{"text.db", "empty.db", "short.db"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("%s was deleted", name)
			}
		}
	})
}

func TestFolderNotWritable(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("root and Windows can write into the folder")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "images.db")
	code, stdout, stderr := try(t, "--addr=127.0.0.1:0", "--db="+path)
	wantExit(t, code, exitFailed, stdout, stderr, path, "permission denied")
}

// wantExit checks that a program failed with one line which contains all of says.
func wantExit(t *testing.T, code, want int, stdout, stderr string, says ...string) {
	t.Helper()
	if code != want {
		t.Errorf("got exit code %d, want %d", code, want)
	}
	if stdout != "" {
		t.Errorf("standard output has %q", stdout)
	}
	if !strings.HasPrefix(stderr, "imageserver: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("standard error has %q, want one line", stderr)
	}
	for _, words := range says {
		if !strings.Contains(stderr, words) {
			t.Errorf("standard error has %q, want it to say %q", stderr, words)
		}
	}
}

// TestUsage checks the errors for a wrong command line.
func TestUsage(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	for _, c := range []struct {
		args string
		says []string
	}{
		{"--addr=0.0.0.0:0", []string{"--token", "--open"}},
		{"--addr=[::]:0", []string{"--token", "--open"}},
		{"--addr=:0", []string{"--token", "--open"}},
		{"--addr=192.0.2.1:0", []string{"--token", "--open"}},
		{"--addr=localhost.example.com:0", []string{"--token", "--open"}},
		{"--addr=0.0.0.0:0 --token=", []string{"--token", "--open"}},
		{"--addr=127.0.0.1:0 --base-url=https://img.example.com", []string{"--base-url=https://img.example.com", "--token", "--open"}},
		{"--addr=127.0.0.1:0 --base-url=http://192.168.1.7:5000", []string{"--base-url", "--token", "--open"}},
		{"--addr=127.0.0.1:0 --trusted-proxy=127.0.0.1", []string{"--trusted-proxy", "--token", "--open"}},
		{"--addr=127.0.0.1:0 --trusted-proxy=unix --token=", []string{"--trusted-proxy", "--token", "--open"}},
		{"--addr=127.0.0.1:0 --autocert=img.example.com", []string{"--autocert=img.example.com", "--token", "--open"}},
		{"--addr=unix:images.sock", []string{"--addr=unix:images.sock", "--token", "--open"}},
		{"--addr=unix: --open", []string{"unix:PATH"}},
		{"--socket-mode=rw", []string{"--socket-mode", "0660"}},
		{"--addr=127.0.0.1", []string{"--addr", "127.0.0.1:5000"}},
		{"--addr=", []string{"--addr"}},
		{"--max-upload=0", []string{"--max-upload", "64MiB"}},
		{"--max-upload=-1", []string{"--max-upload", "64MiB"}},
		{"--max-upload=large", []string{"--max-upload", "64MiB"}},
		{"--max-upload=99999999999999999999", []string{"--max-upload"}},
		{"--max-upload=9EB", []string{"--max-upload"}},
		{"--upload-memory=0", []string{"--upload-memory", "64MiB"}},
		{"--resize-memory=0", []string{"--resize-memory", "16MiB"}},
		{"--resize-memory=1MiB", []string{"--resize-memory", "16MiB"}},
		{"--copies-budget=-1", []string{"--copies-budget", "auto", "10GiB"}},
		{"--copies-budget=10%", []string{"--copies-budget", "auto", "10GiB"}},
		{"--max-db-size=1MiB", []string{"--max-db-size", "16MiB"}},
		{"--max-db-size=some", []string{"--max-db-size"}},
		{"--rate=60", []string{"--rate", "60/m"}},
		{"--rate=0/s", []string{"--rate", "60/m"}},
		{"--rate=1/d", []string{"--rate", "60/m"}},
		{"--allow=", []string{"--allow", "jpeg"}},
		{"--strip --allow=gif", []string{"--strip", "--allow", "gif"}},
		{"--max-pixels=0", []string{"--max-pixels", "100000000"}},
		{"--max-pixels=many", []string{"--max-pixels"}},
		{"--allow=jpeg,docx", []string{"--allow", "docx", "png"}},
		{"--base-url=img.example.com", []string{"--base-url", "https://"}},
		{"--base-url=ftp://img.example.com", []string{"--base-url", "https://"}},
		{"--base-url=https://", []string{"--base-url"}},
		{"--base-url=https://img.example.com/?a=b", []string{"--base-url"}}, // the names of images are appended to the URL
		{"--trusted-proxy=10.0.0.1/99", []string{"--trusted-proxy"}},
		{"--trusted-proxy=proxy", []string{"--trusted-proxy", "10.0.0.0/8"}},
		{"--tls-cert=cert.pem", []string{"--tls-cert", "--tls-key"}},
		{"--tls-key=key.pem", []string{"--tls-cert", "--tls-key"}},
		{"--tls-cert=cert.pem --tls-key=key.pem --autocert=img.example.com", []string{"--autocert", "--tls-cert"}},
		{"--autocert=localhost", []string{"--autocert", "img.example.com"}},
		{"--autocert=*.example.com", []string{"--autocert", "img.example.com"}},
		{"--acme-email=a@example.com", []string{"--acme-email", "--autocert"}},
		{"--autocert=img.example.com --acme-directory=ca.example.com", []string{"--acme-directory", "https://"}},
		{"--autocert=img.example.com --acme-directory=http://ca.example.com", []string{"--acme-directory", "https://"}},
		{"--acme-directory=https://ca.example.com", []string{"--acme-directory", "--autocert"}},
		{"--log=loud", []string{"--log", "json"}},
		{"--nonsense", []string{"--nonsense", "--help"}},
		{"nonsense", []string{"nonsense", "--help"}},
		{"serve nonsense", []string{"nonsense", "serve --help"}},
		{"--db", []string{"--db"}},
		{"--db=", []string{"--db"}}, // as from --db=$UNSET
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(c.args)
			if c.args != "--db" {
				args = append([]string{"--db=" + path, "--addr=127.0.0.1:0"}, args...)
			}
			code, stdout, stderr := try(t, args...)
			wantExit(t, code, exitUsage, stdout, stderr, c.says...)
		})
	}
	t.Cleanup(func() {
		if _, err := os.Stat(path); err == nil {
			t.Error("a data file was made for a wrong command line")
		}
	})
}

func TestHelp(t *testing.T) {
	t.Parallel()
	flags := []string{"--addr", "127.0.0.1:5000", "--db", "--max-upload", "--token", "--open", "--allow", "jpeg", "IMAGESERVER_ADDR"}
	for args, says := range map[string][]string{
		"--help":        {"POST /upload", "serve", "version"},
		"-h":            {"POST /upload", "serve", "version"},
		"serve --help":  flags,
		"import --help": {"imageserver import ~/Pictures", "2024_cat.jpg", "--server", "--token", "IMAGESERVER_DB", "64MiB"},
		"export --help": {"imageserver export ~/Backup", "--overwrite", "--server", "IMAGESERVER_TOKEN"},
		"serve -h":      {"Example:\n\n    imageserver serve"},
		"check --help":  {"Example:\n\n    imageserver check --db images.db", "--repair", "IMAGESERVER_DB"},
		"compact -h":    {"Example:\n\n    imageserver compact --db images.db"},
		"help":          {"# imageserver\n", "go run ."},
		"help api":      {"# The HTTP API", "`POST /upload`"},
		"help deploy":   {"--trusted-proxy"},
		"help systemd":  {"ListenStream=127.0.0.1:5000", "ExecStart="},
		"help datafile": {"imageserver check"},
		"help database": {"imageserver migrate"},
	} {
		code, stdout, stderr := try(t, strings.Fields(args)...)
		if code != 0 || stderr != "" {
			t.Errorf("%s: got exit code %d and %q", args, code, stderr)
		}
		for _, words := range says {
			if !strings.Contains(stdout, words) {
				t.Errorf("%s does not mention %s:\n%s", args, words, stdout)
			}
		}
	}
}

// TestImportAndExport copies images from a folder into a data file, from there into another
// folder, and through a running server into a third.
func TestImportAndExport(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	transfer := func(want int, says string, args ...string) {
		t.Helper()
		code, stdout, stderr := try(t, args...)
		if code != want || !strings.Contains(stdout+stderr, says) {
			t.Fatalf("%q: got exit code %d, %q and %q, want %d and %q", args, code, stdout, stderr, want, says)
		}
	}
	png := apitest.Sample(t, "gradient.png")
	in, out, again := t.TempDir(), t.TempDir(), t.TempDir()
	changed := time.Date(2014, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, content := range map[string]string{"cat.png": png, "notes.txt": "notes", "con.png": png + "2"} {
		if err := os.WriteFile(filepath.Join(in, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(in, name), changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	transfer(1, "the data file "+path, "export", "--db="+path, out)
	if _, err := os.Stat(path); err == nil {
		t.Error("a data file was made for an export")
	}
	transfer(0, "2 stored, 0 already there, 1 skipped.", "import", "--db="+path, in)
	transfer(0, "0 stored, 2 already there, 1 skipped.", "import", "--db="+path, in)
	transfer(0, "con.png: written as _con.png", "export", "--db="+path, out)

	s := start(t, "--addr=127.0.0.1:0", "--db="+path, "--token=secret")
	transfer(1, "--server", "import", "--db="+path, in)
	transfer(1, "--server", "export", "--db="+path, out)
	transfer(1, "401", "export", "--server="+s.URL, out)
	transfer(0, "0 written, 2 already there.", "export", "--server="+s.URL, "--token=secret", out)
	transfer(0, "2 written, 0 already there.", "export", "--server="+s.URL+"/", "--token=secret", again)
	transfer(0, "1 stored, 1 already there.", "import", "--server="+s.URL, "--token=secret", again) // _con.png is new
	for _, dir := range []string{out, again} {
		file := filepath.Join(dir, "cat.png")
		content, err := os.ReadFile(file)
		if err != nil || string(content) != png {
			t.Errorf("%s: got %d bytes, %v", file, len(content), err)
		}
		if info, err := os.Stat(file); err != nil || !info.ModTime().Equal(changed) {
			t.Errorf("%s: got %v, %v, want the time of the imported file", file, info, err)
		}
		if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	transfer(1, "cat.png: the folder contains another file of this name", "export", "--server="+s.URL, "--token=secret", out)
	transfer(0, "1 written, 2 already there.", "export", "--server="+s.URL, "--token=secret", "--overwrite", out)
	if code := s.stop(); code != 0 {
		t.Errorf("stopped with %d: %s", code, s.stderr)
	}
	transfer(1, "refused", "import", "--server="+s.URL, "--token=secret", in)
	transfer(1, "1 file could not be imported", "import", "--db="+path, "--allow=jpeg", filepath.Join("testdata", "gradient.gif"))
	transfer(1, "no such file", "import", "--db="+path, filepath.Join(in, "none"))
}

// TestTransferUsage checks the errors for wrong command lines of import and export.
func TestTransferUsage(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	for args, says := range map[string]string{
		"import --db=" + path:                       "import --help",
		"export --db=" + path:                       "export --help",
		"export a b --db=" + path:                   "export --help",
		"import x --db=":                            "--db",
		"export x --db=":                            "--db",
		"nonsense --db=" + path:                     "see imageserver --help",
		"import x --max-upload=0 --db=" + path:      "--max-upload",
		"import x --allow=docx --db=" + path:        "--allow",
		"export x --server=127.0.0.1:5000":          "--server",
		"export x --server=ftp://127.0.0.1":         "--server",
		"import x --server=http://127.0.0.1/?a=b":   "--server",
		"import x --server=http://127.0.0.1 --what": "--what",
	} {
		code, stdout, stderr := try(t, strings.Fields(args)...)
		wantExit(t, code, exitUsage, stdout, stderr, says)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a data file was made for a wrong command line")
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := try(t, "version")
	formats := fmt.Sprintf("reads data files of format 1 to %d, writes format %[1]d", bolt.Format())
	if code != 0 || !strings.HasPrefix(stdout, "imageserver ") || !strings.Contains(stdout, formats) || stderr != "" {
		t.Errorf("got exit code %d, %q, %q", code, stdout, stderr)
	}
}

// TestLicenses checks that version --licenses prints the licences.
func TestLicenses(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := try(t, "version", "--licenses")
	if code != 0 || !strings.Contains(stdout, "GNU LESSER GENERAL PUBLIC LICENSE") || stderr != "" {
		t.Errorf("got exit code %d, %.200q, %q", code, stdout, stderr)
	}
}

// TestNoSuchPage checks that help lists the pages of the manual.
func TestNoSuchPage(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := try(t, "help", "me")
	wantExit(t, code, exitUsage, stdout, stderr, "start, api, deploy", "serve --help")
}

// TestOptions checks that each flag has its effect.
func TestOptions(t *testing.T) {
	t.Parallel()
	png, gif := apitest.Sample(t, "gradient.png"), apitest.Sample(t, "gradient.gif")
	t.Run("max-upload", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--max-upload=1KiB")
		s.Do(t, "PUT", "/images/a.png", "", png+strings.Repeat("x", 1024-len(png))).Want(t, 201)
		s.Do(t, "PUT", "/images/b.png", "", png+strings.Repeat("x", 1025-len(png))).Want(t, 413)
	})
	t.Run("allow", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--allow=png,JPG")
		s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 201)
		s.Do(t, "PUT", "/images/a.jpg", "", apitest.Sample(t, "gradient.jpg")).Want(t, 201)
		s.Do(t, "PUT", "/images/a.gif", "", gif).Want(t, 415)
	})
	t.Run("max-pixels", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--max-pixels=2399") // the image has 60 × 40
		s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 201)
		s.Do(t, "GET", "/images/a.png?w=16", "", "").Want(t, 422)
	})
	t.Run("heic", func(t *testing.T) {
		t.Parallel()
		heic := apitest.Sample(t, "gradient.heic")
		for value, want := range map[string]string{"on": "image/jpeg", "off": "image/heic"} {
			s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--heic="+value)
			s.Do(t, "PUT", "/images/a.heic", "", heic).Want(t, 201)
			s.Do(t, "GET", "/images/a.heic?w=16", "", "").WantHeader(t, "Content-Type", want)
		}
	})
	t.Run("avif", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--avif=off", "--heic=off")
		s.Do(t, "PUT", "/images/a.avif", "", apitest.Sample(t, "gradient.avif")).Want(t, 201)
		s.Do(t, "GET", "/images/a.avif?w=16", "", "").WantHeader(t, "Content-Type", "image/avif")
	})
	t.Run("resize-memory", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--resize-memory=16MiB")
		s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 201)
		s.Do(t, "GET", "/images/a.png?w=16", "", "").Want(t, 200)
		s.Do(t, "PUT", "/images/large.png", "", apitest.PNG(t, image.NewNRGBA64(image.Rect(0, 0, 2000, 2000)))).Want(t, 201) // 32 MB to decode
		s.Do(t, "GET", "/images/large.png?w=16", "", "").Want(t, 422)
	})
	t.Run("copies-budget", func(t *testing.T) {
		t.Parallel()
		for flag, want := range map[string]int64{"auto": 1, "0": 0} {
			path := newPath(t)
			s := start(t, "--addr=127.0.0.1:0", "--db="+path, "--copies-budget="+flag)
			s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 201)
			s.Do(t, "GET", "/images/a.png?w=16", "", "").Want(t, 200)
			s.stop()
			wantVariants(t, path, want)
		}
		path := newPath(t)
		s := start(t, "--addr=127.0.0.1:0", "--db="+path)
		s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 201)
		s.Do(t, "GET", "/images/a.png?w=16", "", "").Want(t, 200)
		s.stop()
		s = start(t, "--addr=127.0.0.1:0", "--db="+path, "--copies-budget=0")
		s.Do(t, "PUT", "/images/b.png", "", png+"x").Want(t, 201) // this commit comes after the one that deletes the variant
		s.stop()
		wantVariants(t, path, 0)
	})
	t.Run("max-db-size", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--max-db-size=16MiB", "--trash=0")
		large := png + strings.Repeat("x", 5<<20)
		s.Do(t, "PUT", "/images/a.png", "", large).Want(t, 201)
		s.Do(t, "PUT", "/images/b.png", "", large+"b").Want(t, 201)
		if r := s.Do(t, "PUT", "/images/c.png", "", large+"c").Refusal(t, 507, "full"); !strings.Contains(r.Message, "16 MiB") {
			t.Errorf("the message is %q, want the limit in it", r.Message)
		}
		s.Do(t, "GET", "/readyz", "", "").Want(t, 200)
		s.Do(t, "GET", "/images/a.png", "", "").Want(t, 200)
		s.Do(t, "DELETE", "/images/a.png", "", "").Want(t, 204)
		s.Do(t, "PUT", "/images/c.png", "", large+"c").Want(t, 201)
	})
	t.Run("rate", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--rate=1/h")
		s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 201)
		s.Do(t, "PUT", "/images/b.png", "", png).Want(t, 429)
		s.Do(t, "GET", "/images/a.png", "", "").Want(t, 200)
	})
	t.Run("token", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--token=s3cret")
		s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 401)
		s.Do(t, "PUT", "/images/a.png", "Authorization: Bearer s3cret", png).Want(t, 201)
		s.Do(t, "GET", "/images/a.png", "", "").Want(t, 200)
		if strings.Contains(s.stderr.String()+s.stdout.String(), "s3cret") {
			t.Error("the token is logged")
		}
	})
	t.Run("base-url", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--base-url=https://img.example.com/", "--open")
		if got := s.Do(t, "PUT", "/images/a.png", "Host: img.example.com", png).Want(t, 201).Body; !strings.Contains(got, `"https://img.example.com/images/a.png"`) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("trusted-proxy", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--trusted-proxy=127.0.0.0/8, 10.0.0.0/8", "--open")
		if got := s.Do(t, "PUT", "/images/a.png", "X-Forwarded-Proto: https", png).Want(t, 201).Body; !strings.Contains(got, `"https://127.0.0.1`) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("cors-origin", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--cors-origin=https://a.example,https://b.example")
		s.Do(t, "POST", "/upload", "Origin: https://b.example", "no form").Want(t, 400)
		s.Do(t, "POST", "/upload", "Origin: https://c.example", "no form").Want(t, 403)
	})
	t.Run("localhost", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=localhost:0", "--db="+newPath(t))
		s.Do(t, "PUT", "/images/a.png", "Host: localhost", png).Want(t, 201)
		s.Do(t, "GET", "/", "Host: evil.com", "").Want(t, 421)
	})
	t.Run("open", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--addr=0.0.0.0:0", "--db="+newPath(t), "--open")
		_, port, _ := net.SplitHostPort(s.Host())
		s.URL = "http://127.0.0.1:" + port
		s.Do(t, "PUT", "/images/a.png", "Host: images.example.com", png).Want(t, 201)
	})
	t.Run("IPv6", func(t *testing.T) {
		t.Parallel()
		if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
			t.Skip("there is no IPv6 here")
		} else {
			l.Close()
		}
		s := start(t, "--addr=[::1]:0", "--db="+newPath(t))
		s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 201)
		s.Do(t, "GET", "/", "Host: evil.com", "").Want(t, 421)
	})
	t.Run("log", func(t *testing.T) {
		t.Parallel()
		for form, want := range map[string]string{"text": "msg=request", "json": `"msg":"request"`, "auto": `"msg":"request"`} {
			s := start(t, "--addr=127.0.0.1:0", "--db="+newPath(t), "--log="+form)
			s.Do(t, "GET", "/images/none.png", "", "").Want(t, 404)
			s.stop()
			if got := s.stderr.String(); !strings.Contains(got, want) {
				t.Errorf("--log=%s: got %q, want %s", form, got, want)
			}
		}
	})
}

// TestEnvironment checks that every flag can be set by a variable, and that a flag
// overrides its variable.
func TestEnvironment(t *testing.T) {
	path := newPath(t)
	t.Setenv("IMAGESERVER_ADDR", "127.0.0.1:0")
	t.Setenv("IMAGESERVER_DB", path)
	t.Setenv("IMAGESERVER_MAX_UPLOAD", "1KiB")
	t.Setenv("IMAGESERVER_TOKEN", "s3cret")
	t.Setenv("IMAGESERVER_ALLOW", "png, gif")
	t.Setenv("IMAGESERVER_BASE_URL", "https://img.example.com")
	t.Setenv("IMAGESERVER_CORS_ORIGIN", "https://app.example, https://b.example")
	t.Setenv("IMAGESERVER_TRUSTED_PROXY", "127.0.0.1, 10.0.0.0/8")
	t.Setenv("IMAGESERVER_LOG", "text")
	const token = "Authorization: Bearer s3cret"
	png := apitest.Sample(t, "gradient.png")

	s := start(t, "--token=other")
	s.Do(t, "PUT", "/images/a.png", token, png).Want(t, 401)
	s.stop()

	s = start(t)
	if s.file != path {
		t.Errorf("the data file is %s, want %s", s.file, path)
	}
	s.Do(t, "PUT", "/images/a.png", "", png).Want(t, 401)
	if got := s.Do(t, "PUT", "/images/a.png", token, png).Want(t, 201).Body; !strings.Contains(got, "https://img.example.com/") {
		t.Errorf("got %s", got)
	}
	s.Do(t, "PUT", "/images/b.png", token, png+strings.Repeat("x", 1000)).Want(t, 413)
	s.Do(t, "PUT", "/images/b.png", token, apitest.Sample(t, "lossy.webp")).Want(t, 415)
	s.stop()
	if !strings.Contains(s.stderr.String(), "msg=request") {
		t.Errorf("the log is %q, want text", s.stderr)
	}

	t.Setenv("IMAGESERVER_MAX_UPLOAD", "large")
	code, stdout, stderr := try(t)
	wantExit(t, code, exitUsage, stdout, stderr, "large")
	t.Setenv("IMAGESERVER_MAX_UPLOAD", "1KiB")
	t.Setenv("IMAGESERVER_ADDR", "0.0.0.0:0")
	t.Setenv("IMAGESERVER_TOKEN", "")
	code, stdout, stderr = try(t)
	wantExit(t, code, exitUsage, stdout, stderr, "--token", "--open")
	t.Setenv("IMAGESERVER_OPEN", "true")
	start(t).stop()
}

// TestProgram runs the program in a process of its own: a signal ends it, and the shell
// gets its exit code.
func TestProgram(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot send an interrupt to a process")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (*exec.Cmd, *apitest.Log, *apitest.Log) {
		ctx, cancel := context.WithTimeout(context.Background(), apitest.Patience)
		t.Cleanup(cancel)
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), asProgram+"=1", "GOMAXPROCS=3")
		stdout, stderr := new(apitest.Log), new(apitest.Log)
		cmd.Stdout, cmd.Stderr = stdout, stderr
		return cmd, stdout, stderr
	}

	cmd, stdout, stderr := command("--addr=127.0.0.1:0", "--db="+newPath(t))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(apitest.Patience); !started.MatchString(stdout.String()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not start: %s", stderr)
		}
	}
	// Large pictures may use three cores, small ones one more, and three processors stay
	// free for requests.
	server := apitest.NewClient(started.FindStringSubmatch(stdout.String())[1])
	if metrics := server.Do(t, "GET", "/metrics", "", "").Want(t, 200).Body; !strings.Contains(metrics, "\ngo_sched_gomaxprocs_threads 7\n") {
		t.Errorf("/metrics does not report 7 processors: %s", metrics)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v; %s", err, stderr)
	}

	cmd, _, _ = command("--nonsense")
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
		t.Errorf("with wrong usage: got %v, want exit status %d", err, exitUsage)
	}
}

// wantVariants checks how many variants a data file has.
func wantVariants(t *testing.T, path string, want int64) {
	t.Helper()
	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if u, err := store.Usage(t.Context()); err != nil || u.Variants != want {
		t.Errorf("got %d variants, %v, want %d", u.Variants, err, want)
	}
}

// TestCheck runs the commands for data files on an intact file and on a damaged one.
func TestCheck(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "images.db")
	s := start(t, "--db="+path, "--addr=127.0.0.1:0")
	png := apitest.Sample(t, "gradient.png")
	for _, name := range []string{"a.png", "b.png"} {
		s.Do(t, http.MethodPut, "/images/"+name, "", png+name)
	}
	for _, command := range []string{"check", "check --repair", "compact"} {
		code, stdout, stderr := try(t, append(strings.Fields(command), "--db="+path)...)
		wantExit(t, code, exitFailed, stdout, stderr, path, "another process is using it")
	}
	s.stop()

	code, stdout, stderr := try(t, "check", "--db="+path)
	if code != 0 || !strings.Contains(stdout, path+" is sound: 2 images of ") || !strings.HasPrefix(stderr, "Checking: 0 B of ") {
		t.Errorf("an intact file: exit code %d\n%s%s", code, stdout, stderr)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte(png+"a.png"), []byte(png+"A.png")) // also in free pages
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"check", "check --repair"} {
		code, stdout, stderr = try(t, append(strings.Fields(command), "--db="+path)...)
		if code != exitFailed || !strings.Contains(stdout, "a.png: the checksum of chunk 0 is wrong; upload the same bytes again") ||
			strings.Contains(stdout, "b.png") || !strings.Contains(stderr, "1 problem; 1 image is damaged, of 2; ") {
			t.Errorf("%s of a damaged file: exit code %d\n%s%s", command, code, stdout, stderr)
		}
	}
	code, stdout, stderr = try(t, "compact", "--db="+path)
	if code != 0 || !strings.Contains(stdout, " less\n") {
		t.Errorf("compact: exit code %d\n%s%s", code, stdout, stderr)
	}
	s = start(t, "--db="+path, "--addr=127.0.0.1:0")
	s.Do(t, http.MethodPut, "/images/a.png", "", png+"a.png")
	s.stop()
	editFile(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Delete([]byte("usage")) })
	code, stdout, stderr = try(t, "check", "--repair", "--db="+path)
	if code != 0 || !strings.Contains(stdout, path+" has been repaired\n"+path+" is sound: 2 images") {
		t.Errorf("check --repair: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestInterrupted checks that Ctrl-C is not reported as a fault of the data file.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	start(t, "--addr=127.0.0.1:0", "--db="+path).stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, line := range []string{"check", "check --repair", "compact", "import testdata", "export " + t.TempDir()} {
		var out, errs apitest.Log
		code := command(ctx, append(strings.Fields(line), "--db="+path), &out, &errs)
		if code != exitFailed || !strings.Contains(errs.String(), "imageserver: interrupted; ") || strings.Contains(errs.String(), "canceled") {
			t.Errorf("%s: got exit code %d and %s", line, code, errs.String())
		}
	}
}

// TestCheckRefuses runs the commands on files that are not data files.
func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"check", "check --repair", "compact"} {
		for says, content := range map[string]string{
			"images.db does not exist": "",
			"is empty (0 bytes)":       "empty",
			"not a data file":          strings.Repeat("text\n", 10000),
			"is a folder":              "folder",
			"of another program":       "foreign",
			"a newer version of this":  "newer",
		} {
			path := filepath.Join(t.TempDir(), "images.db")
			var err error
			switch content {
			case "":
			case "empty":
				err = os.WriteFile(path, nil, 0o600)
			case "folder":
				err = os.Mkdir(path, 0o700)
			case "foreign":
				editFile(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("widgets")); return err })
			case "newer":
				editFile(t, path, func(tx *bbolt.Tx) error {
					meta, err := tx.CreateBucket([]byte("meta"))
					return errors.Join(err, meta.Put([]byte("format"), []byte{0, 0, 1, 0}))
				})
			default:
				err = os.WriteFile(path, []byte(content), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := try(t, append(strings.Fields(command), "--db="+path)...)
			wantExit(t, code, exitFailed, stdout, stderr, path, says)
		}
		code, stdout, stderr := try(t, append(strings.Fields(command), "--db=")...)
		wantExit(t, code, exitUsage, stdout, stderr, "--db")
		code, stdout, stderr = try(t, append(strings.Fields(command), "--bd=x")...)
		wantExit(t, code, exitUsage, stdout, stderr, "see imageserver "+strings.Fields(command)[0]+" --help")
	}
}

// editFile runs fn in a write transaction of a bbolt file.
func editFile(t *testing.T, path string, fn func(tx *bbolt.Tx) error) {
	t.Helper()
	bdb, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer bdb.Close()
	if err := bdb.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// TestTerminalIsSafe checks that no output of the program has a character which controls a
// terminal or changes the direction of text, even if a client chose it.
func TestTerminalIsSafe(t *testing.T) {
	t.Parallel()
	const hostile = "\u009b2J\u202egnp\x7f"
	printed := func(what string, texts ...string) {
		t.Helper()
		text := strings.Join(texts, "\n")
		if strings.ContainsAny(text, "\u009b\u202e\x7f\x1b\r") || !utf8.ValidString(text) {
			t.Errorf("%s prints %+q", what, text)
		}
		if !strings.Contains(text, `\u009b2J\u202egnp`) {
			t.Errorf("%s does not print the name: %+q", what, text)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, hostile+".db")
	for _, log := range []string{"json", "text"} {
		s := start(t, "--addr=127.0.0.1:0", "--db="+path, "--log="+log)
		s.Do(t, "GET", "/images/"+url.PathEscape(hostile), "", "")
		if code := s.stop(); code != 0 {
			t.Errorf("stopped with %d", code)
		}
		printed("serve --log="+log, s.stderr.String())
		printed("serve", s.stdout.String())
	}
	images := filepath.Join(dir, hostile)
	if err := os.Mkdir(images, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{hostile + "\r\x1b[2J\n.txt", hostile + "\r.png"} {
		if err := os.WriteFile(filepath.Join(images, name), []byte("not an image"), 0o600); err != nil {
			t.Skip("this system cannot store such names:", err)
		}
	}
	missing := filepath.Join(dir, hostile+"\x1b")
	for _, args := range [][]string{
		{"check", "--db=" + path},
		{"check", "--db=" + missing},
		{"check", "--repair", "--db=" + missing},
		{"compact", "--db=" + path},
		{"import", "--db=" + path, images},
		{"import", "--db=" + path, missing},
		{"export", "--db=" + path, filepath.Join(images, hostile+"\r.png")},
		{"export", "--db=" + missing, images},
		{"--" + hostile},
		{hostile},
		{"--base-url=http://" + hostile},
		{"--tls-cert=" + missing, "--tls-key=" + missing, "--db=" + path},
	} {
		_, stdout, stderr := try(t, args...)
		printed(strings.Join(args[:1], " "), stdout, stderr)
	}
}
