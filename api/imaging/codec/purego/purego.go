// Package purego takes the place of github.com/ebitengine/purego, which calls C libraries
// without cgo. go.mod of the server replaces that module with this one.
//
// The code of package codec is WebAssembly in the modules github.com/gen2brain/avif, heic
// and webp. The Go code of these modules also imports purego, to use an installed libavif,
// libheif or libwebp instead. With the real purego the executable would need
// the C library of the system, it could not be built for FreeBSD, and the result of a
// decode would depend on what is installed. This package has the functions that those
// modules call. Dlopen finds no library, so no other function is called.
package purego

import "errors"

// The flags of Dlopen.
const (
	RTLD_NOW    = 0
	RTLD_GLOBAL = 0
)

// Dlopen always returns an error.
func Dlopen(string, int) (uintptr, error) { return 0, errors.New("this program uses no C libraries") }

// RegisterLibFunc does nothing.
func RegisterLibFunc(any, uintptr, string) {}

// NewCallback returns 0.
func NewCallback(any) uintptr { return 0 }
