package worker

import (
	"time"

	"golang.org/x/sys/windows"
)

// usageOf returns the processor time of a process (GetProcessTimes).
func usageOf(pid int) (u usage, ok bool) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return u, false
	}
	defer windows.CloseHandle(h)
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return u, false
	}
	for _, t := range []windows.Filetime{kernel, user} {
		u.processor += time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100 // in units of 100 ns
	}
	return u, true
}
