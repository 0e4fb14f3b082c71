package batch_test

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// Whatever a batch of one record holds, it travels as the header and the record that any other batch has.
func TestABatchOfOneRecordTravelsWhole(t *testing.T) {
	var arena batch.Arena
	for i, r := range []kafka.Record{
		{Timestamp: kafka.NoTimestamp},
		{Key: []byte("k"), Value: []byte{}, Timestamp: 5},
		{Key: []byte("k"), Timestamp: 1 << 40, Headers: []kafka.Header{{Key: "h", Value: []byte("v")}}},
		{Value: bytes.Repeat([]byte("v"), 3000)},
	} {
		b := arena.FromRecords([]kafka.Record{r})
		b.Place(kafka.Offset(i), 7)
		whole, err := batch.FromBytes(bytes.Clone(b.Bytes()))
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		r.Offset = kafka.Offset(i)
		if got := whole.Records()[0]; !reflect.DeepEqual(got, r) || !reflect.DeepEqual(b.Records()[0], r) {
			t.Errorf("record %d: %+v, and %+v after its travel; want %+v", i, b.Records()[0], got, r)
		}
		if describe(b) != describe(whole) {
			t.Errorf("record %d: %s, and %s after its travel", i, describe(b), describe(whole))
		}
	}
}

func describe(b *batch.Batch) string {
	return fmt.Sprint(b.BaseOffset(), b.LastOffset(), b.Len(), b.Size(), b.LeaderEpoch(), b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(), b.LastSequence(),
		b.IsControl(), b.IsTransactional(), b.TimestampType(), b.MaxTimestamp(), b.BaseTimestamp(), b.Codec(), b.HasNullKeys())
}

func TestABatchOfOneRecordThatChangesBeforeALogTakesIt(t *testing.T) {
	b := batch.FromRecords([]kafka.Record{{Key: []byte("k"), Timestamp: 3}})
	_ = b.Bytes() // which know nothing yet of what follows
	b.Place(9, 2)
	check := func(what string, b *batch.Batch, base kafka.Offset, at kafka.Millis) {
		t.Helper()
		whole, err := batch.FromBytes(bytes.Clone(b.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := whole.Records()[0]; got.Offset != base || got.Timestamp != at || string(got.Key) != "k" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	check("placed", b, 9, 3)
	check("cloned", b.Clone(), 0, 3)
	check("compressed", b.Recompressed(batch.Gzip), 9, 3)
	b.StampLogAppendTime(77)
	check("stamped", b, 9, 77)
}

// Neighbours in an arena keep out of each other's memory.
func TestAnArenaGivesEachBatchMemoryOfItsOwn(t *testing.T) {
	var arena batch.Arena
	var batches []*batch.Batch
	for i := range 500 {
		batches = append(batches, arena.FromRecords([]kafka.Record{{Key: fmt.Append(nil, i), Value: bytes.Repeat([]byte("v"), i%140)}}))
	}
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for i, b := range batches {
				r := b.Records()[0]
				if string(r.Key) != fmt.Sprint(i) || len(r.Value) != i%140 || len(b.Bytes()) != b.Size() {
					t.Errorf("batch %d holds %q with %d bytes", i, r.Key, len(r.Value))
				}
			}
		})
	}
	readers.Wait()
}
