package goka

import (
	"fmt"
	"hash"
)

// PartitionForKey returns the partition, of so many, that goka's producers choose for a record with key, when they were
// given hasher. DefaultHasher is the hasher of those that were given none.
func PartitionForKey(hasher func() hash.Hash32, key []byte, partitions int32) (int32, error) {
	if partitions < 1 {
		return -1, fmt.Errorf("partition of key %q: there are %d partitions; a topic has 1 or more", key, partitions)
	}
	if err := checkHasher(hasher); err != nil {
		return -1, fmt.Errorf("partition of key %q: %w", key, err)
	}
	return hashPartition(hasher(), key, partitions), nil
}
