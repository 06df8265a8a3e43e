// Package refusal has the error that says which response a request gets.
package refusal

import "fmt"

// Error is an error with the response to it.
type Error struct {
	Status  int    // of HTTP
	Code    string // for programs; it never changes
	Message string // for people: what is wrong and what to do
	Cause   error  // for the log; nil if there is no more to say than Message
}

// New returns an Error whose message is formatted as by fmt.Sprintf.
func New(status int, code, text string, args ...any) error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(text, args...)}
}

// Because returns an Error with a cause.
func Because(cause error, status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message, Cause: cause}
}

// Error returns the text of the cause or, without one, the message.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
