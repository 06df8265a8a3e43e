package units

// UsageError is an error in the command line: a value of a flag, or a combination of
// flags, that cannot be used.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }
