//go:build !unix

package codec

// reserve returns n bytes that are 0.
func reserve(n int) ([]byte, error) { return make([]byte, n), nil }

// unreserve leaves the bytes to the garbage collector.
func unreserve([]byte) {}
