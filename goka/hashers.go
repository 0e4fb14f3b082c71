package goka

import (
	"hash"
	"hash/crc32"

	"github.com/gokasim/gokasim/internal/kafka"
)

// JavaHasher returns a maker of the hashes by which Kafka's own Java clients assign keys to partitions (murmur2), and
// many others that follow them.
func JavaHasher() func() hash.Hash32 {
	return func() hash.Hash32 { return new(murmur2) }
}

// LibrdkafkaHasher returns a maker of the hashes by which librdkafka and its descendants assign keys to partitions
// unless they are told otherwise (CRC-32, partitioner=consistent_random).
func LibrdkafkaHasher() func() hash.Hash32 {
	return func() hash.Hash32 { return crc{crc32.NewIEEE()} }
}

// unsigned is implemented by hashers whose sums are taken as positive numbers. Other sums are taken as signed ones,
// without their sign after the division.
type unsigned interface{ unsigned() }

type crc struct{ hash.Hash32 }

func (crc) unsigned() {}

// murmur2 is MurmurHash2 of 32 bits with the seed of Kafka, made positive as Kafka does.
type murmur2 struct{ data []byte }

func (m *murmur2) Write(p []byte) (int, error) {
	m.data = append(m.data, p...)
	return len(p), nil
}

func (m *murmur2) Reset()         { m.data = m.data[:0] }
func (m *murmur2) Size() int      { return 4 }
func (m *murmur2) BlockSize() int { return 4 }

func (m *murmur2) Sum(b []byte) []byte {
	s := m.Sum32()
	return append(b, byte(s>>24), byte(s>>16), byte(s>>8), byte(s))
}

func (m *murmur2) Sum32() uint32 { return kafka.Murmur2(m.data) }
