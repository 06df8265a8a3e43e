package access

import (
	"context"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"imageserver/api/refusal"
	"imageserver/api/units"
)

// maxClients is the number of clients in each generation of a limiter; see limiter. Two
// generations take about 20 MB.
const maxClients = 50_000

// limiter counts the uploads of each client in a token bucket. If a client is idle long
// enough, its bucket is full again, and the limiter can forget it. To forget idle
// clients cheaply, the limiter has two generations of clients. It drops the older generation
// after the time in which an empty bucket becomes full, or when the younger generation has
// maxClients clients.
type limiter struct {
	rate units.Rate
	now  func() time.Time

	mu         sync.Mutex
	young, old map[netip.Prefix]*rate.Limiter
	until      time.Time // when the young become the old
}

func newLimiter(r units.Rate) *limiter { return &limiter{rate: r, now: time.Now} }

// take counts one upload of the client, or returns how long it has to wait.
func (l *limiter) take(client netip.Prefix) (wait time.Duration) {
	if l.rate.Count == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	r := l.bucket(client, now).ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// bucket returns the client's bucket and puts it in the young generation.
func (l *limiter) bucket(client netip.Prefix, now time.Time) *rate.Limiter {
	if now.After(l.until) || len(l.young) >= maxClients {
		l.old, l.young = l.young, make(map[netip.Prefix]*rate.Limiter)
		l.until = now.Add(l.rate.Per)
	}
	b := l.young[client]
	if b == nil {
		if b = l.old[client]; b == nil {
			b = rate.NewLimiter(rate.Every(l.rate.Per/time.Duration(l.rate.Count)), l.rate.Count)
		}
		l.young[client] = b
	}
	return b
}

// Network returns what counts as one client in every limit: an IPv4 address, or the /64 of
// an IPv6 address, because one client usually has a whole /64. It returns the zero Prefix
// for all other text.
func Network(address string) netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // drops the zone, too
	return p
}

// CountUpload counts an upload of the request's client, or returns the error that
// refuses it.
func (p *Policy) CountUpload(c echo.Context) error {
	if p.o.Rate.Count == 0 {
		return nil
	}
	wait := p.takeUpload(c.Request().Context(), Network(c.RealIP()))
	if wait == 0 {
		return nil
	}
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(seconds))
	return refusal.New(http.StatusTooManyRequests, "too_many_uploads", "You are uploading too much at once. Try again in %d s.", seconds)
}

// LimitUploads is middleware for routes that upload. It refuses a request before its body
// is read.
func (p *Policy) LimitUploads(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := p.CountUpload(c); err != nil {
			return err
		}
		return next(c)
	}
}

// Meter counts the uploads of all servers of a store; see db.Meter.
type Meter interface {
	Take(ctx context.Context, key string, count int, per time.Duration) (wait time.Duration, err error)
}

// takeUpload counts an upload of a client. It returns how long the client must wait. If the
// meter fails, only this server counts.
func (p *Policy) takeUpload(ctx context.Context, client netip.Prefix) time.Duration {
	if p.o.Meter != nil {
		wait, err := p.o.Meter.Take(ctx, client.String(), p.o.Rate.Count, p.o.Rate.Per)
		if err == nil {
			return wait
		}
	}
	return p.uploads.take(client)
}
