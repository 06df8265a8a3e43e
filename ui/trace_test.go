package ui_test

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// tracer is locked by the test that traces its page: Chromium writes one trace at a time.
var tracer sync.Mutex

// traceEvent is the part of an event of a trace that the tests read.
type traceEvent struct {
	Name     string
	Thread   int     `json:"tid"`
	Process  int     `json:"pid"`
	CPU      float64 `json:"tdur"` // time of the processor in microseconds
	Duration float64 `json:"dur"`  // in microseconds
	Args     struct{ Name string }
}

// logLongestTask logs how long the longest task of the page takes while act runs. During a
// task the page cannot respond. The time of the processor depends less on the load of the
// machine than the duration, because a task waits for the processor, too.
func (p *page) logLongestTask(what string, act func()) {
	p.t.Helper()
	tracer.Lock()
	defer tracer.Unlock()
	var events []traceEvent
	received := make(chan bool, 1) // gets a value when a part of the trace is here
	done := make(chan bool)
	ctx, stopListening := context.WithCancel(p.ctx)
	defer stopListening()
	if err := chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *tracing.EventDataCollected:
			for _, value := range ev.Value {
				var event traceEvent
				if err := json.Unmarshal(value, &event); err == nil {
					events = append(events, event)
				}
			}
			select {
			case received <- true:
			default: // a value waits already
			}
		case *tracing.EventTracingComplete:
			close(done)
		}
	}); err != nil {
		p.t.Fatal(err)
	}
	if _, err := chromedp.Call(p.ctx, tracing.Start, tracing.StartParams{
		TraceConfig: &tracing.TraceConfig{IncludedCategories: []string{"disabled-by-default-devtools.timeline"}},
	}); err != nil {
		p.t.Fatal(err)
	}
	act()
	if _, err := chromedp.Call(p.ctx, tracing.End, cdp.Empty{}); err != nil {
		p.t.Fatal(err)
	}
	for complete := false; !complete; {
		select {
		case <-received:
		case <-done:
			complete = true
		case <-time.After(patience):
			p.t.Fatal("Chromium does not send its trace")
		}
	}
	type thread struct{ process, thread int }
	main := map[thread]bool{}
	for _, event := range events {
		if event.Name == "thread_name" && event.Args.Name == "CrRendererMain" {
			main[thread{event.Process, event.Thread}] = true
		}
	}
	var longest traceEvent
	for _, event := range events {
		if event.Name == "RunTask" && main[thread{event.Process, event.Thread}] && event.CPU > longest.CPU {
			longest = event
		}
	}
	if longest.CPU == 0 {
		p.t.Error("the trace has no task of the page")
	}
	p.t.Logf("%s: the longest task takes %.0f ms of the processor, and %.0f ms in all", what, longest.CPU/1000, longest.Duration/1000)
}
