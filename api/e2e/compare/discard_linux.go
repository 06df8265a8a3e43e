package main

import (
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// sink is where nothing is written: with MSG_TRUNC the kernel drops the bytes of a TCP
// connection instead of copying them (tcp(7)). All connections share it.
var sink [1 << 20]byte

// discard reads n bytes and drops them. The kernel does not copy them, so the load generator
// leaves the memory and the processor to the servers.
func discard(conn *net.TCPConn, n int) error {
	if n == 0 {
		return nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for n > 0 {
			m, _, err := unix.Recvfrom(int(fd), sink[:min(n, len(sink))], unix.MSG_TRUNC)
			switch {
			case err == unix.EINTR:
				continue
			case err == unix.EAGAIN:
				return false // wait for more
			case err != nil:
				failed = err
				return true
			case m == 0:
				failed = io.ErrUnexpectedEOF
				return true
			}
			n -= m
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
}
