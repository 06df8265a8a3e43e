package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// usageOf reads /proc (proc_pid_stat(5) and proc_pid_statm(5)).
func usageOf(pid int) (u usage, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, false
	}
	// The second field is the name of the program in brackets, which can contain anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return u, false
	}
	const tick = time.Second / 100 // USER_HZ
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return u, false
		}
		u.processor += time.Duration(n) * tick
	}
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var all, resident, shared int64
	if err == nil {
		_, err = fmt.Sscan(string(statm), &all, &resident, &shared)
	}
	u.memory = (resident - shared) * int64(os.Getpagesize())
	return u, err == nil
}
