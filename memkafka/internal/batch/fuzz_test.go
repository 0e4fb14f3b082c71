package batch_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// FuzzFromBytes feeds the decoder anything. What it takes can be read, written again without loss, and is the same then.
// The checksum is set right first, or nothing behind it would ever be reached.
func FuzzFromBytes(f *testing.F) {
	recs := []kafka.Record{
		{Timestamp: 1, Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{{Key: "h", Value: []byte("x")}}},
		{Timestamp: 2, Value: []byte{}},
		{Timestamp: 1 << 40, Key: []byte{}},
	}
	for _, c := range codecs {
		f.Add(batch.FromRecords(recs, batch.WithCodec(c)).Bytes())
	}
	f.Add(bareSnappy(batch.FromRecords(recs)))
	f.Add(batch.FromMarker(7, 1, 2, batch.Marker{Commit: true, CoordinatorEpoch: 3}).Bytes())
	f.Add(batch.FromRecords(recs).Compacted(nil, kafka.NoTimestamp).Bytes())
	f.Fuzz(func(t *testing.T, wire []byte) {
		b, err := batch.FromBytes(sealed(bytes.Clone(wire)))
		if err != nil {
			return
		}
		b.Marker()
		recs := b.Records()
		if len(recs) != b.Len() {
			t.Fatalf("%d records, the batch says %d", len(recs), b.Len())
		}
		again, err := batch.FromBytes(bytes.Clone(b.Bytes()))
		if err != nil {
			t.Fatalf("what was taken once is refused: %v", err)
		}
		if !reflect.DeepEqual(recs, again.Records()) {
			t.Fatalf("records differ:\n%v\n%v", recs, again.Records())
		}
		if len(recs) == 0 || b.TimestampType() == batch.LogAppendTime {
			return
		}
		kept, err := batch.FromBytes(b.Compacted(recs, kafka.NoTimestamp).Bytes())
		if err != nil {
			t.Fatalf("what was made of its records is refused: %v", err)
		}
		if !reflect.DeepEqual(recs, kept.Records()) {
			t.Fatalf("records of the new batch differ:\n%v\n%v", recs, kept.Records())
		}
	})
}
