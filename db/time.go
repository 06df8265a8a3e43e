package db

import (
	"math"
	"time"
)

// FirstTime and LastTime are the first and the last time that a store can save. A store
// saves a time as nanoseconds since 1970, in 64 bits. LastTime is in the year 2262.
var (
	FirstTime = time.Unix(0, math.MinInt64).UTC()
	LastTime  = time.Unix(0, math.MaxInt64).UTC()
)

// Stamp returns t as a store saves it: in UTC, in nanoseconds, and between FirstTime
// and LastTime. A zero time stays zero.
func Stamp(t time.Time) time.Time {
	switch {
	case t.IsZero():
		return time.Time{}
	case t.Before(FirstTime):
		return FirstTime
	case t.After(LastTime):
		return LastTime
	}
	return time.Unix(0, t.UnixNano()).UTC()
}
