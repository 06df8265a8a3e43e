package transport

import "golang.org/x/sys/unix"

// socketRoom asks a socket how many bytes it takes without blocking. See tcp(7) and
// unix(7) for the ioctls.
type socketRoom struct {
	size int  // the last known SO_SNDBUF; the kernel can increase it
	full bool // the socket has just refused bytes
}

// of returns the room for at most `most` bytes: at least SmallRoom if the socket is
// writable, otherwise 0.
func (r *socketRoom) of(fd, most int) int {
	if r.full {
		return r.ifWritable(fd, most)
	}
	unsentNow, err := unix.IoctlGetInt(fd, unix.SIOCOUTQNSD)
	if err != nil { // not TCP
		unsentNow, _ = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	}
	if r.beside(unsentNow) < most {
		r.size, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
	}
	if free := r.beside(unsentNow); free >= min(most, SmallRoom) {
		return min(free, most)
	}
	return r.ifWritable(fd, most)
}

// ifWritable returns a small room if the socket is writable, otherwise 0.
func (r *socketRoom) ifWritable(fd, most int) int {
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(ready, 0); n == 0 && err == nil {
		return 0 // after this poll the kernel wakes the goroutine when there is room
	}
	return min(most, SmallRoom)
}

// beside returns how many more bytes the socket takes while `waiting` bytes are not sent
// yet. One third of SO_SNDBUF is for bytes that were sent but not acknowledged. Another
// third is for the data that the kernel keeps for each packet (socket(7)).
func (r *socketRoom) beside(waiting int) int { return min(r.size/3, unsent) - waiting }
