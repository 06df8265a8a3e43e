//go:build !linux

package pgtest

import "os/exec"

func fastDir() string { return "" }

func give(string) error { return nil }

func unprivileged(*exec.Cmd) {}

func start(cmd *exec.Cmd) (end chan struct{}, err error) {
	end = make(chan struct{})
	if err := cmd.Start(); err != nil {
		return end, err
	}
	go func() {
		cmd.Wait()
		close(end)
	}()
	return end, nil
}

// Crash ends the server at once.
func (s *Server) Crash() {
	s.cmd.Process.Kill()
	<-s.end
}
