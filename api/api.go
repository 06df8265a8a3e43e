// Package api is the image server's HTTP interface over a [db.Store].
package api

import (
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"imageserver/api/imaging/format"
	"imageserver/api/intake"
	"imageserver/api/transport"
	"imageserver/api/units"
	"imageserver/db"
)

// Options tunes a Server. The zero value serves everybody on a trusted network.
type Options struct {
	MaxUpload int64         // bytes of one image at most; 0 means 64 MiB
	Allow     []format.Type // what is taken; nil means all of format.Types

	// Token, when not empty, must come as a bearer token (RFC 6750) with
	// everything but looking: at images, archives of them, the page, the limits and
	// the description of the API, and whether the server is well.
	Token string

	// Private is set for a server that has neither an access token nor the order to
	// be open to everyone. Uploading, listing and changing are then for its own
	// machine only, and a request that another machine, a proxy or a tunnel sent is refused.
	Private bool

	// LocalOnly refuses requests whose Host is a name other than localhost and
	// BaseURL's. A server that listens on loopback sets it: a page of another
	// site whose name is made to point here (DNS rebinding) gets nothing.
	LocalOnly bool

	BaseURL        *url.URL       // what the URLs in answers begin with; nil means as the client asked
	CORSOrigins    []string       // the origins whose pages may upload and show; nil means all, which is "*"
	TrustedProxies []netip.Prefix // whose X-Forwarded-… headers count
	TrustUnix      bool           // a proxy connects to a unix socket, and its headers count

	// Trash is for how long a deleted or replaced image can be brought back; with
	// 0 it is gone at once.
	Trash time.Duration
	Strip bool // take the metadata out of every upload, and refuse types of which it cannot be taken

	// CopiesBudget is how many bytes of the store resized copies may take; 0 means
	// a tenth of the images', or 1 GiB if that is more, and less than 0 that none
	// is kept.
	CopiesBudget int64
	ResizeMemory int64 // bytes of memory while copies are made; 0 means 512 MiB
	MaxPixels    int64 // of a picture that is resized; 0 means 100 million

	// Rate is how often a client may upload, whether or not it has the token. A
	// client is an IPv4 address or an IPv6 /64.
	Rate units.Rate

	// Stall is how long a client may take for the next 64 KiB of an upload, or
	// for a chunk of an answer; 0 means 60 s.
	Stall time.Duration

	Metrics *Metrics     // what is told at /metrics; nil means that nothing is counted
	Log     *slog.Logger // requests and what went wrong; nil means slog.Default
}

// Server answers the API's requests. It is safe for concurrent use.
type Server struct {
	echo     *echo.Echo
	store    db.Store
	intake   *intake.Intake
	copies   copies
	o        Options
	token    [sha256.Size]byte           // the digest of Options.Token
	invited  *http.CrossOriginProtection // who may upload, unless all may
	crossing *http.CrossOriginProtection // who may change and list
	draining atomic.Bool
	uploads  *limiter
	backups  sync.Mutex // held while one is made and sent
	prefix   prefix
}

// New returns a Server for the images in store. The page answers / and /ui/.
func New(store db.Store, page http.Handler, o Options) *Server {
	if o.MaxUpload == 0 {
		o.MaxUpload = 64 << 20
	}
	if o.ResizeMemory == 0 {
		o.ResizeMemory = 512 << 20
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = 100e6
	}
	if o.Stall == 0 {
		o.Stall = 60 * time.Second
	}
	if o.CORSOrigins == nil {
		o.CORSOrigins = []string{"*"}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{
		echo:     echo.New(),
		store:    store,
		intake:   intake.New(intake.Rules{MaxSize: o.MaxUpload, Allow: o.Allow, Strip: o.Strip}),
		copies:   copies{store: store, log: o.Log, resizer: newResizer(resizers(), o.ResizeMemory), budget: o.CopiesBudget, pixels: o.MaxPixels},
		o:        o,
		token:    sha256.Sum256([]byte(o.Token)),
		invited:  http.NewCrossOriginProtection(),
		crossing: http.NewCrossOriginProtection(),
		uploads:  newLimiter(o.Rate),
	}
	for _, origin := range o.CORSOrigins {
		_ = s.invited.AddTrustedOrigin(origin) // what is no origin is nobody's
	}
	s.echo.HTTPErrorHandler = s.writeError
	s.echo.IPExtractor = s.clientAddress
	s.echo.Use(s.measure, s.logRequests(), transport.Pace(o.Stall, networkOf), middleware.RecoverWithConfig(recovery(o.Log)), s.local, s.cors())
	s.routes(page)
	s.prefix = newPrefix(o.BaseURL, s.echo.Routes())
	if o.Metrics != nil {
		s.copies.resizer.metrics = o.Metrics
		o.Metrics.watch(s)
	}
	return s
}

// routes is the API. Looking is public; uploading wants the token, when there
// is one; what lists or changes images is besides not for other sites' pages.
// Who has a key may delete its image, from anywhere.
func (s *Server) routes(page http.Handler) {
	e := s.echo
	look := []string{http.MethodGet, http.MethodHead}

	e.POST("/upload", s.upload, s.tally, s.guest, s.bearer, s.counted, plainQuery, uncoded)
	e.Match(look, "/images/*", s.getImage)

	e.Match(look, "/images", s.listImages, s.own, s.bearer, plainQuery)
	e.PUT("/images", s.putNowhere, s.own, s.bearer)
	e.PUT("/images/*", s.putImage, s.tally, s.own, s.bearer, s.counted, plainQuery, uncoded)
	e.DELETE("/images/*", s.deleteImage, s.own, s.bearer)
	e.DELETE("/images", s.emptyTrash, s.own, s.bearer, plainQuery)
	e.POST("/images/*", s.changeImage, s.own, s.bearer, plainQuery, uncoded)

	e.POST("/archive", s.sendArchive, s.own, uncoded) // from a form, which cannot send the token, and looking needs none

	e.Match(look, deletePath+"*", s.askToDelete)
	e.POST(deletePath+"*", s.deleteByKey)
	e.DELETE(deletePath+"*", s.deleteByKey)

	e.GET("/metrics", s.getMetrics, s.own, s.bearer)
	e.GET("/backup", s.getBackup, s.own, s.bearer)

	e.Match(look, "/livez", s.livez)
	e.Match(look, "/readyz", s.readyz)
	e.Match(look, "/healthz", s.readyz)

	e.Match(look, "/limits", s.getLimits)
	e.Match(look, "/openapi.json", s.getDescription)
	e.Match(look, "/sharex.sxcu", s.getShareX)

	e.Match(look, "/", echo.WrapHandler(page), s.slash, s.announce)
	for _, path := range []string{"/ui/*", "/favicon.ico"} {
		e.Match(look, path, echo.WrapHandler(page))
	}
}

// networkOf names the client that a request comes from; see clientNetwork.
func networkOf(c echo.Context) string { return clientNetwork(c.RealIP()).String() }

// HTTP2 is for the field of that name in an http.Server that serves s over TLS.
func (s *Server) HTTP2() *http.HTTP2Config { return transport.HTTP2(s.o.Stall) }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.echo.ServeHTTP(w, s.prefix.remove(r))
}

// Drain makes /readyz answer that this server should get no new requests.
// Copies that have no turn yet are refused.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.copies.resizer.queue.close(db.ErrClosed)
}
