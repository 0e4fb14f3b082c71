package goka

import (
	"hash"
	"hash/fnv"
)

// DefaultHasher returns a maker of FNV-1a hashes of 32 bits, by which keys are assigned to partitions.
func DefaultHasher() func() hash.Hash32 {
	return fnv.New32a
}

// hashPartition assigns a key to one of so many partitions, as sarama's hash partitioners do: the hash as a signed
// number modulo the partitions, without its sign. (Dropping the sign first fails for the smallest number.)
func hashPartition(hasher hash.Hash32, key []byte, partitions int32) int32 {
	hasher.Reset()
	_, _ = hasher.Write(key) // a hash never fails
	if _, positive := hasher.(unsigned); positive {
		return int32(hasher.Sum32() % uint32(partitions))
	}
	p := int32(hasher.Sum32()) % partitions
	if p < 0 {
		p = -p
	}
	return p
}
