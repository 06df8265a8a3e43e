//go:build linux || darwin

package api

import (
	"net"

	"golang.org/x/sys/unix"
)

// limitUnsent sets the TCP_NOTSENT_LOWAT of a connection. Where that fails the
// kernel's own bound holds.
func limitUnsent(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
	})
}
