// Package testing shows tests as users of goka write them: a processor with one input, tables and joins, a chain of groups,
// callbacks that fail. It has nothing but tests; docs/testing.md is the guide to what else a tester can do.
package testing
