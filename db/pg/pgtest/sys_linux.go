package pgtest

import (
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// owner returns the user who runs PostgreSQL, which refuses to run as root. It returns nil
// if this process is not root.
func owner() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return nil
}

// fastDir returns the folder of a file system in memory that has enough space for a
// cluster, or an empty string. Each store of a test has some 45 files: on a disk, their
// creation takes a seventh of the time of all tests.
func fastDir() string {
	const dir, enough = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < enough {
		return ""
	}
	return dir
}

// give makes the folder belong to the user who runs PostgreSQL.
func give(dir string) error {
	if c := owner(); c != nil {
		return os.Chown(dir, int(c.Uid), int(c.Gid))
	}
	return nil
}

func unprivileged(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner()}
}

// start starts a process that ends when this process ends, even if this process is
// killed. Linux sends Pdeathsig when the thread that started the process ends. So this
// thread waits for the process.
func start(cmd *exec.Cmd) (end chan struct{}, err error) {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // PostgreSQL's immediate shutdown
	started := make(chan error)
	end = make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(end)
	}()
	return end, <-started
}

// Crash ends the server at once, as pg_ctl stop -m immediate does.
func (s *Server) Crash() {
	s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.end
}
