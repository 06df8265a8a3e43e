package worker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/resize"
)

// A message has three parts: the length of a JSON text (4 bytes, big-endian), the text, and the
// bytes of a file. The text says how many bytes the file has. When the process is ready, it
// writes an answer without a file. Then it writes one answer to each request.

// request is the text of a message from the server. It asks for a variant of the file that
// follows.
type request struct {
	Info   format.Info
	Plan   plan
	Memory int64 // bytes that the decoder may use for one picture
	Size   int64 // bytes of the file

	Placeholder bool // see resize.Source
}

// plan is a resize.Plan for JSON: package json cannot read an empty format.Type.
type plan struct {
	Width, Height int
	Cover         bool
	Format        string
	Quality       int
	Focus         resize.Focus
}

func (p plan) resizePlan() resize.Plan {
	return resize.Plan{Width: p.Width, Height: p.Height, Cover: p.Cover, Format: format.Type(p.Format), Quality: p.Quality, Focus: p.Focus}
}

func planOf(p resize.Plan) plan {
	return plan{p.Width, p.Height, p.Cover, string(p.Format), p.Quality, p.Focus}
}

// answer is the text of a message from the process. It says whether the variant was made. If
// so, the file that follows is the variant.
type answer struct {
	Failure       failure
	Text          string // the text of the error, for the log
	Type          string // a format.Type, or empty
	Width, Height int    // pixels
	Size          int64  // bytes of the variant
	Placeholder   []byte // not a string, because JSON replaces bytes that are not UTF-8
}

// failure is the kind of an error in an answer.
type failure string

const (
	none        failure = ""
	damaged     failure = "damaged"
	unsupported failure = "unsupported"
	memory      failure = "memory"
	tooLong     failure = "too long"
	forbidden   failure = "forbidden"
)

// maxText limits the JSON text of a message, in bytes.
const maxText = 64 << 10

// send writes the text of a message.
func send(w io.Writer, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// receive reads the text of a message.
func receive(r io.Reader, message any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxText {
		return fmt.Errorf("a message of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	return json.Unmarshal(text, message)
}
