//go:build !linux

package transport

// socketRoom cannot ask the kernel here: it offers the whole of a chunk, which a slow
// client then holds in memory.
type socketRoom struct{}

func (*socketRoom) of(_, most int) int { return most }
