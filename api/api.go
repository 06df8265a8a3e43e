// Package api is the image server's HTTP interface over a [db.Store].
package api

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"imageserver/api/access"
	"imageserver/api/imaging/format"
	"imageserver/api/intake"
	"imageserver/api/transport"
	"imageserver/api/variants"
	"imageserver/db"
)

// The defaults of Options.
const (
	DefaultMaxUpload    = 64 << 20  // bytes
	DefaultResizeMemory = 512 << 20 // bytes
	DefaultMaxPixels    = 100_000_000
	defaultStall        = time.Minute
)

// Options configures a Server. The zero value lets everyone who can reach the server do
// everything.
type Options struct {
	MaxUpload int64         // the largest image, in bytes; 0 means DefaultMaxUpload
	Allow     []format.Type // the types that are accepted; nil means all of format.Types

	// Access says who may do what. New overwrites its fields Shared and Keyed.
	Access access.Options

	// Trash is how long a deleted or replaced image can be restored; 0 deletes it at once.
	Trash time.Duration

	// Strip removes the metadata of every upload. The server then refuses types whose
	// metadata it cannot remove.
	Strip bool

	// VariantBudget limits the bytes of all resized copies in the store. 0 means a tenth
	// of the bytes of the images, but at least 1 GiB. A negative value keeps no copies.
	VariantBudget int64
	ResizeMemory  int64 // bytes for making resized copies; 0 means DefaultResizeMemory
	MaxPixels     int64 // the largest picture that is resized; 0 means DefaultMaxPixels

	// Decoders makes resized copies of more types; nil means that the response for them is
	// the original. Drain closes it.
	Decoders variants.Decoders

	// Encoder makes resized copies that are WebP; nil means that the response is the original
	// for format=webp, and another format for format=auto. Drain closes it.
	Encoder variants.Encoder

	// Stall is how long a client may take for the next 64 KiB of an upload, or for a
	// chunk of a response; 0 means a minute.
	Stall time.Duration

	Metrics *Metrics     // for /metrics; nil means that nothing is counted
	Log     *slog.Logger // of requests and errors; nil means slog.Default
}

// Server responds to the requests of the API. It is safe for concurrent use.
type Server struct {
	echo     *echo.Echo
	store    db.Store
	intake   *intake.Intake
	variants *variants.Variants
	o        Options
	access   *access.Policy
	draining atomic.Bool
	backups  sync.Mutex // held while a backup is made and sent
	prefix   prefix
}

// New returns a Server for the images in store. page responds to / and /ui/.
func New(store db.Store, page http.Handler, o Options) *Server {
	if o.MaxUpload == 0 {
		o.MaxUpload = DefaultMaxUpload
	}
	if o.ResizeMemory == 0 {
		o.ResizeMemory = DefaultResizeMemory
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = DefaultMaxPixels
	}
	if o.Stall == 0 {
		o.Stall = defaultStall
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Access.Shared, o.Access.Keyed = shared, keyed
	if meter, ok := store.(db.Meter); ok {
		o.Access.Meter = meter
	}
	s := &Server{
		echo:   echo.New(),
		store:  store,
		intake: intake.New(intake.Rules{MaxSize: o.MaxUpload, Allow: o.Allow, Strip: o.Strip}),
		o:      o,
		access: access.New(o.Access),
	}
	s.variants = variants.New(store, variants.Options{
		Budget: o.VariantBudget, Memory: o.ResizeMemory, MaxPixels: o.MaxPixels, Decoders: o.Decoders, Encoder: o.Encoder, Made: o.Metrics.resized, Log: o.Log,
	})
	s.echo.HTTPErrorHandler = s.writeError
	s.echo.IPExtractor = s.access.ClientAddress
	s.use(varyByAccept, s.measure, s.logRequests(), transport.Pace(o.Stall, networkOf), middleware.RecoverWithConfig(recovery(o.Log)), s.access.KnownHost, s.access.CORS())
	s.routes(page)
	s.prefix = newPrefix(o.Access.BaseURL, s.echo.Routes())
	if o.Metrics != nil {
		o.Metrics.watch(s)
	}
	return s
}

// use sets the middleware of all requests, the outermost first. It builds the chain once:
// Echo.Use alone would build it again for each request.
func (s *Server) use(all ...echo.MiddlewareFunc) {
	chain := func(c echo.Context) error { return c.Handler()(c) } // the route that Echo found
	for _, m := range slices.Backward(all) {
		chain = m(chain)
	}
	s.echo.Use(func(echo.HandlerFunc) echo.HandlerFunc { return chain })
}

// routes registers all routes. Viewing images is public. Uploading needs the access token
// if there is one. Listing and changing images needs it too, and is refused to pages of
// other origins. Anyone who has the delete key of an image may delete it, from any origin.
func (s *Server) routes(page http.Handler) {
	e := s.echo
	get := []string{http.MethodGet, http.MethodHead}
	guest, own, token, limit := s.access.AllowedOrigin, s.access.SameOrigin, s.access.RequireToken, s.access.LimitUploads

	e.POST("/upload", s.upload, s.tally, guest, token, limit, plainQuery, uncoded)
	e.Match(get, "/images/*", s.getImage)

	e.Match(get, "/images", s.listImages, own, token, plainQuery)
	e.PUT("/images", s.putNowhere, own, token)
	e.PUT("/images/*", s.putImage, s.tally, own, token, limit, plainQuery, uncoded)
	e.DELETE("/images/*", s.deleteImage, own, token)
	e.DELETE("/images", s.emptyTrash, own, token, plainQuery)
	e.POST("/images/*", s.changeImage, own, token, plainQuery, uncoded)

	e.POST("/archive", s.sendArchive, own, uncoded) // a form cannot send the token, and viewing needs none

	e.Match(get, deletePath+"*", s.askToDelete)
	e.POST(deletePath+"*", s.deleteByKey)
	e.DELETE(deletePath+"*", s.deleteByKey)

	e.Match(get, "/usage", s.getUsage, own, token)
	e.GET("/metrics", s.getMetrics, own, token)
	e.GET("/backup", s.getBackup, own, token)

	e.Match(get, "/livez", s.livez)
	e.Match(get, "/readyz", s.readyz)
	e.Match(get, "/healthz", s.readyz)

	e.Match(get, "/limits", s.getLimits)
	e.Match(get, "/openapi.json", s.getDescription)
	e.Match(get, "/sharex.sxcu", s.getShareX)

	e.Match(get, "/", echo.WrapHandler(page), s.slash, s.announce)
	for _, path := range []string{"/ui/*", "/favicon.ico"} {
		e.Match(get, path, echo.WrapHandler(page))
	}
}

// shared reports whether a path is for pages of other origins too.
func shared(path string) bool {
	return path == "/upload" || path == "/limits" || path == "/openapi.json" || strings.HasPrefix(path, "/images/") || keyed(path)
}

// keyed reports whether a path has a delete key, which is checked instead of the token.
func keyed(path string) bool { return strings.HasPrefix(path, deletePath) }

// networkOf names the client that a request comes from; see access.Network.
func networkOf(c echo.Context) string { return access.Network(c.RealIP()).String() }

// HTTP2 returns the value for the field HTTP2 of an http.Server that serves s over TLS.
func (s *Server) HTTP2() *http.HTTP2Config { return transport.HTTP2(s.o.Stall) }

// ServeHTTP handles one request. It is safe for concurrent use.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.echo.ServeHTTP(w, s.prefix.remove(r))
}

// Drain makes /readyz respond that this server should get no new requests. It refuses
// resized copies that are not being made yet.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.variants.Close(db.ErrClosed)
}
