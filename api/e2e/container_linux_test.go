package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// dockerfile is the argument of an instruction in the manual's Dockerfile.
func dockerfile(t *testing.T, instruction string) string {
	t.Helper()
	readme, err := os.ReadFile("../listen/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "```dockerfile\n")
	text, _, _ = strings.Cut(text, "```\n")
	m := regexp.MustCompile(`(?m)^` + instruction + ` (.+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the manual's Dockerfile has no %s:\n%s", instruction, text)
	}
	return m[1]
}

// TestContainer runs what the manual's Dockerfile builds as a container does: as
// process 1 and user 65534, and with no file but its own in a root that cannot
// be written.
func TestContainer(t *testing.T) {
	parallel(t)
	goMod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if version := strings.TrimPrefix(strings.Fields(dockerfile(t, "FROM"))[0], "golang:"); !strings.Contains(string(goMod), "\ngo "+version) {
		t.Errorf("the Dockerfile builds with Go %s, not as go.mod says", version)
	}
	var entry []string
	if err := json.Unmarshal([]byte(dockerfile(t, "ENTRYPOINT")), &entry); err != nil {
		t.Fatal(err)
	}
	if user := dockerfile(t, "USER"); user != "65534:65534" {
		t.Errorf("the user is %s", user)
	}

	root := mountTmpfs(t, "100m")
	data := filepath.Join(root, dockerfile(t, "VOLUME"))
	build, _, _ := strings.Cut(dockerfile(t, "RUN"), " && ")
	build = strings.Replace(build, "-o /imageserver", `-o "$OUT"`, 1)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", build)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "OUT="+filepath.Join(root, entry[0]))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	mount(t, data, "-t", "tmpfs", "-o", "size=256m,uid=65534,gid=65534,mode=755", "imageserver-e2e")
	if out, err := exec.Command("mount", "-o", "remount,ro", root).CombinedOutput(); err != nil {
		unavailable(t, "mount: %v %s", err, out)
	}

	container := func(addr string, env ...string) *exec.Cmd {
		ours := strings.Replace(dockerfile(t, "ENV"), "0.0.0.0:5000", addr, 1)
		cmd := exec.CommandContext(t.Context(), entry[0], entry[1:]...)
		cmd.Dir, cmd.Env = "/", slices.Concat([]string{"PATH=/"}, strings.Fields(ours), env) // not the test's own
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot:     root,
			Credential: &syscall.Credential{Uid: 65534, Gid: 65534},
			Cloneflags: syscall.CLONE_NEWPID,
		}
		return cmd
	}
	if _, err := tryLaunch(t, container("0.0.0.0:0")); err == nil || !strings.Contains(err.Error(), "--token") || !strings.Contains(err.Error(), "--open") {
		t.Errorf("without a token: %v, want it to ask for one", err)
	}
	s := launch(t, container("127.0.0.1:0", "IMAGESERVER_OPEN=true"))
	mustPut(t, s, "small.png", newPicture(20e3))
	mustPut(t, s, "large.png", newPicture(5e6))
	photo, err := os.Open("../../testdata/photo-444.jpg")
	if err != nil {
		t.Fatal(err)
	}
	defer photo.Close()
	info, err := photo.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.put("photo.jpg", photo, info.Size()); err != nil {
		t.Fatal(err)
	}
	resp, err := s.open("/images/photo.jpg?w=32")
	if err != nil {
		t.Fatal(err)
	}
	if err := read(resp, nil); err != nil || resp.Header.Get("X-Result-Width") != "32" {
		t.Errorf("the resized copy: %v, %v", err, resp.Header)
	}
	if _, err := backup(t, s); err != nil {
		t.Errorf("backup: %v", err)
	}
	if err := s.call(http.MethodGet, "/readyz", nil, nil); err != nil {
		t.Error(err)
	}
	s.stop(t)
}
