//go:build !linux && !darwin

package transport

import "syscall"

// limitUnsent leaves the bound to the kernel.
func limitUnsent(syscall.RawConn) {}
