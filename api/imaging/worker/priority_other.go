//go:build !linux

package worker

// lowerPriority does nothing on this system.
func lowerPriority() {}
