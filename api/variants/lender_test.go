package variants

import (
	"errors"
	"io"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"imageserver/api/access"
	"imageserver/db"
)

// network returns the i-th client.
func network(i int) netip.Prefix {
	return access.Network(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String())
}

func mustLend(t *testing.T, l *lender, client int, data []byte) db.Body {
	t.Helper()
	b, err := l.lend(network(client), data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantRead(t *testing.T, b db.Body, want error) {
	t.Helper()
	if _, err := b.ReadAt(make([]byte, 1), 0); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// TestLenderShared: the bytes of a variant count once, however many clients read it, until
// the last reader closes it.
func TestLenderShared(t *testing.T) {
	l := &lender{budget: 1000}
	data := make([]byte, 600)
	var readers []db.Body
	for i := range 52 {
		readers = append(readers, mustLend(t, l, i, data))
	}
	if l.used != 600 {
		t.Errorf("%d bytes count, want 600", l.used)
	}
	for _, b := range readers {
		if l.used != 600 {
			t.Errorf("%d bytes count while there is a reader, want 600", l.used)
		}
		b.Close()
		b.Close()
	}
	if l.used != 0 || len(l.lent) != 0 {
		t.Errorf("%d bytes still count", l.used)
	}
}

// TestLenderShare: if the memory is full, a variant of another client replaces the oldest
// variants of the client that has the most bytes. A variant of the same client does not.
func TestLenderShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lender{budget: 1000}
		var greedy []db.Body
		for range 5 {
			greedy = append(greedy, mustLend(t, l, 1, make([]byte, 200)))
		}
		if _, err := l.lend(network(1), make([]byte, 200)); !errors.Is(err, ErrBusy) {
			t.Errorf("the client that uses all memory: got %v, want %v", err, ErrBusy)
		}
		other := mustLend(t, l, 2, make([]byte, 300))
		wantRead(t, greedy[0], ErrTakenBack)
		wantRead(t, greedy[1], ErrTakenBack)
		wantRead(t, greedy[2], nil)
		wantRead(t, other, nil)
		if l.used != 900 {
			t.Errorf("%d bytes count, want 900", l.used)
		}
		for _, b := range append(greedy, other) {
			b.Close()
		}
		if l.used != 0 {
			t.Errorf("%d bytes still count", l.used)
		}
	})
}

// TestLenderSlow: if clients have equal parts of the memory, no other client can replace
// their variants before lentTime is over.
func TestLenderSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lender{budget: 1000}
		first, second := mustLend(t, l, 1, make([]byte, 500)), mustLend(t, l, 2, make([]byte, 500))
		if _, err := l.lend(network(3), make([]byte, 500)); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v, want %v", err, ErrBusy)
		}
		time.Sleep(lentTime + 1)
		third := mustLend(t, l, 3, make([]byte, 500))
		wantRead(t, first, ErrTakenBack)
		wantRead(t, second, nil)
		wantRead(t, third, nil)
	})
}

// TestLenderLarge: a variant larger than the budget is lent if no other variant is lent.
func TestLenderLarge(t *testing.T) {
	l := &lender{budget: 1000}
	large := mustLend(t, l, 1, make([]byte, 5000))
	mustLend(t, l, 2, make([]byte, 10))
	wantRead(t, large, ErrTakenBack)
}

// TestLentBodyWrite: each write continues after the bytes that the previous writer took.
func TestLentBodyWrite(t *testing.T) {
	l := &lender{budget: 1000}
	b := mustLend(t, l, 1, []byte("abcdefgh"))
	var got []byte
	for range 3 {
		if _, err := b.WriteTo(takeThree{&got}); err != nil && !errors.Is(err, io.ErrShortWrite) {
			t.Fatal(err)
		}
	}
	if string(got) != "abcdefgh" {
		t.Errorf("got %q", got)
	}
}

// takeThree is a writer that takes at most three bytes of each write.
type takeThree struct{ got *[]byte }

func (w takeThree) Write(p []byte) (int, error) {
	n := min(3, len(p))
	*w.got = append(*w.got, p[:n]...)
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}
