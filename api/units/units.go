// Package units reads values as people write them in flags and parameters: sizes,
// lifetimes, rates, networks.
package units

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes, written like 64MiB.
type Size int64

// String returns the size in the form that UnmarshalText reads. It may round to three
// digits.
func (s Size) String() string { return strings.ReplaceAll(humanize.IBytes(uint64(s)), " ", "") }

func (s *Size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is not a size such as 64MiB", text)
	}
	*s = Size(n)
	return nil
}

// Budget is a number of bytes for resized copies, as in api.Options: 0 means that api
// chooses it, and a negative value that none are kept.
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

// Proxy is a trusted proxy: the addresses of a network, written like 10.0.0.0/8, one
// address, or a proxy that connects to the unix socket, written unix, which has the zero
// Prefix.
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

// Trim removes the spaces around the items of a list, because people write a space
// after a comma.
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
