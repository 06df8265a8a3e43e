//go:build !linux && !windows

package worker

// usageOf reports false: this system does not say without cgo.
func usageOf(int) (u usage, ok bool) { return u, false }
