// Package dbtest tests that an engine does what [db.Store] says. Every engine must pass
// the same tests. The test of an engine calls these functions:
//
//   - [Run], always. If the engine can keep the bytes of images in several places, such as a
//     database and a bucket, the test calls Run for one of them and [RunBytes] for the others.
//   - [RunReopen], if images are still stored after the process has ended.
//   - [RunShared], if a store can be open several times at once.
//   - [RunBackup], if the engine is a db.Backuper.
package dbtest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"imageserver/db"
)

// suite has all tests, in a good order for readers: first the tests with one caller, and then
// those with several callers at the same time.
var suite = []struct {
	name string
	test func(t *testing.T, s db.Store)
}{
	{"RoundTrip/Sizes", testSizes},
	{"RoundTrip/Uploaded", testUploaded},
	{"RoundTrip/UploadedBefore", testUploadedBefore},
	{"RoundTrip/Empty", testEmptyStore},

	{"Body/Ranges", testRanges},
	{"Body/Seek", testSeek},
	{"Body/WriteTo", testWriteTo},
	{"Body/WriteN", testWriteN},
	{"Body/Receiver", testReceiver},
	{"Body/DirectReceiver", testDirectReceiver},
	{"Body/TestReader", testReader},
	{"Body/Closed", testClosedBody},
	{"Body/Replaced", testBodyOfReplaced},
	{"Body/Deleted", testBodyOfDeleted},
	{"Body/Growth", testBodyDuringGrowth},
	{"Body/Two", testTwoBodies},
	{"Body/Revived", testBodyOfRevived},
	{"Body/Many", testManyBodies},

	{"Inspect/Sees", testInspectSees},
	{"Inspect/Refuses", testInspectRefuses},

	{"Reader/Fails", testReaderFails},
	{"Reader/FailsReplacing", testReaderFailsReplacing},
	{"Reader/Odd", testOddReaders},
	{"Reader/Slow", testSlowReader},
	{"Reader/Cancelled", testCancelled},

	{"Names/Odd", testOddNames},
	{"Names/Near", testNearNames},
	{"Names/Normal", testNormalForms},
	{"Names/Bad", testBadNames},
	{"Names/Naughty", testNaughtyNames},

	{"Conflict/Rename", testRename},
	{"Conflict/RenameAgain", testRenameAgain},
	{"Conflict/RenameGap", testRenameGap},
	{"Conflict/RenameLong", testRenameLong},
	{"Conflict/RenameMany", testRenameMany},
	{"Conflict/Replace", testReplace},
	{"Conflict/Fail", testFail},
	{"Conflict/Unchanged", testUnchanged},
	{"Conflict/Race", testConflictRace},
	{"Conflict/RaceSameBytes", testSameBytesRace},

	{"Allow/Put", testAllowPut},
	{"Allow/Delete", testAllowDelete},
	{"Allow/Race", testAllowRace},
	{"Allow/CompareAndSwap", testCompareAndSwap},

	{"Delete/Missing", testDelete},
	{"Delete/Race", testDeleteRace},

	{"Dedup/Count", testDedup},
	{"Dedup/Concurrent", testDedupConcurrent},

	{"List/Order", testListOrder},
	{"List/Pages", testListPages},
	{"List/Orders", testOrders},
	{"List/OrderOfTrash", testOrderOfTrash},
	{"List/Cursor", testListCursor},
	{"List/Churn", testListChurn},
	{"List/BadCursor", testListBadCursor},
	{"List/Match", testListMatch},
	{"List/Replaced", testListReplaced},

	{"Variants/Sizes", testVariantSizes},
	{"Variants/Keys", testVariantKeys},
	{"Variants/OfImage", testVariantOfImage},
	{"Variants/Replaced", testVariantReplaced},
	{"Variants/OfNone", testVariantOfNone},
	{"Variants/Go", testVariantsGo},
	{"Variants/Hidden", testVariantsHidden},
	{"Variants/Body", testBodyOfVariant},
	{"Variants/Budget", testBudget},
	{"Variants/BudgetExact", testBudgetExact},
	{"Variants/TooLarge", testVariantTooLarge},
	{"Variants/Trim", testTrimVariants},
	{"Variants/ReaderFails", testVariantReaderFails},
	{"Variants/Slow", testVariantSlow},
	{"Variants/RaceSameKey", testVariantRace},
	{"Variants/Race", testVariantsRace},

	{"Placeholder/Given", testPlaceholder},
	{"Placeholder/Order", testPlaceholderOrder},
	{"Placeholder/Content", testPlaceholderOfContent},
	{"Placeholder/Inspected", testPlaceholderInspected},
	{"Placeholder/Refused", testPlaceholderRefused},
	{"Placeholder/Replaced", testPlaceholderReplaced},

	{"Expiry/Kept", testExpiryKept},
	{"Expiry/Inspected", testExpiryInspected},
	{"Expiry/Gone", testExpired},
	{"Expiry/OnTime", testExpiryOnTime},
	{"Expiry/Swept", testExpirySwept},
	{"Expiry/Name", testExpiredName},
	{"Expiry/Number", testExpiredNumber},
	{"Expiry/Unchanged", testExpiryUnchanged},
	{"Expiry/Extended", testExpiryExtended},
	{"Expiry/Shared", testExpiryShared},

	{"DeleteKey/Finds", testDeleteKey},
	{"DeleteKey/Dead", testDeleteKeyDead},
	{"DeleteKey/Unchanged", testDeleteKeyUnchanged},
	{"DeleteKey/Moves", testDeleteKeyMoves},
	{"DeleteKey/Delete", testDeleteKeyDelete},

	{"Trash/Fields", testTrash},
	{"Trash/Replaced", testTrashOfReplaced},
	{"Trash/Bytes", testTrashBytes},
	{"Trash/Several", testTrashSeveral},
	{"Trash/List", testTrashList},
	{"Trash/Cursor", testTrashCursor},
	{"Trash/Expires", testTrashExpires},
	{"Trash/Variants", testTrashVariants},
	{"Trash/Empty", testEmptyTrash},
	{"Trash/Race", testTrashRace},
	{"Trash/Copy", testCopyTrash},

	{"Restore/Whole", testRestore},
	{"Restore/Newest", testRestoreNewest},
	{"Restore/Taken", testRestoreTaken},
	{"Restore/None", testRestoreNone},
	{"Restore/Allow", testRestoreAllow},
	{"Restore/Race", testRestoreRace},
	{"Restore/Version", testRestoreVersion},
	{"Restore/SameVersion", testRestoreSameVersion},
	{"Restore/ExpiredVersion", testRestoreExpiredVersion},
	{"Restore/NoVersion", testRestoreNoVersion},
	{"Restore/VersionsRace", testRestoreVersionsRace},

	{"Rename/Whole", testMove},
	{"Rename/Taken", testMoveTaken},
	{"Rename/Unchanged", testMoveUnchanged},
	{"Rename/Nowhere", testMoveNowhere},
	{"Rename/Missing", testMoveMissing},
	{"Rename/Allow", testMoveAllow},
	{"Rename/AllowRace", testMoveAllowRace},
	{"Rename/Race", testMoveRace},

	{"Model", testModel},
	{"Load", testLoad},

	{"Close/Calls", testClosedStore},
	{"Close/Bodies", testClosedStoreBodies},
	{"Close/Upload", testCloseDuringPut},
	{"Close/Load", testCloseUnderLoad},
}

// bytesSuite has the beginnings of the names of tests that depend on where the bytes of images
// are. These tests read, share or delete bytes, or fail while bytes are written. The other
// tests depend only on the records of images.
var bytesSuite = []string{
	"RoundTrip/", "Body/", "Inspect/", "Reader/", "Dedup/", "Variants/", "Model", "Load", "Close/",
	"Conflict/Replace", "Conflict/Fail", "Conflict/Unchanged", "Conflict/RaceSameBytes", "Delete/",
	"Placeholder/Content", "Expiry/Swept", "Expiry/Shared", "Trash/Bytes", "Trash/Variants", "Trash/Empty",
	"Trash/Race", "Trash/Copy", "Restore/Whole", "Restore/Race",
}

// Run tests an engine. `open` opens an empty store. Run calls `open` for each subtest,
// and closes all stores. The subtests run in parallel.
func Run(t *testing.T, open func(t *testing.T) db.Store) { run(t, open, nil) }

// RunBytes does the same as Run, but runs only the tests in bytesSuite.
func RunBytes(t *testing.T, open func(t *testing.T) db.Store) { run(t, open, bytesSuite) }

// run runs the tests whose names begin with one of `some`, or all tests if that is empty.
func run(t *testing.T, open func(t *testing.T) db.Store, some []string) {
	for _, c := range suite {
		chosen := func(prefix string) bool { return strings.HasPrefix(c.name, prefix) }
		if len(some) > 0 && !slices.ContainsFunc(some, chosen) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			closeLater(t, s)
			c.test(t, s)
		})
	}
}

// RunReopen tests that an engine does not lose what it acknowledged. `place` makes an empty
// place for one store, such as a folder, and returns a function that opens the store at that
// place. RunReopen may call this function several times, but only after it has closed the
// store of the previous call. It closes all stores.
func RunReopen(t *testing.T, place func(t *testing.T) (open func() db.Store)) {
	for _, c := range reopenSuite {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			open := place(t)
			c.test(t, func() db.Store {
				t.Helper()
				s := open()
				closeLater(t, s)
				return s
			})
		})
	}
}

// closeLater closes s when t ends. If the test has already closed s, this second Close
// must return nil or ErrClosed.
func closeLater(t *testing.T, s db.Store) {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, db.ErrClosed) {
			t.Errorf("Close: got %v, want nil or ErrClosed", err)
		}
	})
}
