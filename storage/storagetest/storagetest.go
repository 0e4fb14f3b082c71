// Package storagetest holds implementations of storage.Storage to their contract. A store of your own is tested by
//
//	func TestContract(t *testing.T) {
//		storagetest.Run(t, func(place string) (storage.Storage, error) { return mystore.New(place) })
//	}
//
// The suite asks every question of the contract by itself first, so that a failure names the promise that is broken,
// and then lets random histories of calls run against a map, in which a failure is shrunk to a short one. The flags
// of pgregory.net/rapid (-rapid.checks, -rapid.seed, …) apply to that part. Run it with -race.
package storagetest

import (
	"testing"

	"github.com/gokasim/gokasim/storage"
)

// Open returns a storage, not yet opened, whose table is in place: an empty folder that is unique to one test, and
// that a store without a use for folders takes for a name. Two storages of one place are one table.
type Open func(place string) (storage.Storage, error)

// Option changes what Run expects.
type Option func(*suite)

// Volatile tells that rows live as long as the storage value: what was closed is found again by opening the same
// value, and not by a new one.
func Volatile() Option { return func(s *suite) { s.volatile = true } }

// WriteOnly tells that the storage takes rows and offsets, and gives none back, as storage.NewNull and
// storage.NewFile do.
func WriteOnly() Option { return func(s *suite) { s.writeOnly = true } }

// WithCrash lets the suite look at what survives a crash. crash returns a place with exactly what would be found
// if the process that has s open in place ended now; s is closed afterwards, and that must not touch the new
// place. What is found must be the work of the first calls without a gap: rows never without the offset of their
// batch, nor an offset without its rows.
func WithCrash(crash func(s storage.Storage, place string) (after string, err error)) Option {
	return func(s *suite) { s.crash = crash }
}

// WithoutHistories leaves out the random histories, for a store on a slow device whose histories are tried elsewhere.
func WithoutHistories() Option { return func(s *suite) { s.noHistories = true } }

// Run holds the storages that open makes to the contract.
func Run(t *testing.T, open Open, options ...Option) {
	t.Helper()
	s := &suite{open: open}
	for _, option := range options {
		option(s)
	}
	if s.writeOnly {
		s.run(t, writeOnlyPromises)
		return
	}
	s.run(t, promises)
	if !s.noHistories {
		s.run(t, []promise{{"any history, as a map would have it", anyHistory}})
	}
}

type suite struct {
	open        Open
	volatile    bool
	writeOnly   bool
	noHistories bool
	crash       func(s storage.Storage, place string) (string, error)
}

// promise is one part of the contract. It gets a table of its own, opened and empty.
type promise struct {
	name string
	hold func(*table)
}

func (s *suite) run(t *testing.T, promises []promise) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) { p.hold(s.table(t)) })
	}
}

var promises = []promise{
	{"an empty table", emptyTable},
	{"rows are set, replaced and deleted", rowsComeAndGo},
	{"a nil value is refused", nilValueIsRefused},
	{"an empty value is a row", emptyValueIsARow},
	{"keys are any bytes", keysAreAnyBytes},
	{"values of many sizes", valuesOfManySizes},
	{"offsets are any number and no row", offsetsAreNoRows},
	{"a batch is rows and their offset", batches},
	{"given slices are not kept", givenSlicesAreNotKept},
	{"returned slices do not change", returnedSlicesDoNotChange},

	{"iterators are in byte order", iteratorsAreInByteOrder},
	{"ranges are half open", rangesAreHalfOpen},
	{"seek finds the first key not smaller", seekFindsTheFirstKeyNotSmaller},
	{"seek stays in the range", seekStaysInTheRange},
	{"an iterator has a row after Next only", rowAfterNextOnly},
	{"an iterator is a snapshot", iteratorIsASnapshot},
	{"a released iterator is empty", releasedIteratorIsEmpty},

	{"recovery ends more than once", recoveryEndsMoreThanOnce},
	{"close comes twice and early", closeComesTwiceAndEarly},
	{"calls after close do not panic", callsAfterClose},
	{"rows and offset survive closing", rowsAndOffsetSurviveClosing},
	{"close while readers read", closeWhileReadersRead},
	{"readers see whole batches", readersSeeWholeBatches},
}

var writeOnlyPromises = []promise{
	{"an empty table", emptyTable},
	{"nothing comes back", nothingComesBack},
	{"close comes twice and early", closeComesTwiceAndEarly},
	{"calls after close do not panic", callsAfterClose},
}
