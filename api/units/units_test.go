package units_test

import (
	"encoding"
	"testing"
	"time"

	"imageserver/api/units"
)

func TestUnmarshalText(t *testing.T) {
	t.Parallel()
	var (
		size    units.Size
		life    units.Lifetime
		budget  units.Budget
		network units.Proxy
		mode    units.Mode
	)
	for _, c := range []struct {
		value encoding.TextUnmarshaler
		text  string
		got   func() any
		want  any // nil: an error
	}{
		{&size, "64MiB", func() any { return size }, units.Size(64 << 20)},
		{&size, "1k", func() any { return size }, units.Size(1000)},
		{&size, "9EB", nil, nil},
		{&size, "-1", nil, nil},
		{&size, "", nil, nil},
		{&life, "7d", func() any { return life }, units.Lifetime(7 * 24 * time.Hour)},
		{&life, "0", func() any { return life }, units.Lifetime(0)},
		{&life, "-1h", nil, nil},
		{&budget, "auto", func() any { return budget }, units.Budget(0)},
		{&budget, "0", func() any { return budget }, units.Budget(-1)},
		{&budget, "0MB", func() any { return budget }, units.Budget(-1)},
		{&budget, "1KiB", func() any { return budget }, units.Budget(1024)},
		{&budget, "10GB", func() any { return budget }, units.Budget(10e9)},
		{&budget, "10%", nil, nil},
		{&network, "10.0.0.0/8", func() any { return network.String() }, "10.0.0.0/8"},
		{&network, "192.0.2.1", func() any { return network.String() }, "192.0.2.1/32"},
		{&network, "2001:db8::1", func() any { return network.String() }, "2001:db8::1/128"},
		{&network, " 10.0.0.0/8", func() any { return network.String() }, "10.0.0.0/8"},
		{&network, "unix", func() any { return network.IsValid() }, false},
		{&mode, "0660", func() any { return mode }, units.Mode(0o660)},
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

func TestRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]units.Rate{"0": {}, "60/m": {Count: 60, Per: time.Minute}, "10/s": {Count: 10, Per: time.Second}, "1000/h": {Count: 1000, Per: time.Hour}} {
		var got units.Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "60", "0/s", "-1/s", "1/d", "1/ms", "/s", "1/", "x/s", "99999999999/s", "1.5/s", "00/s"} {
		if err := new(units.Rate).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for a rate", text)
		}
	}
}
