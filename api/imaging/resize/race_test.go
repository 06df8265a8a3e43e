//go:build race

package resize_test

func init() { raced = true }
