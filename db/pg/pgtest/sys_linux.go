package pgtest

import (
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// owner returns the user who must run PostgreSQL if this process is root, because PostgreSQL
// refuses to run as root. It returns nil if this process is not root.
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

// fastDir returns a folder in memory, for the files of a cluster. It returns an empty string if
// there is no such folder with at least 4 GiB of space. Each store of a test has about 45 files.
// On a disk, it takes a seventh of the time of all tests to create these files.
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
