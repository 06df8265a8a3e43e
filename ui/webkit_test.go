package ui_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// webkit controls the WebDriver of WebKitGTK (https://www.w3.org/TR/webdriver2/), which starts
// a browser for each tab.
type webkit struct {
	url     string
	browser string // the path of MiniBrowser
}

// startWebKit starts the driver, and an X server without a screen, because WebKitGTK needs one.
// Both end with the test.
func startWebKit(t *testing.T) engine {
	t.Helper()
	program, xvfb := need(t, "WebKitWebDriver"), need(t, "Xvfb")
	browsers, _ := filepath.Glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser")
	if len(browsers) == 0 {
		missing(t, "MiniBrowser of WebKitGTK")
	}
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--port="+port)
	home := newHome(t)
	cmd.Env = append(os.Environ(), "DISPLAY="+startDisplay(t, xvfb), "HOME="+home, "XDG_RUNTIME_DIR="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home,
		"LANGUAGE=en", "GDK_BACKEND=x11", "GSETTINGS_BACKEND=memory", "NO_AT_BRIDGE=1",
		"WEBKIT_DISABLE_COMPOSITING_MODE=1") // without a graphics card, the compositor can take seconds for a frame
	run(t, cmd)
	w := &webkit{url: "http://" + address, browser: browsers[0]}
	for end := time.Now().Add(commandPatience); ; time.Sleep(20 * time.Millisecond) {
		err := w.call("GET", "/status", nil, nil)
		if err == nil {
			return w
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// startDisplay starts an X server without a screen, and returns its name.
func startDisplay(t *testing.T, xvfb string) string {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd := exec.Command(xvfb, "-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{out}
	run(t, cmd)
	out.Close()
	in.SetDeadline(time.Now().Add(commandPatience))
	number, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		t.Fatal("Xvfb does not print the number of its display:", err)
	}
	return ":" + strings.TrimSpace(number)
}

// freeAddress returns an address at which no server listens. The test must choose the port of
// the driver, because the driver does not print a port that it has chosen itself.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// call sends a command, and decodes the value of the response into value.
func (w *webkit) call(method, path string, params object, value any) error {
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, w.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := (&http.Client{Timeout: commandPatience}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, answer)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(answer, &struct{ Value any }{value})
}

// open starts a browser that stores nothing on the disk.
func (w *webkit) open() (driver, error) {
	var session struct{ SessionID string }
	options := object{"binary": w.browser, "args": []string{"--automation"}}
	err := w.call("POST", "/session", object{"capabilities": object{"alwaysMatch": object{"webkitgtk:browserOptions": options}}}, &session)
	return &webkitTab{w, "/session/" + session.SessionID}, err
}

// webkitTab is a browser of WebKitGTK with one tab.
type webkitTab struct {
	driver *webkit
	path   string
}

func (w *webkitTab) post(path string, params object, value any) error {
	return w.driver.call("POST", w.path+path, params, value)
}

func (w *webkitTab) navigate(url string) error { return w.post("/url", object{"url": url}, nil) }

func (w *webkitTab) evaluate(js string) (value string, err error) {
	// The driver waits until the script calls done, also after an error.
	script := fmt.Sprintf("const done = arguments[0]; (%s).then((v) => done({ v }), (e) => done({ e: String(e) }))", js)
	var answer struct{ V, E string }
	if err := w.post("/execute/async", object{"script": script, "args": []any{}}, &answer); err != nil {
		return "", err
	}
	if answer.E != "" {
		return "", errors.New(answer.E)
	}
	return answer.V, nil
}

func (w *webkitTab) perform(device object) error {
	return w.post("/actions", object{"actions": []object{device}}, nil)
}

func (w *webkitTab) setFiles(selector string, paths []string) error {
	var element map[string]string
	if err := w.post("/element", object{"using": "css selector", "value": selector}, &element); err != nil {
		return err
	}
	for _, id := range element { // the only entry
		return w.post("/element/"+id+"/value", object{"text": strings.Join(paths, "\n")}, nil)
	}
	return nil
}

func (w *webkitTab) close() error { return w.driver.call("DELETE", w.path, nil, nil) }
