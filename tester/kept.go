package tester

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// keptDir is where failing seeds of a test are kept.
func keptDir(t *testing.T) string {
	return filepath.Join("testdata", "gokasim", strings.NewReplacer("/", "_", " ", "_").Replace(testName(t)))
}

// testName is the name of a test without that of a seed.
func testName(t *testing.T) string {
	name, _, _ := strings.Cut(t.Name(), "/seed=")
	return name
}

// keptSeeds lists the seeds that failed before, from small to large.
func keptSeeds(t *testing.T) []uint64 {
	files, err := filepath.Glob(filepath.Join(keptDir(t), "seed-*.fail"))
	if err != nil {
		return nil
	}
	var seeds []uint64
	for _, f := range files {
		n := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "seed-"), ".fail")
		if seed, err := strconv.ParseUint(n, 10, 64); err == nil {
			seeds = append(seeds, seed)
		}
	}
	slices.Sort(seeds)
	return seeds
}

// keepSeed notes that a seed failed, so that it runs first next time.
func keepSeed(t *testing.T, seed uint64) {
	dir := keptDir(t)
	file := filepath.Join(dir, fmt.Sprintf("seed-%d.fail", seed))
	if _, err := os.Stat(file); err == nil {
		return
	}
	text := fmt.Sprintf("# Seed %d of %s failed. It runs first until this file is deleted.\n# %s\n", seed, testName(t), repeatLine(t, seed))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Logf("simulate: the failing seed is not kept: %v", err)
		return
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Logf("simulate: the failing seed is not kept: %v", err)
	}
}

// repeatLine is the command that runs a seed again.
func repeatLine(t *testing.T, seed uint64) string {
	return fmt.Sprintf("go test %s -run '%s' -gokasim.seed=%d", packagePath(), runPattern(testName(t)), seed)
}

// runPattern is the value of -run for one test.
func runPattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	return strings.Join(parts, "/")
}

// packagePath is the path of the package under test as the go command takes it from its module's root.
func packagePath() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			rel, err := filepath.Rel(root, dir)
			if err != nil {
				return "."
			}
			if rel == "." {
				return "."
			}
			return "./" + filepath.ToSlash(rel)
		}
		if root == filepath.Dir(root) {
			return "."
		}
	}
}
