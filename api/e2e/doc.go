// Package e2e contains only tests. They build the server, start it as a process of its
// own, and use it over HTTP as its users and its enemies do: with kill -9, power cuts,
// full and failing disks, damaged files, hostile requests, and a million images.
// The command compare, in a folder of this one, measures the server beside other servers.
//
// Each test has a short form and a whole form. go test ./... runs the short form. To run
// the whole form of a test:
//
//	IMAGESERVER_E2E=full go test -count=1 -v -run TestSoak -timeout 90m ./api/e2e
//
// With -v a test logs what it measured. Without -count=1 go test may show an earlier
// result, because it does not see that the program has changed. With -race -short only
// TestSoak runs, and its server has the race detector too.
//
// Some tests need Linux, and some of those need root, because they mount file systems.
// A test that misses something is skipped and says what. With the environment variable
// CI set it fails instead. TMPDIR should be on a disk, not in memory. If the folder
// ../shared/corpus exists beside the project, the tests use its images and names too.
package e2e
