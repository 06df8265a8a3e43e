package api_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// TestMain runs more tests at a time than there are processors: most of them wait for the
// disk or for a client.
func TestMain(m *testing.M) {
	flag.Parse()
	parallel := 4 * runtime.GOMAXPROCS(0)
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "test.parallel" {
			parallel = 0
		}
	})
	if parallel > 0 {
		if err := flag.Set("test.parallel", fmt.Sprint(parallel)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
