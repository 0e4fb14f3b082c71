package goka_test

import (
	"hash"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
)

// The values are those of Kafka's own test of Utils.murmur2, made positive.
func TestJavaHasherIsKafkas(t *testing.T) {
	for key, want := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		h := goka.JavaHasher()()
		for range 2 {
			h.Reset()
			_, _ = h.Write([]byte(key[:1]))
			_, _ = h.Write([]byte(key[1:]))
			if got := h.Sum32(); got != uint32(want)&0x7fffffff {
				t.Errorf("%s: %d, want %d", key, got, want)
			}
		}
	}
}

func TestLibrdkafkaHasherIsUnsigned(t *testing.T) {
	reference := sarama.NewCustomPartitioner(sarama.WithHashUnsigned(), sarama.WithCustomHashFunction(func() hash.Hash32 { return goka.LibrdkafkaHasher()() }))("t")
	for _, key := range []string{"", "a", "b", "librdkafka", "some longer key"} {
		for _, n := range []int32{1, 3, 7, 10} {
			want, err := reference.Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, n)
			if err != nil {
				t.Fatal(err)
			}
			got, err := goka.PartitionForKey(goka.LibrdkafkaHasher(), []byte(key), n)
			if got != want || err != nil {
				t.Errorf("%q of %d: %d, %v; want %d", key, n, got, err, want)
			}
		}
	}
}
