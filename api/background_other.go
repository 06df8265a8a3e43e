//go:build !linux

package api

import "time"

// lowerPriority does nothing: elsewhere the kernel shares the cores evenly.
func lowerPriority() {}

var start = time.Now()

// processorTime returns the time since the program began: no more is known here.
func processorTime() time.Duration { return time.Since(start) }
