// Package flags reads values of flags that people write: sizes, times, networks.
package flags

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/dustin/go-humanize"

	"imageserver/api"
)

// Size is a number of bytes, written like 64MiB.
type Size int64

func (s *Size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is no size such as 64MiB", text)
	}
	*s = Size(n)
	return nil
}

// Life is a time that an image is kept, written like 12h or 7d.
type Life time.Duration

func (l *Life) UnmarshalText(text []byte) error {
	d, ok := api.ParseLife(string(text))
	if !ok || d < 0 {
		return fmt.Errorf("%q is no time such as 12h or 7d", text)
	}
	*l = Life(d)
	return nil
}

// Budget is a size for copies, in the terms of api.Options: 0 leaves it to api,
// and less means none.
type Budget int64

func (b *Budget) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*b = 0
		return nil
	}
	var s Size
	if err := s.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is neither auto nor a size such as 10GiB", text)
	}
	if *b = Budget(s); s == 0 {
		*b = -1
	}
	return nil
}

// Network is that of some addresses, written like 10.0.0.0/8, or one address.
type Network struct{ netip.Prefix }

func (n *Network) UnmarshalText(text []byte) (err error) {
	if a, err := netip.ParseAddr(string(text)); err == nil && a.Zone() == "" {
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	if n.Prefix, err = netip.ParsePrefix(string(text)); err != nil {
		return fmt.Errorf("%q is no network such as 10.0.0.0/8, nor an address", text)
	}
	return nil
}

// Prefixes returns the networks as the standard library has them.
func Prefixes(networks []Network) (prefixes []netip.Prefix) {
	for _, n := range networks {
		prefixes = append(prefixes, n.Prefix)
	}
	return prefixes
}
