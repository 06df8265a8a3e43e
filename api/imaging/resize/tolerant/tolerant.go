// Package tolerant decodes damaged pictures that strict decoders refuse and browsers
// show: files that lack their end or are cut off in the middle, files with wrong
// checksums, and files with too much or too little data. The missing part of a
// picture is blank.
//
// Use it only for pictures that the decoders of the standard library have refused. It
// is slower than those and supports fewer kinds of pictures. The decoder of JPEG, which
// is tolerant itself, is in package jpeg.
package tolerant

import "errors"

// ErrUnsupported means that this package does not decode this kind of picture, or
// that the picture has no part that can be decoded.
var ErrUnsupported = errors.New("tolerant: nothing can be decoded")
