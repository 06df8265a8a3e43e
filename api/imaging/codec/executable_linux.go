package codec

import "golang.org/x/sys/unix"

// executable reports whether this process can run code that it has compiled. It tries what
// wazero does (mmapCodeSegment): it writes to memory and then makes this memory executable. The
// option MemoryDenyWriteExecute of systemd and prctl PR_SET_MDWE forbid this.
func executable() bool {
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return false
	}
	defer unix.Munmap(b)
	return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC) == nil
}
