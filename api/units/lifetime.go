package units

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxLifetime is the longest lifetime that an image can have.
const MaxLifetime = 10 * 365 * 24 * time.Hour

// Lifetime is how long an image is kept, written like 12h or 7d.
type Lifetime time.Duration

func (l *Lifetime) UnmarshalText(text []byte) error {
	d, ok := ParseLifetime(string(text))
	if !ok || d < 0 {
		return fmt.Errorf("%q is not a time such as 12h or 7d", text)
	}
	*l = Lifetime(d)
	return nil
}

// ParseLifetime reads a number of seconds, a number of days or weeks, such as 7d or 2w,
// or anything that time.ParseDuration reads. It reports whether the text is valid; a
// valid lifetime can be negative or longer than MaxLifetime.
func ParseLifetime(text string) (time.Duration, bool) {
	unit := time.Second
	number := text
	switch {
	case strings.HasSuffix(text, "d"):
		number, unit = strings.TrimSuffix(text, "d"), 24*time.Hour
	case strings.HasSuffix(text, "w"):
		number, unit = strings.TrimSuffix(text, "w"), 7*24*time.Hour
	}
	if n, err := strconv.ParseUint(number, 10, 63); err == nil {
		return time.Duration(n) * unit, n <= uint64(MaxLifetime/unit)
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}
