// Package flags reads values of flags that people write: sizes, times, networks.
package flags

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"imageserver/api"
)

// Size is a number of bytes, written like 64MiB.
type Size int64

func (s *Size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is not a size such as 64MiB", text)
	}
	*s = Size(n)
	return nil
}

// Life is a time that an image is kept, written like 12h or 7d.
type Life time.Duration

func (l *Life) UnmarshalText(text []byte) error {
	d, ok := api.ParseLife(string(text))
	if !ok || d < 0 {
		return fmt.Errorf("%q is not a time such as 12h or 7d", text)
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

// Proxy is who may say for whom it forwards a request: the addresses of a
// network, written like 10.0.0.0/8, one address, or whoever connects to the unix
// socket, written unix. That one has the zero Prefix.
type Proxy struct{ netip.Prefix }

func (p *Proxy) UnmarshalText(text []byte) (err error) {
	word := strings.TrimSpace(string(text))
	if word == "unix" {
		p.Prefix = netip.Prefix{}
		return nil
	}
	if a, err := netip.ParseAddr(word); err == nil && a.Zone() == "" {
		p.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	if p.Prefix, err = netip.ParsePrefix(word); err != nil {
		return fmt.Errorf("%q is not an address, not a network such as 10.0.0.0/8, and not unix", word)
	}
	return nil
}

// Split returns the networks in proxies, and whether unix is among them.
func Split(proxies []Proxy) (networks []netip.Prefix, unix bool) {
	for _, p := range proxies {
		if p.IsValid() {
			networks = append(networks, p.Prefix)
		} else {
			unix = true
		}
	}
	return networks, unix
}

// Trim removes the spaces around the items of a list: people write a space after
// a comma.
func Trim(list []string) []string {
	for i, item := range list {
		list[i] = strings.TrimSpace(item)
	}
	return list
}

// Mode is the permissions of a file in octal, written like 0660.
type Mode fs.FileMode

func (m *Mode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 9)
	if err != nil {
		return fmt.Errorf("%q is not a file mode such as 0660", text)
	}
	*m = Mode(n)
	return nil
}
