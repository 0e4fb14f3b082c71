package batch_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// TestBombs takes batches of few bytes that decompress to many, as Kafka does, and needs little memory for it.
func TestBombs(t *testing.T) {
	const plain, most = 128 << 20, 64 << 20
	for _, codec := range []batch.Codec{batch.Gzip, batch.LZ4, batch.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			wire := batch.FromRecords([]kafka.Record{{Value: make([]byte, plain)}}, batch.WithCodec(codec)).Bytes()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			b, err := batch.FromBytes(wire)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if b.Len() != 1 {
				t.Errorf("%d records, want 1", b.Len())
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > most {
				t.Errorf("%d bytes took %d bytes of memory, want at most %d", len(wire), took, most)
			}
		})
	}
}

// TestBatchesThatAreLargeWithoutCompression are read as they were written.
func TestBatchesThatAreLargeWithoutCompression(t *testing.T) {
	var records []kafka.Record
	for i := range 2000 {
		r := kafka.Record{Timestamp: kafka.Millis(i), Key: fmt.Appendf(nil, "key %d", i), Value: bytes.Repeat([]byte("value"), 700)}
		if i%3 == 0 {
			r.Key, r.Headers = nil, []kafka.Header{{Key: "h", Value: []byte("x")}, {Key: "none"}}
		}
		records = append(records, r)
	}
	want := batch.FromRecords(records).Records()
	for _, codec := range codecs {
		b, err := batch.FromBytes(batch.FromRecords(records, batch.WithCodec(codec)).Bytes())
		if err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		if !reflect.DeepEqual(want, b.Records()) {
			t.Errorf("%s: records are not as they were written", codec)
		}
		if !b.HasNullKeys() {
			t.Errorf("%s: no null keys", codec)
		}
	}
}

// TestLargeBatchesAreCheckedAsSmallOnes damages records, and has them checked with compression, bit by bit, and without.
func TestLargeBatchesAreCheckedAsSmallOnes(t *testing.T) {
	records := []kafka.Record{{Value: make([]byte, 5<<20)}}
	for i := range 20 {
		records = append(records, kafka.Record{Key: []byte("k"), Value: []byte{byte(i)}, Headers: []kafka.Header{{Key: "h", Value: []byte("v")}}})
	}
	records = append(records[1:], records[0])
	good := batch.FromRecords(records).Bytes()
	small := len(good) - 5<<20
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 60 {
		wire := bytes.Clone(good)
		at := batch.HeaderBytes + random.IntN(small-batch.HeaderBytes)
		wire[at] ^= 1 << random.IntN(8)
		_, plain := batch.FromBytes(sealed(wire))
		_, compressed := batch.FromBytes(gzipped(t, wire))
		if (plain == nil) != (compressed == nil) {
			t.Errorf("byte %d damaged: %v without compression, %v with it", at, plain, compressed)
		}
		if plain != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no damage was found")
	}
}

// gzipped is a batch without compression, compressed.
func gzipped(t *testing.T, wire []byte) []byte {
	t.Helper()
	out := bytes.NewBuffer(bytes.Clone(wire[:batch.HeaderBytes]))
	w, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(wire[batch.HeaderBytes:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
	b[22] |= byte(batch.Gzip)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	return sealed(b)
}
