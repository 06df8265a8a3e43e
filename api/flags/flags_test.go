package flags_test

import (
	"encoding"
	"testing"
	"time"

	"imageserver/api/flags"
)

func TestUnmarshalText(t *testing.T) {
	t.Parallel()
	var (
		size    flags.Size
		life    flags.Life
		budget  flags.Budget
		network flags.Proxy
		mode    flags.Mode
	)
	for _, c := range []struct {
		value encoding.TextUnmarshaler
		text  string
		got   func() any
		want  any // nil: an error
	}{
		{&size, "64MiB", func() any { return size }, flags.Size(64 << 20)},
		{&size, "1k", func() any { return size }, flags.Size(1000)},
		{&size, "9EB", nil, nil},
		{&size, "-1", nil, nil},
		{&size, "", nil, nil},
		{&life, "7d", func() any { return life }, flags.Life(7 * 24 * time.Hour)},
		{&life, "0", func() any { return life }, flags.Life(0)},
		{&life, "-1h", nil, nil},
		{&budget, "auto", func() any { return budget }, flags.Budget(0)},
		{&budget, "0", func() any { return budget }, flags.Budget(-1)},
		{&budget, "0MB", func() any { return budget }, flags.Budget(-1)},
		{&budget, "1KiB", func() any { return budget }, flags.Budget(1024)},
		{&budget, "10GB", func() any { return budget }, flags.Budget(10e9)},
		{&budget, "10%", nil, nil},
		{&network, "10.0.0.0/8", func() any { return network.String() }, "10.0.0.0/8"},
		{&network, "192.0.2.1", func() any { return network.String() }, "192.0.2.1/32"},
		{&network, "2001:db8::1", func() any { return network.String() }, "2001:db8::1/128"},
		{&network, " 10.0.0.0/8", func() any { return network.String() }, "10.0.0.0/8"},
		{&network, "unix", func() any { return network.IsValid() }, false},
		{&mode, "0660", func() any { return mode }, flags.Mode(0o660)},
		{&mode, "0999", nil, nil},
		{&mode, "1777", nil, nil},
		{&network, "fe80::1%eth0", nil, nil},
		{&network, "proxy", nil, nil},
	} {
		err := c.value.UnmarshalText([]byte(c.text))
		switch {
		case c.want == nil && err == nil:
			t.Errorf("%T takes %q", c.value, c.text)
		case c.want != nil && (err != nil || c.got() != c.want):
			t.Errorf("%T, %q: got %v, %v, want %v", c.value, c.text, c.got(), err, c.want)
		}
	}
}
