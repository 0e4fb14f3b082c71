package storage_test

import (
	"testing"

	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/storagetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(string) (storage.Storage, error) { return storage.NewMemory(), nil }, storagetest.Volatile())
}

func TestNullKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(string) (storage.Storage, error) { return storage.NewNull(), nil }, storagetest.WriteOnly())
}

func TestFileKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(place string) (storage.Storage, error) { return storage.NewFile(place, 3) }, storagetest.WriteOnly())
}
