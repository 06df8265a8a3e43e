//go:build !linux

package datafile

import "os"

func adviseNormal(uintptr, int) {}

// Allocate reports ok=false: space is found or missed when it is written to.
func Allocate(*os.File, int64, int64) (ok bool, err error) { return false, nil }
