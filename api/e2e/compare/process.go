package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 5 * time.Second
)

// process is a server in a process of its own, perhaps with children.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	output string // the file to which it writes its stdout and its stderr
}

// startProcess starts a command that ends when ctx ends, at the latest. Its output is
// in a file of dir, as that of a server usually is.
func startProcess(ctx context.Context, dir string, env []string, name string, args ...string) (*process, error) {
	p := &process{exited: make(chan struct{}), output: filepath.Join(dir, "output.txt")}
	out, err := os.Create(p.output)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.CommandContext(ctx, name, args...)
	p.cmd.Dir, p.cmd.Env = dir, append(environment(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Cancel = p.interrupt
	p.cmd.WaitDelay = stopTimeout
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() // how a server ends does not matter
		close(p.exited)
	}()
	return p, nil
}

// environment is that of this process, without settings of the image server.
func environment() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "IMAGESERVER_") {
			env = append(env, v)
		}
	}
	return env
}

// interrupt asks the process to end, which also ends its children. Windows cannot ask.
func (p *process) interrupt() error {
	if p.cmd.Process.Signal(os.Interrupt) == nil {
		return nil
	}
	return p.cmd.Process.Kill()
}

// stop ends the process and waits for its end.
func (p *process) stop() {
	p.interrupt()
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.cmd.Process.Kill()
		<-p.exited
	}
}

// address is in the line that ours and bare write when they listen.
var address = regexp.MustCompile(`https?://(127\.0\.0\.1:\d+)`)

// printed waits until the process has written the address at which it listens.
func (p *process) printed() (addr string, err error) {
	err = p.until(func() bool {
		text, _ := os.ReadFile(p.output)
		if match := address.FindSubmatch(text); match != nil {
			addr = string(match[1])
		}
		return addr != ""
	})
	return addr, err
}

// listens waits until the process takes connections at addr.
func (p *process) listens(addr string) error {
	return p.until(func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// until waits for the start of the process to reach a point.
func (p *process) until(reached func() bool) error {
	timeout := time.After(startTimeout)
	for !reached() {
		select {
		case <-p.exited:
			return fmt.Errorf("it ended at once: %s", p.last())
		case <-timeout:
			return fmt.Errorf("it does not listen after %s: %s", startTimeout, p.last())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// last returns the end of the output.
func (p *process) last() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}

// freeAddress returns a loopback address with a port that was free a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// lookPath finds a program. Debian has nginx in a folder that users may not have in PATH.
func lookPath(name string) (string, error) {
	for _, file := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(file); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}
