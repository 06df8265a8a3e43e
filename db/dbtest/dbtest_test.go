package dbtest_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"imageserver/db"
	"imageserver/db/dbtest"
)

// TestMemory runs the suite against a correct engine, or against the engine with a fault that
// TestFaults asks for. The correct engine keeps times in whole seconds, which an engine may do.
// Then nearly all times are equal.
func TestMemory(t *testing.T) {
	fault, wrong := os.LookupEnv("DBTEST_FAULT")
	clock := time.Second
	if wrong {
		clock = time.Nanosecond
	}
	dbtest.Run(t, func(*testing.T) db.Store { return newMemory(fault, clock) })
	dbtest.RunBackup(t,
		func(*testing.T) db.Store { return newMemory(fault, clock) },
		func(_ *testing.T, backup io.Reader) db.Store { return restored(backup) })
	dbtest.RunReopen(t, func(*testing.T) func() db.Store {
		s := newMemory(fault, clock)
		return func() db.Store {
			s = s.reopen()
			return s
		}
	})
	dbtest.RunShared(t, func(*testing.T) func() db.Store { return newHandles(fault, clock) })
}

// TestFaults shows that the suite can fail: an engine with this fault fails this test.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ fault, test string }{
		{"stores a body that is cut off", "Reader/Fails"},
		{"hides the reader's error", "Reader/Fails"},
		{"visible while sent", "Reader/Slow"},
		{"never cancelled", "Reader/Cancelled"},
		{"uploaded is always now", "RoundTrip/UploadedBefore"},
		{"uploaded is always now", "Model"},
		{"uploaded at any time", "RoundTrip/UploadedBefore"},
		{"uploaded by the second", "RoundTrip/UploadedBefore"},
		{"unchanged sets the upload time", "RoundTrip/UploadedBefore"},
		{"unchanged sets the upload time", "Model"},
		{"no inspect", "Inspect/Refuses"},
		{"inspect sees a part", "Inspect/Sees"},
		{"any name", "Names/Bad"},
		{"no normal form", "Names/Normal"},
		{"names ignore case", "Names/Near"},
		{"a repeated upload is stored twice", "Conflict/RenameAgain"},
		{"a repeated upload is stored twice", "Model"},
		{"unchanged is new", "Conflict/Unchanged"},
		{"unchanged is a conflict", "Conflict/RaceSameBytes"},
		{"a replacement keeps the old upload time", "List/Replaced"},
		{"allow before the transaction", "Allow/Race"},
		{"allow before the transaction", "Allow/CompareAndSwap"},
		{"delete without asking", "Allow/Delete"},
		{"delete of none is nil", "Delete/Race"},
		{"bytes are deleted with one of their names", "Dedup/Count"},
		{"bytes are deleted with one of their names", "Model"},
		{"list by name", "List/Order"},
		{"oldest first", "List/Order"},
		{"one direction", "List/Orders"},
		{"the order ignores case", "List/Orders"},
		{"sizes as text", "List/Orders"},
		{"equal sizes are not reversed", "List/Orders"},
		{"a cursor is a size", "List/Orders"},
		{"a cursor is an image", "List/Cursor"},
		{"trash in any order", "List/OrderOfTrash"},
		{"any cursor", "List/BadCursor"},
		{"a cursor for all orders", "List/BadCursor"},
		{"match ignores case only in ASCII", "List/Match"},
		{"match keeps case", "List/Match"},
		{"match is a pattern", "List/Match"},
		{"body follows the name", "Body/Replaced"},
		{"body follows the name", "Body/Deleted"},
		{"ReadAt moves", "Body/Ranges"},
		{"WriteTo sends all", "Body/WriteTo"},
		{"WriteTo does not ask", "Body/Receiver"},
		{"WriteN has no limit", "Body/WriteN"},
		{"WriteNow takes everything", "Body/DirectReceiver"},
		{"seeks before the start", "Body/Seek"},
		{"reads when closed", "Body/Closed"},
		{"bodies outlive the store", "Close/Bodies"},
		{"close does nothing", "Close/Calls"},
		{"one variant of each source", "Variants/Keys"},
		{"one variant for each key", "Variants/Keys"},
		{"any key", "Variants/Keys"},
		{"variants count as stored", "Variants/Sizes"},
		{"variants of missing images", "Variants/OfNone"},
		{"variants outlive their source", "Variants/Go"},
		{"variants outlive their source", "Variants/Race"},
		{"variants outlive their source", "Model"},
		{"variants are deleted with one of the names", "Variants/Go"},
		{"variants are deleted with one of the names", "Model"},
		{"variants are images", "Variants/Hidden"},
		{"bodies end with their variant", "Variants/Body"},
		{"evicts the newest", "Variants/Budget"},
		{"evicts the newest", "Model"},
		{"variants that are read stay", "Variants/Budget"},
		{"a variant that is stored again stays old", "Variants/Budget"},
		{"variants without a budget", "Variants/Budget"},
		{"variants without a budget", "Variants/Race"},
		{"evicts before it replaces", "Variants/BudgetExact"},
		{"evicts for a variant that is too large", "Variants/TooLarge"},
		{"does not trim", "Variants/Trim"},
		{"trims to nothing", "Variants/Trim"},
		{"evicts the newest", "Variants/Trim"},
		{"keeps a part of a variant", "Variants/ReaderFails"},
		{"looks for the source only before the read", "Variants/Slow"},
		{"a placeholder for one image", "Placeholder/Given"},
		{"no placeholder in the trash", "Placeholder/Given"},
		{"a later placeholder replaces the first", "Placeholder/Given"},
		{"a placeholder is a change", "Placeholder/Given"},
		{"a placeholder is a change", "Placeholder/Order"},
		{"equal bytes have different placeholders", "Placeholder/Content"},
		{"equal bytes have different placeholders", "Placeholder/Inspected"},
		{"moved has no placeholder", "Placeholder/Content"},
		{"a placeholder without its variant", "Placeholder/Refused"},
		{"a placeholder only for earlier names", "Placeholder/Replaced"},
		{"delete asks before the transaction", "DeleteKey/Delete"},
		{"rename asks before the transaction", "Rename/AllowRace"},
		{"never expires", "Expiry/Gone"},
		{"never expires", "Expiry/OnTime"},
		{"expires early", "Expiry/OnTime"},
		{"expired images still count", "Expiry/Swept"},
		{"expired images still count", "Expiry/Name"},
		{"expired images still count", "Model"},
		{"expired go to the trash", "Expiry/Gone"},
		{"expired go to the trash", "Expiry/Name"},
		{"unchanged keeps its expiry", "Expiry/Unchanged"},
		{"unchanged keeps its expiry", "Expiry/Extended"},
		{"unchanged takes the new expiry", "Expiry/Unchanged"},
		{"unchanged takes the new expiry", "Rename/Unchanged"},
		{"never is the earliest expiry", "Expiry/Unchanged"},
		{"never is the earliest expiry", "Model"},
		{"returns the expiry it was given", "Expiry/Unchanged"},
		{"expiry by the second", "Expiry/Kept"},
		{"inspect cannot set the expiry", "Expiry/Inspected"},
		{"no delete key is a delete key", "DeleteKey/Finds"},
		{"delete key by its beginning", "DeleteKey/Finds"},
		{"delete key outlives the image", "DeleteKey/Dead"},
		{"delete key outlives the image", "Model"},
		{"unchanged takes the delete key", "DeleteKey/Unchanged"},
		{"moved has no delete key", "DeleteKey/Moves"},
		{"replace deletes for good", "Trash/Replaced"},
		{"rename replaces without the trash", "Trash/Replaced"},
		{"trash counts as images", "Trash/Fields"},
		{"in the trash after it expired", "Trash/Fields"},
		{"trash changes the upload time", "Trash/Fields"},
		{"trash never expires", "Trash/Expires"},
		{"bytes are not kept", "Trash/Bytes"},
		{"purged bytes stay", "Trash/Bytes"},
		{"one image per name in the trash", "Trash/Several"},
		{"deletions in one hour have the same time", "Trash/Several"},
		{"trash by upload", "Trash/List"},
		{"trash oldest first", "Trash/List"},
		{"a cursor of the images works for the trash", "Trash/Cursor"},
		{"variants stay while the source is in the trash", "Trash/Variants"},
		{"variants of an image in the trash", "Trash/Variants"},
		{"empties the trash of one image", "Trash/Empty"},
		{"empties the trash of one image", "Model"},
		{"finds any in the trash", "Trash/Copy"},
		{"copies the trash twice", "Trash/Copy"},
		{"restores the oldest", "Restore/Newest"},
		{"restores the oldest", "Model"},
		{"restores only the newest", "Restore/Version"},
		{"restores only the newest", "Restore/SameVersion"},
		{"restores only the newest", "Model"},
		{"restores another version", "Restore/NoVersion"},
		{"restores another version", "Restore/ExpiredVersion"},
		{"restores by the content", "Restore/SameVersion"},
		{"restore asks about the newest", "Restore/NoVersion"},
		{"versions by the microsecond", "Restore/NoVersion"},
		{"restored stays in the trash", "Restore/VersionsRace"},
		{"restore replaces", "Restore/Taken"},
		{"restored stays in the trash", "Restore/Whole"},
		{"restored stays in the trash", "Restore/Race"},
		{"restore without asking", "Restore/Allow"},
		{"a moved image has a new upload time", "Restore/Whole"},
		{"a moved image has a new upload time", "Rename/Whole"},
		{"moved never expires", "Restore/Whole"},
		{"moved never expires", "Model"},
		{"rename replaces", "Rename/Taken"},
		{"rename leaves the old name", "Rename/Whole"},
		{"rename leaves the old name", "Rename/Race"},
		{"rename to itself deletes", "Rename/Nowhere"},
		{"renamed to another number", "Rename/Nowhere"},
		{"rename asks about the other name", "Rename/Allow"},
		{"rename takes the variants", "Rename/Whole"},
		{"backups lack the trash", "Backup/Whole"},
		{"backups contain later changes", "Backup/Whole"},
		{"backups are shorter", "Backup/Whole"},
		{"backups are old", "Backup/Load"},
		{"backups ignore the context", "Backup/Cancelled"},
		{"backups of a closed store", "Backup/Closed"},
		{"forgets how many images have the bytes", "Reopen/GoesOn"},
		{"forgets the times", "Reopen/Everything"},
		{"forgets variants", "Reopen/Variants"},
		{"forgets the order of variants", "Reopen/Variants"},
		{"forgets the expiry", "Reopen/Fields"},
		{"forgets delete keys", "Reopen/Fields"},
		{"forgets placeholders", "Reopen/Fields"},
		{"forgets the trash", "Reopen/Fields"},
		{"a handle remembers images", "Shared/Visible"},
		{"claims in two steps", "Shared/Claims"},
		{"a handle restores only its own", "Shared/Trash"},
		{"expired images of a closed handle stay", "Shared/Expiry"},
		{"a budget for each handle", "Shared/Budget"},
		{"body follows the name", "Shared/Body"},
		{"close closes all handles", "Shared/Close"},
		{"allow before the transaction", "Shared/Allow/CompareAndSwap"},
		{"variants without a budget", "Shared/Variants/Race"},
		{"restored stays in the trash", "Shared/Restore/Race"},
		{"a repeated upload is stored twice", "Shared/Model"},
	} {
		t.Run(c.test+" "+c.fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$/^"+c.test+"$", "-test.timeout=30s")
			cmd.Env = append(os.Environ(), "DBTEST_FAULT="+c.fault, "DBTEST_SEED=1", "DBTEST_PATIENCE=200ms")
			out, err := cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && bytes.Contains(out, []byte("--- FAIL: TestMemory/"+c.test)) {
				return
			}
			t.Errorf("got %v, want %s to fail; the output is\n%s", err, c.test, out)
		})
	}
}
