package e2e_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are the files of the manual, from the root of the repository.
var pages = []string{"README.md", "api/README.md", "api/listen/README.md", "db/bolt/README.md"}

// page returns one of them.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commands returns the lines of the indented code blocks of a page that start
// with one of the programs.
func commands(text string, programs ...string) (lines []string) {
	for line := range strings.Lines(text) {
		command := strings.TrimSpace(line)
		program, _, _ := strings.Cut(command, " ")
		if strings.HasPrefix(line, "    ") && slices.Contains(programs, program) {
			lines = append(lines, command)
		}
	}
	return lines
}

// TestManualCommands runs the curl commands of the manual in their order
// against a new server, and then the commands of the program. The shell is the
// reader's: quotes and ~ count.
func TestManualCommands(t *testing.T) {
	parallel(t)
	if _, err := exec.LookPath("curl"); err != nil {
		unavailable(t, "curl is missing")
	}
	for _, name := range pages {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			for file, sample := range map[string]string{
				"cat.png": "gradient.png", "cat.jpg": "tagged.jpg", "photo.jpg": "rotated.jpg",
				"Pictures/2024/cat.gif": "gradient.gif", "Pictures/note.png": "alpha.png",
			} {
				content, err := os.ReadFile("../../testdata/" + sample)
				if err != nil {
					t.Fatal(err)
				}
				os.MkdirAll(filepath.Dir(filepath.Join(home, file)), 0o700)
				if err := os.WriteFile(filepath.Join(home, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := start(t, filepath.Join(home, "images.db"), "--trash=24h")
			text := strings.ReplaceAll(page(t, name), "http://127.0.0.1:5000", s.url)
			run := func(line string) {
				t.Helper()
				line = strings.Replace(line, "curl ", "curl -fsS ", 1)
				line = regexp.MustCompile(`^imageserver`).ReplaceAllString(line, binary(t))
				cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
				cmd.Dir, cmd.Env = home, append(environment(), "HOME="+home)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", line, err, out)
				}
			}
			if name == "api/README.md" { // its examples begin where those of README.md end
				run("curl -F file=@cat.png " + s.url + "/upload")
			}
			var offline []string
			for _, line := range commands(text, "curl", "imageserver") {
				switch {
				case strings.Contains(line, "TOKEN") || strings.Contains(line, "SECRET") || strings.Contains(line, "postgres://"): // for other servers
				case strings.HasPrefix(line, "imageserver") && !strings.Contains(line, "--server"):
					offline = append(offline, line)
				default:
					run(line)
				}
			}
			s.stop(t)
			for _, line := range offline {
				run(line)
			}
		})
	}
}

// TestManualFlags compares the table of flags with what the program has.
func TestManualFlags(t *testing.T) {
	parallel(t)
	help, err := command(t, "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	flags := func(text, pattern string) map[string]bool {
		found := map[string]bool{}
		for _, match := range regexp.MustCompile(pattern).FindAllString(text, -1) {
			found[strings.TrimSpace(match)] = true
		}
		return found
	}
	have := flags(string(help), `(?m)^ +(-h, )?--[\w-]+`)
	delete(have, "-h, --help")
	_, table, _ := strings.Cut(page(t, "api/README.md"), "\n## Flags\n")
	var rows strings.Builder
	for line := range strings.Lines(table) {
		if names, ok := strings.CutPrefix(line, "| `--"); ok {
			first, _, _ := strings.Cut("`--"+names, "|")
			rows.WriteString(first)
		}
	}
	if want := flags(rows.String(), `--[\w-]+`); !maps.Equal(have, want) {
		t.Errorf("the flags are %v, and the table in api/README.md has %v", slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want)))
	}
}

// TestManualLinks follows the links between the files of the repository.
func TestManualLinks(t *testing.T) {
	parallel(t)
	for _, name := range pages {
		for _, link := range regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`).FindAllStringSubmatch(page(t, name), -1) {
			target := name
			if link[1] != "" {
				target = filepath.Join(filepath.Dir(name), link[1])
			}
			text, err := os.ReadFile(filepath.Join("../..", target))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if anchor := strings.TrimPrefix(link[2], "#"); anchor != "" && !slices.Contains(anchors(string(text)), anchor) {
				t.Errorf("%s links to %s%s, and there is no such heading", name, target, link[2])
			}
		}
	}
}

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(text string) (all []string) {
	for line := range strings.Lines(text) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			heading = regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			all = append(all, strings.ReplaceAll(heading, " ", "-"))
		}
	}
	return all
}

// TestUnits has systemd check the units.
func TestUnits(t *testing.T) {
	parallel(t)
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		unavailable(t, "systemd-analyze is missing")
	}
	dir := t.TempDir()
	for _, name := range []string{"imageserver.socket", "imageserver.service"} {
		unit := strings.ReplaceAll(page(t, "api/listen/systemd/"+name), "/usr/local/bin/imageserver", binary(t))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(unit), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", filepath.Join(dir, "imageserver.socket"), filepath.Join(dir, "imageserver.service")).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("%v\n%s", err, out)
	}
}
