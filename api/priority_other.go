//go:build !linux

package api

// lowerPriority does nothing: on other systems the kernel shares the cores evenly.
func lowerPriority() {}
