//go:build !linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// cpuTime is not known here.
func cpuTime(int) (time.Duration, bool) { return 0, false }

func syncData(f *os.File) error { return f.Sync() }

func machine() string {
	return fmt.Sprintf("%s/%s, %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}
