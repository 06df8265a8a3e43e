//go:build !unix

package listen

// lockFolder does nothing: Windows cannot lock a folder.
func lockFolder(string) (unlock func()) { return func() {} }
