// Package mocked holds interfaces that exist only to be mocked by package kafkamock.
package mocked

import "github.com/gokasim/gokasim/storage"

// Storage is storage.Storage with one method that it had in former times, and that tests written then still expect.
type Storage interface {
	storage.Storage
	// Recovered reports whether MarkRecovered was called.
	Recovered() bool
}
