//go:build unix

package codec

import "golang.org/x/sys/unix"

// reserve returns n bytes that are 0. The system provides each page when it is first used.
// Memory of Go would be slower, because Go fills it with 0 each time it is used again.
func reserve(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// unreserve returns the bytes to the system. The caller must not use them after that.
func unreserve(b []byte) { _ = unix.Munmap(b) }
