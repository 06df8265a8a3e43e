//go:build !linux && !darwin

package api

import "syscall"

// limitUnsent leaves the bound to the kernel.
func limitUnsent(syscall.RawConn) {}
