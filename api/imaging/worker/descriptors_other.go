//go:build !linux

package worker

// keepDescriptors does nothing: Go lets no process inherit the files that it opens.
func keepDescriptors() {}
