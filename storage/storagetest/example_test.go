package storagetest_test

import (
	"testing"

	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/storagetest"
)

// A store of your own is held to the contract by one test.
func ExampleRun() {
	_ = func(t *testing.T) {
		storagetest.Run(t, func(place string) (storage.Storage, error) {
			return storage.NewMemory(), nil // mystore.New(place)
		}, storagetest.Volatile())
	}
}
