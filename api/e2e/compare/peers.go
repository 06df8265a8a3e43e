package main

import (
	"context"
	"crypto/tls"
	_ "embed" // for flaskApp
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// peer is one of the servers in the comparison.
type peer struct {
	name    string
	title   string   // in the table
	parts   []string // in which it takes part
	version []string // the command that prints its version, if there is one
	start   func(ctx context.Context, s site) (*process, string, error)
}

// site is what a peer needs to start.
type site struct {
	dir       string                 // the folder of this peer; dir/images has the samples
	samples   map[int][]byte         // the images, by their sizes
	program   string                 // the image server
	headers   map[string]http.Header // of our server's responses, by the names of the images
	cert, key string                 // PEM files; if they are set, the peer serves HTTP/2 over TLS
	tls       *tls.Config            // of the clients; nil without TLS
}

// Names of peers on which the comparison relies.
const (
	ours  = "ours"
	bare  = "bare"
	nginx = "nginx"
	disk  = "disk"
)

// peers are in the order in which they start: the bare server needs ours.
var peers = []peer{
	{ours, "ours", partNames, nil, startOurs},
	{bare, "bare net/http", []string{partGet, partMore, partHTTP2}, nil, startBare},
	{disk, "write + sync", []string{partUpload}, nil, nil},
	{"files", "new file + sync", []string{partUpload}, nil, nil},
	{nginx, "nginx", partNames, []string{"nginx", "-v"}, startNginx},
	{"caddy", "Caddy", []string{partGet, partMore, partHTTP2}, []string{"caddy", "version"}, startCaddy},
	{"flask", "gunicorn + Flask", []string{partGet, partMore, partUpload}, []string{"gunicorn", "--version"}, startFlask},
}

func peerNames() (names []string) {
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

// startOurs starts the image server with its default settings, except for the port, the
// data file and the certificate.
func startOurs(ctx context.Context, s site) (*process, string, error) {
	args := []string{"serve", "--addr=127.0.0.1:0", "--db=" + filepath.Join(s.dir, "images.db")}
	if s.cert != "" {
		args = append(args, "--tls-cert="+s.cert, "--tls-key="+s.key)
	}
	return started(startProcess(ctx, s.dir, nil, s.program, args...))
}

// startBare starts this program as the bare server.
func startBare(ctx context.Context, s site) (*process, string, error) {
	if err := s.writeHeaders(); err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	env := []string{bareVar + "=" + s.dir, bareCertVar + "=" + s.cert, bareKeyVar + "=" + s.key}
	return started(startProcess(ctx, s.dir, env, self))
}

// started waits until a process has printed its address.
func started(p *process, err error) (*process, string, error) {
	if err != nil {
		return nil, "", err
	}
	addr, err := p.printed()
	if err != nil {
		p.stop()
	}
	return p, addr, err
}

// startAt starts a program that must be told where to listen.
func startAt(ctx context.Context, s site, env []string, name string, args func(addr string) ([]string, error)) (*process, string, error) {
	program, err := lookPath(name)
	if err != nil {
		return nil, "", err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	list, err := args(addr)
	if err != nil {
		return nil, "", err
	}
	p, err := startProcess(ctx, s.dir, env, program, list...)
	if err != nil {
		return nil, "", err
	}
	if err := p.listens(addr); err != nil {
		p.stop()
		return nil, "", err
	}
	return p, addr, nil
}

// nginxConfig is for speed: no access log, and open files are kept.
const nginxConfig = `USER
daemon off;
worker_processes auto;
worker_rlimit_nofile 8192;
pid DIR/nginx.pid;
error_log DIR/error.log;
events { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_timeout 300s;
	keepalive_requests 1000000000;
	open_file_cache max=1000;
	types { image/png png; }
	client_max_body_size 64m;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	server {
		listen ADDR TLS;
		root DIR;
		location / { dav_methods PUT; }
	}
}
`

func startNginx(ctx context.Context, s site) (*process, string, error) {
	user, secure := "", ""
	if os.Geteuid() == 0 {
		user = "user root;" // who can read the folder
	}
	if s.cert != "" {
		secure = "ssl http2; ssl_certificate " + s.cert + "; ssl_certificate_key " + s.key
	}
	return startAt(ctx, s, nil, "nginx", func(addr string) ([]string, error) {
		file := filepath.Join(s.dir, "nginx.conf")
		text := strings.NewReplacer("USER", user, "DIR", s.dir, "ADDR", addr, "TLS", secure).Replace(nginxConfig)
		return []string{"-c", file, "-e", filepath.Join(s.dir, "error.log")}, os.WriteFile(file, []byte(text), 0o600)
	})
}

const caddyConfig = `{
	admin off
	auto_https off
}
SCHEME://ADDR {
	TLS
	root * DIR
	file_server
}
`

func startCaddy(ctx context.Context, s site) (*process, string, error) {
	scheme, secure := "http", ""
	if s.cert != "" {
		scheme, secure = "https", "tls "+s.cert+" "+s.key
	}
	env := []string{"HOME=" + s.dir, "XDG_DATA_HOME=" + s.dir, "XDG_CONFIG_HOME=" + s.dir}
	return startAt(ctx, s, env, "caddy", func(addr string) ([]string, error) {
		file := filepath.Join(s.dir, "Caddyfile")
		text := strings.NewReplacer("SCHEME", scheme, "ADDR", addr, "TLS", secure, "DIR", s.dir).Replace(caddyConfig)
		return []string{"run", "--adapter=caddyfile", "--config=" + file}, os.WriteFile(file, []byte(text), 0o600)
	})
}

//go:embed flask_app.py
var flaskApp []byte

// startFlask starts gunicorn with threads, because its other workers close each connection.
func startFlask(ctx context.Context, s site) (*process, string, error) {
	env := []string{"IMAGES=" + filepath.Join(s.dir, "images"), "PYTHONDONTWRITEBYTECODE=1"}
	return startAt(ctx, s, env, "gunicorn", func(addr string) ([]string, error) {
		return []string{
			"--bind=" + addr, "--workers=" + strconv.Itoa(runtime.NumCPU()), "--threads=8", "--keep-alive=75",
			"--worker-tmp-dir=" + s.dir, "--graceful-timeout=1", "flask_app:app",
		}, os.WriteFile(filepath.Join(s.dir, "flask_app.py"), flaskApp, 0o600)
	})
}
