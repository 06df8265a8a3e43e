// Package tolerant decodes pictures that strict decoders refuse and browsers show:
// files without an end, cut off in the middle, with wrong checksums, or with too
// much or too little data. What is missing of a picture stays blank.
//
// It is for pictures that the standard library's decoders have refused: it is
// slower than those, and does less.
package tolerant

import "errors"

// ErrUnsupported means that the picture is of a kind that this package does not
// decode, or that nothing of it can be decoded.
var ErrUnsupported = errors.New("tolerant: nothing can be decoded")
