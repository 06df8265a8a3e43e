package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"imageserver/db/pg/pgtest"
)

// TestCluster runs the configuration of nginx in the manual of db/pg, in front of two
// servers with one store. One server is stopped while clients upload and read. No client
// notices, except that an upload whose body was already on its way may get 502, and must
// be repeated.
func TestCluster(t *testing.T) {
	parallel(t)
	if _, err := exec.LookPath("nginx"); err != nil {
		unavailable(t, "nginx is missing")
	}
	p := newProxy(t)
	p.url = "http://127.0.0.1:" + p.port
	p.client = &http.Client{Timeout: requestTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	target := pgtest.URL(t, "pool_max_conns=4")
	flags := []string{"--base-url=" + p.url, "--token=SECRET", "--trusted-proxy=127.0.0.1"}
	first, second := start(t, target, flags...), start(t, target, flags...)
	config, args := balancer(t, p, first, second)
	p.start(t, config, "nginx", args...)

	const clients, each = 4, 40
	half := make(chan struct{}) // closed when a client has done half of its work
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range each {
				if c == 0 && i == each/2 {
					close(half)
				}
				p.roundTrip(t, fmt.Sprintf("/images/%d-%d.png", c, i))
			}
		})
	}
	<-half
	first.stop(t)
	all.Wait()

	for c := range clients {
		for i := range each {
			p.do(t, "GET", fmt.Sprintf("/images/%d-%d.png", c, i), "", nil, 200)
		}
	}
	second.stop(t)
	p.do(t, "GET", "/images/0-0.png?v=1", "", nil, 502) // not in the cache
}

// TestClusterCache: nginx keeps an image that was requested by a URL with its version,
// and asks the server again for other URLs.
func TestClusterCache(t *testing.T) {
	parallel(t)
	if _, err := exec.LookPath("nginx"); err != nil {
		unavailable(t, "nginx is missing")
	}
	p := newProxy(t)
	p.url = "http://127.0.0.1:" + p.port
	p.client = http.DefaultClient
	s := start(t, pgtest.URL(t, "pool_max_conns=4"), "--base-url="+p.url, "--token=SECRET", "--trusted-proxy=127.0.0.1")
	config, args := balancer(t, p, s, s)
	p.start(t, config, "nginx", args...)
	photo := newPicture(30_000)
	p.do(t, "PUT", "/images/photo.png", "Authorization: Bearer SECRET", photo.open(), 201)
	_, h := p.do(t, "GET", "/images/photo.png", "", nil, 200)
	version := "?v=" + strings.Trim(h.Get("Etag"), `"`)
	if _, h = p.do(t, "GET", "/images/photo.png"+version, "", nil, 200); !strings.Contains(h.Get("Cache-Control"), "immutable") {
		t.Fatalf("%s: got Cache-Control %q, want a URL with a version", version, h.Get("Cache-Control"))
	}
	s.stop(t)
	if got, _ := p.do(t, "GET", "/images/photo.png"+version, "", nil, 200); len(got) != 30_000 {
		t.Errorf("got %d bytes from the cache", len(got))
	}
	p.do(t, "GET", "/images/photo.png", "", nil, 502)
}

// roundTrip uploads a picture and reads it back. It repeats an upload that got 502 once.
func (p *proxy) roundTrip(t *testing.T, path string) {
	t.Helper()
	photo := newPicture(20_000).bytes()
	for tries := 0; ; tries++ {
		r, err := http.NewRequest("PUT", p.url+path, bytes.NewReader(photo))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer SECRET")
		res, err := p.client.Do(r)
		if err != nil {
			t.Errorf("PUT %s: %v", path, err)
			return
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode == http.StatusBadGateway && tries == 0 {
			t.Logf("PUT %s: 502, once more", path)
			continue
		}
		if res.StatusCode/100 != 2 {
			t.Errorf("PUT %s: got %s, %.300s", path, res.Status, text)
		}
		break
	}
	if got, _ := p.do(t, "GET", path, "", nil, 200); got != string(photo) {
		t.Errorf("GET %s: got %d other bytes", path, len(got))
	}
}

// balancer returns the configuration of nginx in the manual of db/pg for this machine.
func balancer(t *testing.T, p *proxy, first, second *server) (config string, args []string) {
	t.Helper()
	dir := t.TempDir()
	http := strings.NewReplacer(
		"10.0.0.1:5000", first.host(),
		"10.0.0.2:5000", second.host(),
		"listen 80;", "listen 127.0.0.1:"+p.port+";",
		"/var/cache/nginx/images", filepath.Join(dir, "cache"),
	).Replace(indented(t, "db/pg/README.md", "upstream imageservers {"))
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // who can read the test's folders
	}
	config = fmt.Sprintf("%spid %s/pid; error_log stderr; daemon off;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/f; uwsgi_temp_path %[2]s/u; scgi_temp_path %[2]s/s;\n%[3]s}\n",
		user, dir, http)
	return config, []string{"-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf")}
}

// indented returns the block of code that begins with this line in a manual.
func indented(t *testing.T, name, first string) (block string) {
	t.Helper()
	_, rest, found := strings.Cut(page(t, name), "\n    "+first+"\n")
	if !found {
		t.Fatalf("%s has no code that begins with %s", name, first)
	}
	block = first + "\n"
	for line := range strings.Lines(rest) {
		line, inside := strings.CutPrefix(line, "    ")
		if !inside {
			break
		}
		block += line
	}
	return block
}
