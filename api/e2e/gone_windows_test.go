package e2e_test

import "errors"

func readBare(string) error { return errors.ErrUnsupported }
