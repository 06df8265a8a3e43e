package ui_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// firefox is a running Firefox that the test controls with WebDriver BiDi
// (https://www.w3.org/TR/webdriver-bidi/). Only one goroutine at a time may use it.
type firefox struct {
	connection *websocket.Conn
	commands   int
}

// startFirefox starts Firefox without a window. Firefox ends with the test.
func startFirefox(t *testing.T) engine {
	t.Helper()
	const origin = "http://test.invalid" // Firefox accepts only connections with an Origin that is in --remote-allow-origins
	profile := newHome(t)
	write(t, profile, "user.js", []byte(`user_pref("intl.accept_languages", "en");`))
	cmd := exec.Command(need(t, "firefox-esr", "firefox"), "--headless", "--no-remote", "--profile", profile,
		"--remote-debugging-port", "0", "--remote-allow-origins", origin)
	cmd.Env = append(os.Environ(), "HOME="+profile, "MOZ_CRASHREPORTER_DISABLE=1")
	messages, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	run(t, cmd)
	address := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(messages); lines.Scan(); {
			if _, found, ok := strings.Cut(lines.Text(), "WebDriver BiDi listening on "); ok {
				address <- found
			}
		}
		close(address)
	}()
	f := new(firefox)
	select {
	case found := <-address:
		if f.connection, err = websocket.Dial(found+"/session", "", origin); err != nil {
			t.Fatalf("connect to Firefox at %q: %v", found, err)
		}
	case <-time.After(commandPatience):
		t.Fatal("Firefox does not say where it listens")
	}
	t.Cleanup(func() { f.connection.Close() })
	if err := f.call("session.new", object{"capabilities": object{}}, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// call sends a command, and decodes the response into result if that is not nil.
func (f *firefox) call(method string, params object, result any) error {
	f.commands++
	f.connection.SetDeadline(time.Now().Add(commandPatience))
	if err := websocket.JSON.Send(f.connection, object{"id": f.commands, "method": method, "params": params}); err != nil {
		return err
	}
	for {
		var m struct {
			ID             int
			Error, Message string
			Result         json.RawMessage
		}
		switch err := websocket.JSON.Receive(f.connection, &m); {
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		case m.ID != f.commands: // an event
		case m.Error != "":
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(m.Result, result)
		}
	}
}

// open opens a tab in a new user context, which has its own cookies and storage.
func (f *firefox) open() (driver, error) {
	tab := &firefoxTab{firefox: f}
	if err := f.call("browser.createUserContext", object{}, &tab.user); err != nil {
		return nil, err
	}
	return tab, f.call("browsingContext.create", object{"type": "tab", "userContext": tab.user.UserContext}, &tab.tab)
}

// firefoxTab is a tab of Firefox.
type firefoxTab struct {
	firefox *firefox
	user    struct{ UserContext string }
	tab     struct{ Context string }
}

func (f *firefoxTab) call(method string, params object, result any) error {
	params["context"] = f.tab.Context
	return f.firefox.call(method, params, result)
}

func (f *firefoxTab) navigate(url string) error {
	return f.call("browsingContext.navigate", object{"url": url, "wait": "complete"}, nil)
}

func (f *firefoxTab) evaluate(js string) (string, error) {
	var r struct {
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	err := f.firefox.call("script.evaluate", object{"expression": js, "target": object{"context": f.tab.Context}, "awaitPromise": true}, &r)
	if err == nil && r.ExceptionDetails.Text != "" {
		err = errors.New(r.ExceptionDetails.Text)
	}
	return r.Result.Value, err
}

func (f *firefoxTab) perform(device object) error {
	return f.call("input.performActions", object{"actions": []object{device}}, nil)
}

func (f *firefoxTab) setFiles(selector string, paths []string) error {
	var found struct{ Nodes []struct{ SharedID string } }
	if err := f.call("browsingContext.locateNodes", object{"locator": object{"type": "css", "value": selector}}, &found); err != nil {
		return err
	}
	if len(found.Nodes) != 1 {
		return fmt.Errorf("%d elements match %s", len(found.Nodes), selector)
	}
	return f.call("input.setFiles", object{"element": object{"sharedId": found.Nodes[0].SharedID}, "files": paths}, nil)
}

func (f *firefoxTab) close() error {
	return f.firefox.call("browser.removeUserContext", object{"userContext": f.user.UserContext}, nil)
}
