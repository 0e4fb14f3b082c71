package tester

import (
	"flag"
	"os"
)

// The settings that a command line gives: each one a flag, for one package, and a variable of the same meaning, for
// go test ./..., where a flag that one package knows breaks all others. The flag wins.
var (
	fromSeed    = newSetting("seed", "GOKASIM_SEED", "run simulations with this `seed` only", false)
	fromSeeds   = newSetting("seeds", "GOKASIM_SEEDS", "run simulations with `n` seeds, from 1 on", false)
	fromCheck   = newSetting("check-determinism", "GOKASIM_CHECK_DETERMINISM", "run each seed twice, under GOMAXPROCS 1 and 8, and compare", true)
	fromScript  = newSetting("script", "GOKASIM_SCRIPT", "run simulations as this `file` says, which an earlier failure left", false)
	fromShrink  = newSetting("shrink", "GOKASIM_SHRINK", "make the failing simulations of a test small for this `time` (default 20s); false does not", true)
	fromBrokers = newSetting("brokers", "GOKASIM_BROKERS", "run tests on the Apache Kafka at these `addresses`, with commas between them", false)
	fromGolden  = newSetting("golden", "GOKASIM_GOLDEN", "write golden files instead of comparing with them", true)
)

// setting is one of them.
type setting struct {
	flag     string
	variable string
	boolFlag bool
	value    string
	given    bool
}

func newSetting(name, variable, usage string, boolFlag bool) *setting {
	s := &setting{flag: "gokasim." + name, variable: variable, boolFlag: boolFlag}
	flag.Var(s, s.flag, usage+" ("+variable+")")
	return s
}

// get returns what the flag says, or else the variable, "" for neither.
func (s *setting) get() string {
	if s.given {
		return s.value
	}
	return os.Getenv(s.variable)
}

func (s *setting) names() string { return "-" + s.flag + " (" + s.variable + ")" }

// String implements flag.Value.
func (s *setting) String() string { return s.value }

// Set implements flag.Value.
func (s *setting) Set(v string) error { s.value, s.given = v, true; return nil }

// IsBoolFlag lets a flag stand without a value.
func (s *setting) IsBoolFlag() bool { return s.boolFlag }
