//go:build !linux

package api

// lowerPriority does nothing: elsewhere the kernel shares the cores evenly.
func lowerPriority() {}
