package clusterpage

import (
	"math/rand/v2"

	"github.com/gokasim/gokasim/internal/kafka"
)

// partitionOf is where Kafka's own clients write a key: the partition of its murmur2 hash, any for a null key.
func partitionOf(key []byte, partitions int32) int32 {
	if key == nil {
		return rand.Int32N(partitions)
	}
	return int32(kafka.Murmur2(key)) % partitions
}
