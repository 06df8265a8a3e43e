// Package e2e has nothing but tests: they build the server, start it as a
// process of its own, and meet it as its users and its enemies do, over HTTP,
// with kill -9, power cuts, full and failing disks, damaged files, hostile
// requests, and a million images.
//
// Each test has a short form, which go test ./... runs, and a whole one:
//
//	IMAGESERVER_E2E=full go test -count=1 -v -run TestSoak -timeout 90m ./api/e2e
//
// With -v a test logs what it measured. Without -count=1 go test may repeat an
// earlier result, for it does not know that the program has changed.
//
// Some tests need Linux, and of those some root, because they mount file
// systems. Where that is not to be had they are skipped and say why; with the
// environment variable CI set they fail instead. TMPDIR should be on a disk,
// not in memory. The images and names of others in ../shared/corpus are used
// where that folder lies beside the project.
package e2e
