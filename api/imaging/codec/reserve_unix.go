//go:build unix

package codec

import "golang.org/x/sys/unix"

// reserve returns n bytes that are 0. The system provides each page when it is first used. Go's
// own memory would be filled with 0 again when it is used again.
func reserve(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// unreserve gives the bytes back. They must not be used after it.
func unreserve(b []byte) { _ = unix.Munmap(b) }
