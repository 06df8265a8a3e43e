// Package settings has the flags of the server. It checks them and turns them into the
// options of other packages.
package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"imageserver/api"
	"imageserver/api/access"
	"imageserver/api/batchlog"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/strip"
	"imageserver/api/listen"
	"imageserver/api/printable"
	"imageserver/api/units"
)

// Server has the flags of the server.
type Server struct {
	Addr         string         `default:"127.0.0.1:5000" help:"The address to listen on: HOST:PORT, or unix:PATH for a unix socket. With port 0 the system chooses a free port."`
	SocketMode   units.Mode     `default:"0660" help:"The permissions of the unix socket. A client needs permission to write."`
	DB           string         `name:"db" default:"images.db" help:"The data file. It is created if it does not exist. Or the URL of a PostgreSQL database, such as postgres://images@db.internal/images?bucket=pictures."`
	MaxUpload    units.Size     `default:"${max_upload}" help:"The largest image that can be uploaded."`
	UploadMemory units.Size     `default:"${upload_memory}" help:"Memory for uploads in progress. When this memory is used up, other uploads wait, and stalled uploads are ended."`
	MaxDBSize    units.Size     `name:"max-db-size" default:"0" help:"The largest size of the data file, or of all images in a database, such as 10GiB. With 0 the disk is the limit."`
	Trash        units.Lifetime `default:"24h" help:"How long deleted and replaced images can be restored, such as 12h or 7d. With 0 they are deleted at once."`
	Rate         units.Rate     `default:"0" help:"How many images a client may upload in a time, such as 60/m or 10/s. A client may send this number at once. 0 means no limit. A client is an IPv4 address or an IPv6 /64."`
	Strip        bool           `help:"Remove metadata, such as the location of a photo, from every upload. With this flag the server accepts only JPEG, PNG and WebP."`
	CopiesBudget units.Budget   `default:"auto" help:"Space for resized copies in the data file. auto means a tenth of the space of all images, including the trash, but at least 1GiB. With 0 the server keeps no resized copies."`
	ResizeMemory units.Size     `default:"${resize_memory}" help:"Memory for making resized copies, and for sending copies that the data file does not keep. When this memory is used up, other requests wait."`
	MaxPixels    int64          `default:"${max_pixels}" help:"The largest picture that is resized, in pixels. Larger pictures can still be stored and shown."`
	HEIC         string         `name:"heic" enum:"on,off" default:"on" help:"on makes resized copies of HEIC, off responds with the original."`
	AVIF         string         `name:"avif" enum:"on,off" default:"on" help:"on makes resized copies of AVIF, off responds with the original."`
	Token        string         `help:"Require this access token (a bearer token) to upload, list and delete. Viewing images stays public."`
	Open         bool           `help:"Let everyone who can reach the server upload, list and delete."`
	BaseURL      *url.URL       `name:"base-url" placeholder:"URL" help:"The beginning of the URLs in responses, such as https://img.example.com or https://www.example.com/img."`
	CORSOrigin   []string       `name:"cors-origin" default:"*" help:"The origins whose pages may upload and show images."`
	TrustedProxy []units.Proxy  `placeholder:"NETWORK" help:"Addresses or networks of proxies, such as 127.0.0.0/8. The server trusts their X-Forwarded headers. unix means a proxy that connects to the unix socket."`
	Allow        []format.Type  `help:"The types of images to accept. By default, these are all types: ${types}."`
	TLS          listen.TLS     `embed:""`
	Log          string         `enum:"auto,text,json" default:"auto" help:"Format of the log: text, json, or auto: text on a terminal and JSON elsewhere."`
}

// API returns the options of the API.
func (s *Server) API(listener net.Listener, metrics *api.Metrics, log *slog.Logger) api.Options {
	proxies, unix := units.Split(s.TrustedProxy)
	o := api.Options{
		Access: access.Options{
			Rate:           s.Rate,
			Token:          s.Token,
			Private:        !s.guarded(),
			LocalOnly:      listen.Loopback(listener.Addr()),
			BaseURL:        s.BaseURL,
			CORSOrigins:    s.CORSOrigin,
			TrustedProxies: proxies,
			TrustUnix:      unix,
		},
		MaxUpload:     int64(s.MaxUpload),
		Trash:         time.Duration(s.Trash),
		Strip:         s.Strip,
		VariantBudget: int64(s.CopiesBudget),
		ResizeMemory:  int64(s.ResizeMemory),
		MaxPixels:     s.MaxPixels,
		Allow:         s.Allow,
		Metrics:       metrics,
		Log:           log,
	}
	if pool := s.codecs(log); pool != nil {
		o.Decoders, o.Encoder = pool, pool
	}
	return o
}

// Common returns the flags that all servers of one store should have in common, as text by
// their names. The access token is left out, because it is a secret.
func (s *Server) Common() map[string]string {
	return map[string]string{
		"--max-upload":    s.MaxUpload.String(),
		"--max-db-size":   s.MaxDBSize.String(),
		"--trash":         time.Duration(s.Trash).String(),
		"--rate":          fmt.Sprint(s.Rate),
		"--strip":         fmt.Sprint(s.Strip),
		"--copies-budget": fmt.Sprint(s.CopiesBudget),
		"--max-pixels":    fmt.Sprint(s.MaxPixels),
		"--allow":         fmt.Sprint(s.Allow),
		"--token":         map[bool]string{true: "set", false: "not set"}[s.Token != ""],
	}
}

// Origin returns the address of the page, for people. addr is the address on which the
// server listens. If addr is a unix socket, people open the page at --base-url, so Origin
// returns --base-url and the path of the socket. Without --base-url it returns only the
// path.
func (s *Server) Origin(addr net.Addr) string {
	switch {
	case addr.Network() != "unix":
		return s.TLS.Origin(addr) + "/"
	case s.BaseURL != nil:
		return strings.TrimSuffix(s.BaseURL.String(), "/") + "/ on " + s.TLS.Origin(addr)
	}
	return s.TLS.Origin(addr)
}

// minResizeMemory is enough to resize a small picture, in bytes.
const minResizeMemory = 16 << 20

// minDBSize is enough for some images and for the space that the data file reserves
// for deletes, in bytes.
const minDBSize = 16 << 20

// otherMemory is the memory for everything except uploads and resizing, in bytes. It
// includes objects that the garbage collector has not freed yet.
const otherMemory = 128 << 20

// LimitMemory gives the garbage collector a limit that follows from the flags. Without a
// limit the heap grows to twice the memory in use, and resizing one picture can take half
// a gigabyte. If the operator has set GOMEMLIMIT, that is the limit.
//
// LimitMemory also makes garbage collections rarer. The heap of the server is small, so Go
// would collect it twenty times a second under load. The caller must keep the returned bytes
// until the server ends. They count as a part of the heap, so the next collection begins
// after at least so many new bytes. Nothing is ever written to these bytes, so the system
// gives them no memory. But Go counts them when it compares the heap with the limit, so
// LimitMemory adds them to the limit. If the operator has set GOGC, the result is nil.
func (s *Server) LimitMemory() (reserve []byte) {
	if os.Getenv("GOGC") == "" {
		reserve = make([]byte, heapReserve)
	}
	limit := int64(s.UploadMemory) + int64(s.ResizeMemory) + otherMemory
	if os.Getenv("GOMEMLIMIT") != "" {
		limit = debug.SetMemoryLimit(-1) // Go has read the variable
	}
	if limit < math.MaxInt64-heapReserve { // otherwise there is no limit
		debug.SetMemoryLimit(limit + int64(len(reserve)))
	}
	return reserve
}

// heapReserve is the length of the result of LimitMemory.
const heapReserve = 32 << 20

// guarded reports whether the operator has decided who may upload and change images, with
// --token or --open.
func (s *Server) guarded() bool { return s.Token != "" || s.Open }

// exposed returns a flag that shows that other machines can reach the server. If there is
// none, it returns an empty string. Other machines can reach a server on a loopback address
// through a proxy.
func (s *Server) exposed() string {
	switch {
	case s.BaseURL != nil && !listen.LocalName(s.BaseURL.Hostname()):
		return "--base-url=" + s.BaseURL.String()
	case len(s.TrustedProxy) > 0:
		return "--trusted-proxy"
	case len(s.TLS.Hosts) > 0: // the certificate authority must be able to reach the server
		return "--autocert=" + strings.Join(s.TLS.Hosts, ",")
	}
	return ""
}

// Listen opens the listener for --addr. It refuses an exposed server that is not
// guarded.
func (s *Server) Listen() (net.Listener, error) {
	if flag := s.exposed(); flag != "" && !s.guarded() {
		return nil, units.UsageError{Err: fmt.Errorf("%s: %w", flag, listen.ErrExposed)}
	}
	l, err := listen.Address{Addr: s.Addr, Mode: fs.FileMode(s.SocketMode), Guarded: s.guarded()}.Open()
	if errors.Is(err, listen.ErrAddress) || errors.Is(err, listen.ErrExposed) {
		return nil, units.UsageError{Err: err}
	}
	return l, err
}

// Check returns an error if a flag has an unusable value.
func (s *Server) Check() error {
	if s.DB == "" {
		return ErrNoPath
	}
	if s.BaseURL != nil && !WebAddress(s.BaseURL) {
		return units.UsageError{Err: fmt.Errorf("--base-url=%s is not a URL such as https://img.example.com", s.BaseURL)}
	}
	for _, origin := range units.Trim(s.CORSOrigin) {
		if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil && origin != "*" {
			return units.UsageError{Err: fmt.Errorf("--cors-origin=%s is neither * nor an origin such as https://app.example.com", origin)}
		}
	}
	if s.MaxUpload <= 0 || s.UploadMemory <= 0 {
		return units.UsageError{Err: errors.New("--max-upload and --upload-memory must be more than 0, such as 64MiB")}
	}
	if s.MaxDBSize != 0 && s.MaxDBSize < minDBSize {
		return units.UsageError{Err: errors.New("--max-db-size must be 0 (no limit) or at least 16MiB, such as 10GiB")}
	}
	if s.ResizeMemory < minResizeMemory {
		return units.UsageError{Err: errors.New("--resize-memory must be at least 16MiB, such as 512MiB")}
	}
	if s.MaxPixels <= 0 {
		return units.UsageError{Err: fmt.Errorf("--max-pixels=%d must be more than 0, such as 100000000", s.MaxPixels)}
	}
	if err := s.checkTypes(); err != nil {
		return err
	}
	if err := s.TLS.Check(); err != nil {
		return units.UsageError{Err: err}
	}
	return nil
}

// checkTypes returns an error if the server would accept no image at all.
func (s *Server) checkTypes() error {
	switch {
	case s.Allow != nil && len(s.Allow) == 0:
		return units.UsageError{Err: errors.New("--allow has no type; give at least one, such as --allow=jpeg,png")}
	case s.Strip && s.Allow != nil && !slices.ContainsFunc(s.Allow, strip.Supports):
		return units.UsageError{Err: fmt.Errorf("--strip accepts only JPEG, PNG and WebP, and --allow has none of them (%v)", s.Allow)}
	}
	return nil
}

// ErrNoPath is the error of an empty --db.
var ErrNoPath = units.UsageError{Err: errors.New("--db must be the path of a file")}

// WebAddress reports whether u is an http or https URL to which a path can be added.
func WebAddress(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && u.RawQuery == "" && u.Fragment == ""
}

// Logger returns a logger that writes text on a terminal and JSON elsewhere, unless
// --log names a format. On a terminal, each line appears at once. Elsewhere, lines are
// written together; call flush before the process ends.
func (s *Server) Logger(w io.Writer) (log *slog.Logger, flush func()) {
	_, terminal := printable.Terminal(w)
	lines := batchlog.NewWriter(w, terminal)
	h := batchlog.JSON(lines)
	if s.Log == "text" || s.Log == "auto" && terminal {
		h = batchlog.Text(lines)
	}
	return slog.New(h), func() { _ = lines.Flush() }
}
