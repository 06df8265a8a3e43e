package fair

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/db"
)

const wait = 10 * time.Second

// upload is a share and its sender.
type upload struct {
	Share
	name    string
	stalled atomic.Int64 // a time.Duration; the timer of the Memory reads it while a test changes it
	gone    bool
}

func (u *upload) Client() string         { return u.name }
func (u *upload) Stalled() time.Duration { return time.Duration(u.stalled.Load()) }

// GiveWay gives all back, as an upload does when its body fails.
func (u *upload) GiveWay() { u.gone = true; go u.Close() }

func open(m *Memory, client string) *upload {
	u := &upload{name: client}
	u.Share = m.Share(u)
	return u
}

// hold opens an upload that has stalled with n bytes.
func hold(t *testing.T, m *Memory, client string, n int64, stalled time.Duration) *upload {
	t.Helper()
	u := open(m, client)
	if !u.TryGet(n) {
		t.Fatalf("%d bytes are not free", n)
	}
	u.stalled.Store(int64(stalled))
	return u
}

// TestGiveWay: when an upload waits, others give way in this order, and no more than
// necessary: the client that has most, and of its uploads the one that has stalled
// longest. An upload that has not stalled never gives way.
func TestGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(100, 1, wait)
		few := hold(t, m, "few", 10, 90*time.Second)
		many := []*upload{
			hold(t, m, "many", 20, 2*time.Second),
			hold(t, m, "many", 20, 0),
			hold(t, m, "many", 20, 3*time.Second),
			hold(t, m, "many", 20, 1*time.Second),
		}
		next := open(m, "next")
		if err := next.Get(t.Context(), 45); err != nil {
			t.Fatal(err)
		}
		if many[0].gone != true || many[1].gone || !many[2].gone || many[3].gone || few.gone {
			t.Errorf("gone: %t %t %t %t and %t, want the two that have stalled for longest of the client with most",
				many[0].gone, many[1].gone, many[2].gone, many[3].gone, few.gone)
		}
		synctest.Wait()
		if got := m.Free(); got != 100-10-20-20-45 {
			t.Errorf("%d bytes are free", got)
		}
	})
}

// TestLeftAlone: stalled uploads continue while no other waits. If no upload has
// stalled, the one that waits gets ErrBusy.
func TestLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(100, 1, wait)
		idle := hold(t, m, "a", 60, time.Hour)
		busy := hold(t, m, "a", 30, 0)
		time.Sleep(time.Hour)
		if idle.gone {
			t.Fatal("an upload had to give way although nobody waits")
		}
		idle.stalled.Store(0)
		began := time.Now()
		if err := open(m, "b").Get(t.Context(), 20); !errors.Is(err, db.ErrBusy) || time.Since(began) != wait {
			t.Errorf("got %v after %v, want ErrBusy after %v", err, time.Since(began), wait)
		}
		if idle.gone || busy.gone || m.Waiting() != 0 {
			t.Error("an upload that has not stalled had to give way, or one still waits")
		}
	})
}

// TestLateLook: if the process did not run for a while, each client seems to have stalled at
// first. It does not give way if it has sent more.
func TestLateLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(100, 1, wait)
		u := hold(t, m, "a", 90, time.Second)
		for range 3 {
			u.stalled.Store(int64(time.Second))
			done := make(chan error)
			go func() { done <- open(m, "b").Get(t.Context(), 20) }()
			synctest.Wait()
			u.stalled.Store(0)
			if err := <-done; !errors.Is(err, db.ErrBusy) || u.gone {
				t.Errorf("got %v, and gone is %t", err, u.gone)
			}
		}
	})
}

// TestClients: a client with many uploads takes neither a turn nor memory from a client
// with few.
func TestClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(100, 1, wait)
		slow := hold(t, m, "few", 10, time.Hour)
		busy := hold(t, m, "many", 50, 0)
		hold(t, m, "many", 40, 0)
		var got []string
		var all sync.WaitGroup
		ask := func(client string) {
			all.Go(func() {
				u := open(m, client)
				if err := u.Get(t.Context(), 50); err != nil {
					t.Error(err)
				}
				got = append(got, client)
				u.Close()
			})
			synctest.Wait()
		}
		ask("many")
		ask("many")
		time.Sleep(time.Second)
		if slow.gone {
			t.Error("an upload had to give way to a client that holds more")
		}
		ask("few")
		ask("many")
		busy.Close()
		all.Wait()
		if len(got) == 0 || got[0] != "few" {
			t.Errorf("served %q, want the client that holds least first", got)
		}
	})
}

// TestProgress: many uploads that take memory in small steps all finish, and never have
// more than there is.
func TestProgress(t *testing.T) {
	for _, size := range []int64{1, 64, 500} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const most = 32
				m := New(size, most, time.Hour)
				all := m.Free()
				var uploads sync.WaitGroup
				for i := range 200 {
					uploads.Go(func() {
						u := open(m, fmt.Sprint(i%3))
						defer u.Close()
						for range most / 4 {
							if err := u.Get(t.Context(), 4); err != nil {
								t.Error(err)
								return
							}
							if m.Free() < 0 {
								t.Error("more is held than there is")
							}
							time.Sleep(rand.N(time.Second))
						}
					})
				}
				uploads.Wait()
				if got := m.Free(); got != all {
					t.Errorf("%d bytes are free in the end, want %d", got, all)
				}
			})
		})
	}
}
