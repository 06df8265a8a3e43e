//go:build amd64 || arm64

package worker

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// permitted has the system calls that the process needs after confine: the Go runtime uses them
// for memory, threads, timers and signals, and the process reads and writes its pipes. All
// others fail. So the process can open no file and no socket, start no program, and send
// nothing to another process.
var permitted = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_CLOSE, unix.SYS_FCNTL, unix.SYS_FSTAT, unix.SYS_LSEEK, unix.SYS_PREAD64,
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_MREMAP, unix.SYS_MINCORE, unix.SYS_BRK,
	unix.SYS_FUTEX, unix.SYS_CLONE, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_TGKILL,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_SETITIMER,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PPOLL, unix.SYS_GETRANDOM, unix.SYS_GETRUSAGE,
}

// architectures has the numbers of architectures in linux/audit.h. Each architecture has other
// numbers of system calls, so the filter refuses all calls of another architecture.
var architectures = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// confine makes all system calls fail that are not in permitted, in all threads, until the
// process ends (seccomp(2)). They fail with ENOSYS. After this error, the C library uses clone
// instead of clone3. If the kernel was built without seccomp, confine does nothing.
func confine() error {
	const (
		number       = 0 // offsets in struct seccomp_data
		architecture = 4
		allow        = 0x7fff0000 // SECCOMP_RET_ALLOW
		refuse       = 0x00050000 // SECCOMP_RET_ERRNO
	)
	load, equal, give := uint16(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS), uint16(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K), uint16(unix.BPF_RET|unix.BPF_K)
	program := []unix.SockFilter{
		{Code: load, K: architecture},
		{Code: equal, Jt: 1, K: architectures[runtime.GOARCH]},
		{Code: give, K: refuse | uint32(unix.ENOSYS)},
		{Code: load, K: number},
	}
	for _, call := range permitted {
		program = append(program, unix.SockFilter{Code: equal, Jf: 1, K: call}, unix.SockFilter{Code: give, K: allow})
	}
	program = append(program, unix.SockFilter{Code: give, K: refuse | uint32(unix.ENOSYS)})
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	runtime.LockOSThread() // both calls must come from one thread; the second sets the filter of all threads
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err // Linux 3.5 and later have this option
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	runtime.KeepAlive(program)
	switch errno {
	case 0, unix.ENOSYS, unix.EINVAL: // a kernel that was built without seccomp
		return nil
	}
	return errno
}
