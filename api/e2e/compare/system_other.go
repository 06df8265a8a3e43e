//go:build !linux

package main

import (
	"os"
	"runtime"
	"time"
)

// cpuTime is not known here.
func cpuTime(int) (time.Duration, bool) { return 0, false }

func syncData(f *os.File) error { return f.Sync() }

func machine() string { return runtime.GOOS + "/" + runtime.GOARCH }
