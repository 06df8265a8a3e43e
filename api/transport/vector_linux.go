package transport

import "golang.org/x/sys/unix"

const canSendVector = true

// sendVector sends what is held back and then the buffers of c.vector, without a wait. It
// sets c.sent, c.sendErr and c.full, and always returns true, so that nothing waits.
func (c *gatherConn) sendVector(fd uintptr) bool {
	whole := 0
	for _, b := range c.vector {
		whole += len(b)
	}
	n, err := c.writev(int(fd))
	for err == unix.EINTR {
		n, err = c.writev(int(fd))
	}
	if err == unix.EAGAIN {
		n, err = 0, nil
	}
	if err != nil {
		c.sendErr = err
		return true
	}
	head := min(n, c.held)
	c.held = copy(c.buf[:], c.buf[head:c.held])
	c.gathering = c.held > 0
	c.sent = n - head
	c.full = c.sent < whole
	return true
}

// writev writes the held bytes and the buffers with one system call (writev(2)).
func (c *gatherConn) writev(fd int) (int, error) {
	if c.held == 0 && len(c.vector) == 1 {
		return unix.Write(fd, c.vector[0])
	}
	all := make([][]byte, 0, 16)
	if c.held > 0 {
		all = append(all, c.buf[:c.held])
	}
	return unix.Writev(fd, append(all, c.vector...))
}
