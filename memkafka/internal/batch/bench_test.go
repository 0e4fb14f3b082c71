package batch_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// The wire door checks what it takes, and hands it out as it is.
func BenchmarkFromBytes(b *testing.B) {
	recs := make([]kafka.Record, 1000)
	for i := range recs {
		recs[i] = kafka.Record{Timestamp: kafka.Millis(i), Key: fmt.Appendf(nil, "key-%012d", i), Value: bytes.Repeat([]byte{byte(i)}, 84)}
	}
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			wire := batch.FromRecords(recs, batch.WithCodec(codec)).Bytes()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := batch.FromBytes(wire); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
		})
	}
}
