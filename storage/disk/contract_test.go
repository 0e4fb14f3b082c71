package disk

import (
	"testing"

	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/storage/storagetest"
)

func TestDiskKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(place string) (storage.Storage, error) { return Builder(place)("topic", 3) },
		storagetest.WithoutHistories()) // they are tried on a disk in memory, with power failures
}
