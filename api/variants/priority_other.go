//go:build !linux

package variants

// lowerPriority does nothing: on other systems the kernel shares the cores evenly.
func lowerPriority() {}
