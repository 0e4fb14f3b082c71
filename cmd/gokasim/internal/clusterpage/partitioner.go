package clusterpage

import (
	"encoding/binary"
	"math/rand/v2"
)

// partitionOf is where Kafka's own clients write a key: the partition of its murmur2 hash, any for a null key.
func partitionOf(key []byte, partitions int32) int32 {
	if key == nil {
		return rand.Int32N(partitions)
	}
	return int32(murmur2(key)&0x7fffffff) % partitions
}

func murmur2(data []byte) uint32 {
	const m, r = 0x5bd1e995, 24
	h := uint32(0x9747b28c) ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := binary.LittleEndian.Uint32(data) * m
		k ^= k >> r
		h = h*m ^ k*m
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(data[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
