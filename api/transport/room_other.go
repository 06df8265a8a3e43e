//go:build !linux

package transport

// socketRoom cannot ask the kernel on this system. It reports room for a whole chunk, so a
// chunk stays in the server's memory while a slow client reads it.
type socketRoom struct{ full bool }

func (*socketRoom) of(_, most int) int { return most }
