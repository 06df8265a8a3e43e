package variants

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var getThreadTimes = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetThreadTimes")

// processorTime returns the processor time that the calling thread has used, in
// steps of about 16 ms (GetThreadTimes). Time in which the thread waits for a core
// does not count. A Filetime that holds a duration counts units of 100 ns.
func processorTime() time.Duration {
	var created, exited, kernel, user windows.Filetime
	ok, _, err := getThreadTimes.Call(uintptr(windows.CurrentThread()), uintptr(unsafe.Pointer(&created)),
		uintptr(unsafe.Pointer(&exited)), uintptr(unsafe.Pointer(&kernel)), uintptr(unsafe.Pointer(&user)))
	if ok == 0 {
		panic(err) // a thread can always read its own times
	}
	return 100 * (ticks(kernel) + ticks(user))
}

// ticks returns the number in f.
func ticks(f windows.Filetime) time.Duration {
	return time.Duration(f.HighDateTime)<<32 | time.Duration(f.LowDateTime)
}
