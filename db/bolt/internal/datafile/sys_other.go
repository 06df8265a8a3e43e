//go:build !linux

package datafile

import "os"

func adviseNormal(uintptr, int) {}

// Allocate returns ok=false: this system cannot reserve disk space.
func Allocate(*os.File, int64, int64) (ok bool, err error) { return false, nil }
