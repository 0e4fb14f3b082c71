// Package storage compares the stores of gokasim with goleveldb, which goka used to keep its tables in, and with bbolt.
// It is a module of its own, so that nobody else downloads them. The figures are in docs/benchmarks.md.
package storage
