package units

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how often something may happen: Count times in Per, also all at once after a
// pause. The zero Rate means no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

// UnmarshalText reads a rate such as 10/s, 60/m or 1000/h. 0 means no limit.
func (r *Rate) UnmarshalText(text []byte) error {
	count, unit, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseUint(count, 10, 31)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	switch {
	case string(text) == "0":
	case err != nil, n == 0, per == 0:
		return fmt.Errorf("%q is not a number of uploads such as 60/m, 10/s or 1000/h, or 0 for no limit", text)
	}
	*r = Rate{int(n), per}
	return nil
}
