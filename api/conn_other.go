//go:build !linux && !darwin

package api

import "net"

// limitUnsent leaves the bound to the kernel.
func limitUnsent(*net.TCPConn) {}
