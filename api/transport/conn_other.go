//go:build !linux && !darwin

package transport

import "syscall"

// limitUnsent does nothing: the kernel decides how many bytes may wait to be sent.
func limitUnsent(syscall.RawConn) {}
