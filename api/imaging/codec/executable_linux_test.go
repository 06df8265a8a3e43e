package codec

import (
	"errors"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"imageserver/api/imaging/format"
)

// TestForbidden: if the system forbids executable memory, as MemoryDenyWriteExecute of systemd
// does, the decoders and the encoder return ErrForbidden, and do not run 29 times slower.
func TestForbidden(t *testing.T) {
	t.Parallel()
	type result struct {
		available   bool
		setup, open error
		encoder     error
	}
	results := make(chan result)
	go func() {
		runtime.LockOSThread() // the filter is for this thread, which ends with the goroutine
		var r result
		if r.setup = forbidExecutable(); r.setup == nil {
			r.available = Available()
			_, r.open = Open(t.Context(), format.HEIC, "")
			_, r.encoder = OpenEncoder(t.Context(), "")
		}
		results <- r
	}()
	r := <-results
	if r.setup != nil {
		t.Skip(r.setup)
	}
	if r.available || !errors.Is(r.open, ErrForbidden) || !errors.Is(r.encoder, ErrForbidden) {
		t.Errorf("available is %v, Open returned %v, and OpenEncoder %v", r.available, r.open, r.encoder)
	}
	if !Available() {
		t.Error("the other threads are forbidden, too")
	}
}

// forbidExecutable lets mprotect fail in this thread if it makes memory executable.
func forbidExecutable() error {
	load, jump := uint16(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS), uint16(unix.BPF_JMP|unix.BPF_K)
	give := uint16(unix.BPF_RET | unix.BPF_K)
	program := []unix.SockFilter{
		{Code: load, K: 0}, // the number of the system call
		{Code: jump | unix.BPF_JEQ, Jf: 3, K: unix.SYS_MPROTECT},
		{Code: load, K: 16 + 2*8}, // its third argument
		{Code: jump | unix.BPF_JSET, Jf: 1, K: unix.PROT_EXEC},
		{Code: give, K: 0x00050000 | uint32(unix.EPERM)},
		{Code: give, K: 0x7fff0000},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0)
}
