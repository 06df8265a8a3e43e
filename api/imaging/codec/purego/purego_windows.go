package purego

import "syscall"

// The modules load DLLs such as libheif.dll when the program starts. The search must not
// find files of these names beside the program or in the current folder, where somebody else
// may have put them. This package is initialized before the modules. From then on, Windows
// searches only its own folder (SetDefaultDllDirectories, LOAD_LIBRARY_SEARCH_SYSTEM32).
func init() {
	_, _, _ = syscall.NewLazyDLL("kernel32.dll").NewProc("SetDefaultDllDirectories").Call(0x800)
}
