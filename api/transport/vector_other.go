//go:build !linux

package transport

// canSendVector is false: on this system, the body is written from a buffer.
const canSendVector = false

func (c *gatherConn) sendVector(uintptr) bool { return true }
