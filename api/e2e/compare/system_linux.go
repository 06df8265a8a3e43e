package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the processor time, of the user and of the system, that a process and its
// children have used.
func cpuTime(pid int) (sum time.Duration, ok bool) {
	for _, p := range family(pid) {
		var t unix.Timespec
		// The clock of a process, as clock_getcpuclockid(3) makes it. It counts nanoseconds,
		// and /proc/PID/stat only hundredths of a second.
		if err := unix.ClockGettime(int32(^p<<3|2), &t); err != nil {
			return 0, false
		}
		sum += time.Duration(t.Nano())
	}
	return sum, true
}

// family returns a process, its children, and theirs.
func family(pid int) []int {
	all := []int{pid}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file) // an error means that the thread has ended
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

// syncData returns when the content of a file is on the disk.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// machine describes the processor, the kernel, and how busy they are.
func machine() string {
	processor := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	if _, rest, found := strings.Cut(string(text), "model name"); found {
		line, _, _ := strings.Cut(rest, "\n")
		processor = strings.Trim(line, "\t :")
	}
	text, _ = os.ReadFile("/proc/sys/kernel/osrelease")
	kernel := strings.TrimSpace(string(text))
	text, _ = os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return fmt.Sprintf("%s, %d processors, Linux %s, load average at the start %s", processor, runtime.NumCPU(), kernel, load)
}
