package check_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain has rapid try 500 random histories of some 60 steps, unless -rapid.checks and -rapid.steps say otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	for name, value := range map[string]string{"rapid.checks": "500", "rapid.steps": "60"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := f.Value.Set(value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}
