package dbtest_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/dbtest"
)

// TestMemory runs the suite against an engine that is right, or against the
// wrong one that TestFaults asks for. The right one keeps whole seconds, as an
// engine may: nearly all times are equal then.
func TestMemory(t *testing.T) {
	fault, wrong := os.LookupEnv("DBTEST_FAULT")
	clock := time.Second
	if wrong {
		clock = time.Nanosecond
	}
	dbtest.Run(t, func(*testing.T) db.Store { return newMemory(fault, clock) })
	dbtest.RunReopen(t, func(*testing.T) func() db.Store {
		s := newMemory(fault, clock)
		return func() db.Store {
			s = s.reopen()
			return s
		}
	})
}

// TestFaults shows that the suite can fail: each wrong engine does not pass
// the test that is there for it.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ fault, test string }{
		{"takes a cut for the end", "Reader/Fails"},
		{"hides the reader's error", "Reader/Fails"},
		{"visible while sent", "Reader/Slow"},
		{"never cancelled", "Reader/Cancelled"},
		{"no inspect", "Inspect/Refuses"},
		{"inspect sees a part", "Inspect/Sees"},
		{"any name", "Names/Bad"},
		{"no normal form", "Names/Normal"},
		{"one case", "Names/Near"},
		{"retry makes a copy", "Conflict/RenameAgain"},
		{"retry makes a copy", "Model"},
		{"unchanged is new", "Conflict/Unchanged"},
		{"unchanged is a conflict", "Conflict/RaceSameBytes"},
		{"replaced keeps its place", "List/Replaced"},
		{"allow before the transaction", "Allow/Race"},
		{"allow before the transaction", "Allow/CompareAndSwap"},
		{"delete without asking", "Allow/Delete"},
		{"delete of none is nil", "Delete/Race"},
		{"bytes go with a name", "Dedup/Count"},
		{"bytes go with a name", "Model"},
		{"list by name", "List/Order"},
		{"oldest first", "List/Order"},
		{"any cursor", "List/BadCursor"},
		{"match knows ASCII alone", "List/Match"},
		{"match keeps case", "List/Match"},
		{"match is a pattern", "List/Match"},
		{"body follows the name", "Body/Replaced"},
		{"body follows the name", "Body/Deleted"},
		{"ReadAt moves", "Body/Ranges"},
		{"WriteTo sends all", "Body/WriteTo"},
		{"seeks before the start", "Body/Seek"},
		{"reads when closed", "Body/Closed"},
		{"bodies outlive the store", "Close/Bodies"},
		{"close does nothing", "Close/Calls"},
		{"one copy of each source", "Copies/Keys"},
		{"one copy for each key", "Copies/Keys"},
		{"any key", "Copies/Keys"},
		{"copies count as stored", "Copies/Sizes"},
		{"copies of nothing", "Copies/OfNone"},
		{"copies outlive their source", "Copies/Go"},
		{"copies outlive their source", "Copies/Race"},
		{"copies outlive their source", "Model"},
		{"copies go with a name", "Copies/Go"},
		{"copies go with a name", "Model"},
		{"copies are images", "Copies/Hidden"},
		{"bodies go with the copy", "Copies/Body"},
		{"evicts the newest", "Copies/Budget"},
		{"evicts the newest", "Model"},
		{"copies that are read stay", "Copies/Budget"},
		{"copies stay as old as they are", "Copies/Budget"},
		{"copies without a budget", "Copies/Budget"},
		{"copies without a budget", "Copies/Race"},
		{"evicts before it replaces", "Copies/BudgetExact"},
		{"evicts for what is too large", "Copies/TooLarge"},
		{"keeps a part of a copy", "Copies/ReaderFails"},
		{"asks for the source before", "Copies/Slow"},
		{"forgets how many names", "Reopen/GoesOn"},
		{"forgets the times", "Reopen/Everything"},
		{"forgets copies", "Reopen/Copies"},
		{"forgets the order of copies", "Reopen/Copies"},
	} {
		t.Run(c.test+" "+c.fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$/^"+c.test+"$", "-test.timeout=30s")
			cmd.Env = append(os.Environ(), "DBTEST_FAULT="+c.fault, "DBTEST_SEED=1")
			out, err := cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !bytes.Contains(out, []byte("--- FAIL: TestMemory/"+c.test)) {
				t.Errorf("got %v, want %s to fail; it says\n%s", err, c.test, out)
			}
		})
	}
}
