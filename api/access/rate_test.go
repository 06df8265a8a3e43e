package access

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"imageserver/api/units"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1/32",
		"::ffff:192.0.2.1":        "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::":     "2001:db8:1:2::/64",
		"2001:db8:1:3::":          "2001:db8:1:3::/64",
		"fe80::1%eth0":            "fe80::/64",
		"":                        "invalid Prefix",
		"@":                       "invalid Prefix",
		"not an address, but big": "invalid Prefix",
	} {
		if got := Network(address).String(); got != want {
			t.Errorf("%q: got %s, want %s", address, got, want)
		}
	}
}

// TestLimiter goes by a clock of its own.
func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	l := newLimiter(units.Rate{Count: 3, Per: time.Minute})
	l.now = func() time.Time { return now }
	a, b := Network("192.0.2.1"), Network("192.0.2.2")
	take := func(c netip.Prefix, want time.Duration) {
		t.Helper()
		if got := l.take(c); got != want {
			t.Errorf("after %s: told to wait %s, want %s", now.Sub(time.Unix(1e9, 0)), got, want)
		}
	}
	for range 3 {
		take(a, 0)
	}
	for range 2 { // what is refused does not count
		take(a, 20*time.Second)
	}
	take(b, 0)
	now = now.Add(15 * time.Second)
	take(a, 5*time.Second)
	now = now.Add(5 * time.Second)
	take(a, 0)
	take(a, 20*time.Second)
	for range 200 { // across the generations
		now = now.Add(10 * time.Second)
		take(a, 10*time.Second)
		now = now.Add(10 * time.Second)
		take(a, 0)
	}
	if _, known := l.young[b]; known || l.old[b] != nil {
		t.Error("a client that went away an hour ago is still known")
	}
	now = now.Add(time.Hour)
	for range 3 {
		take(a, 0)
	}
	take(a, 20*time.Second)
}

// TestLimiterBounded: however many clients there are, the limiter keeps at most
// 2*maxClients of them.
func TestLimiterBounded(t *testing.T) {
	t.Parallel()
	l := newLimiter(units.Rate{Count: 1, Per: time.Hour})
	for i := range 3*maxClients + 10 {
		if wait := l.take(Network(fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff))); wait != 0 {
			t.Fatalf("a new client was told to wait %s", wait)
		}
	}
	if n := len(l.young) + len(l.old); n > 2*maxClients {
		t.Errorf("%d clients are known, want %d at most", n, 2*maxClients)
	}
}
