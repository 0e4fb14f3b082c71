package batch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

var codecs = []batch.Codec{batch.None, batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd}

var recordGen = rapid.Custom(func(t *rapid.T) kafka.Record {
	nullable := func(label string) []byte {
		if rapid.IntRange(0, 4).Draw(t, "null "+label) == 0 {
			return nil
		}
		return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, label)...)
	}
	r := kafka.Record{
		Timestamp: kafka.Millis(rapid.Int64Range(-1, 1<<45).Draw(t, "timestamp")),
		Key:       nullable("key"),
		Value:     nullable("value"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		r.Headers = append(r.Headers, kafka.Header{
			Key:   rapid.String().Draw(t, "header"),
			Value: nullable("header value"),
		})
	}
	return r
})

// placed is recs with the offsets that a log at base gives them.
func placed(recs []kafka.Record, base kafka.Offset) []kafka.Record {
	out := append([]kafka.Record{}, recs...)
	for i := range out {
		out[i].Offset = base + kafka.Offset(i)
	}
	return out
}

func TestRecordsSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		recs := rapid.SliceOfN(recordGen, 1, 40).Draw(t, "records")
		codec := rapid.SampledFrom(codecs).Draw(t, "codec")
		base := kafka.Offset(rapid.Int64Range(0, 1<<50).Draw(t, "base"))

		b := batch.FromRecords(recs, batch.WithCodec(codec), batch.WithProducer(7, 3, 11), batch.Transactional())
		b.Place(base, 5)
		again, err := batch.FromBytes(bytes.Clone(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string]*batch.Batch{"made": b, "read": again} {
			if diff := cmp.Diff(placed(recs, base), b.Records()); diff != "" {
				t.Fatalf("%s: records (-want +got):\n%s", name, diff)
			}
			got := fmt.Sprintln(b.BaseOffset(), b.LastOffset(), b.LeaderEpoch(), b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(),
				b.LastSequence(), b.IsTransactional(), b.IsControl(), b.TimestampType(), b.Codec(), b.Len(), b.Size() == len(b.Bytes()))
			n := kafka.Offset(len(recs))
			want := fmt.Sprintln(base, base+n-1, 5, 7, 3, 11, 11+n-1, true, false, "CreateTime", codec, n, true)
			if got != want {
				t.Fatalf("%s: fields %s, want %s", name, got, want)
			}
		}
		largest := kafka.NoTimestamp
		nullKeys := false
		for _, r := range recs {
			largest = max(largest, r.Timestamp)
			nullKeys = nullKeys || r.Key == nil
		}
		if again.MaxTimestamp() != largest || again.HasNullKeys() != nullKeys || b.HasNullKeys() != nullKeys {
			t.Fatalf("max timestamp %d, null keys %t; want %d, %t", again.MaxTimestamp(), again.HasNullKeys(), largest, nullKeys)
		}
	})
}

// Another implementation of the format reads what we write.
func TestKmsgReadsOurBatches(t *testing.T) {
	recs := []kafka.Record{
		{Timestamp: 1000, Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{{Key: "h", Value: []byte("x")}, {Key: "null"}}},
		{Timestamp: 900, Value: []byte{}},
		{Timestamp: 1e12, Key: []byte{}},
	}
	b := batch.FromRecords(recs, batch.WithProducer(1<<40, 2, math.MaxInt32))
	b.Place(77, 6)

	var k kmsg.RecordBatch
	if err := k.ReadFrom(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	crc := crc32.Checksum(b.Bytes()[21:], crc32.MakeTable(crc32.Castagnoli))
	got := fmt.Sprintln(k.FirstOffset, int(k.Length)+12 == b.Size(), k.PartitionLeaderEpoch, k.Magic, uint32(k.CRC) == crc, k.Attributes, k.LastOffsetDelta,
		k.FirstTimestamp, k.MaxTimestamp, k.ProducerID, k.ProducerEpoch, k.FirstSequence, k.NumRecords)
	want := fmt.Sprintln(77, true, 6, 2, true, 0, 2, 1000, int64(1e12), int64(1<<40), 2, math.MaxInt32, 3)
	if got != want {
		t.Errorf("fields %s, want %s", got, want)
	}
	var read []kafka.Record
	for p := k.Records; len(p) > 0; {
		length, n := binary.Varint(p)
		var r kmsg.Record
		if err := r.ReadFrom(p[:n+int(length)]); err != nil {
			t.Fatal(err)
		}
		p = p[n+int(length):]
		rec := kafka.Record{
			Offset:    kafka.Offset(k.FirstOffset + int64(r.OffsetDelta)),
			Timestamp: kafka.Millis(k.FirstTimestamp + r.TimestampDelta64),
			Key:       r.Key,
			Value:     r.Value,
		}
		for _, h := range r.Headers {
			rec.Headers = append(rec.Headers, kafka.Header(h))
		}
		read = append(read, rec)
	}
	if diff := cmp.Diff(placed(recs, 77), read); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if got := b.LastSequence(); got != 1 {
		t.Errorf("sequence numbers go from 2^31-1 to %d, want 1", got)
	}
}

func TestAppendRecordsStartsAndStops(t *testing.T) {
	var recs []kafka.Record
	for i := range 5 {
		recs = append(recs, kafka.Record{Value: []byte{byte(i)}, Headers: []kafka.Header{{Key: fmt.Sprint(i)}}})
	}
	b := batch.FromRecords(recs)
	b.Place(10, 0)
	for _, c := range []struct {
		from kafka.Offset
		n    int
		want string
	}{
		{0, 10, "10 11 12 13 14"},
		{12, 2, "12 13"},
		{14, 2, "14"},
		{15, 2, ""},
		{10, 0, ""},
	} {
		var got []string
		for _, r := range b.AppendRecords(nil, c.from, c.n) {
			got = append(got, fmt.Sprint(r.Offset))
			if len(r.Headers) != 1 || r.Headers[0].Key != fmt.Sprint(r.Offset-10) {
				t.Errorf("record %d has headers %v", r.Offset, r.Headers)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("from %d, at most %d: %q, want %q", c.from, c.n, s, c.want)
		}
	}
}

// T1 LogAppendTime puts the broker's time over all records' own, sets attribute bit 3 and the checksum.
func TestLogAppendTimeIsTheTimeOfAllRecords(t *testing.T) {
	b := batch.FromRecords([]kafka.Record{{Timestamp: 5}, {Timestamp: 900}})
	b.StampLogAppendTime(70)
	again, err := batch.FromBytes(bytes.Clone(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if again.TimestampType() != batch.LogAppendTime || again.MaxTimestamp() != 70 {
		t.Errorf("%s, max timestamp %d", again.TimestampType(), again.MaxTimestamp())
	}
	for _, r := range again.Records() {
		if r.Timestamp != 70 {
			t.Errorf("record %d has timestamp %d", r.Offset, r.Timestamp)
		}
	}
	again.StampCreateTime()
	if got := again.Records()[1].Timestamp; got != 900 {
		t.Errorf("the record's own timestamp came back as %d", got)
	}
}

func TestMarkersSayHowTheTransactionEnded(t *testing.T) {
	for _, end := range []batch.Marker{{Commit: true, CoordinatorEpoch: 9}, {CoordinatorEpoch: 0}} {
		b, err := batch.FromBytes(batch.FromMarker(50, 4, 2, end).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, ok := b.Marker()
		if !ok || got != end || !b.IsControl() || !b.IsTransactional() || b.ProducerID() != 4 || b.ProducerEpoch() != 2 ||
			b.BaseSequence() != batch.NoSequence || b.LastSequence() != batch.NoSequence || b.MaxTimestamp() != 50 {
			t.Errorf("%+v came back as %+v, %t", end, got, ok)
		}
		empty := b.Compacted(nil, kafka.NoTimestamp)
		if _, ok := empty.Marker(); ok || !empty.IsControl() {
			t.Error("an emptied marker still says something")
		}
	}
	if _, ok := batch.FromRecords([]kafka.Record{{Key: []byte("k")}}).Marker(); ok {
		t.Error("data was taken for a marker")
	}
}

// C4 What compaction leaves of a batch keeps its place and its sequence numbers. C6 The delete horizon stands where the
// first timestamp was, and no timestamp changes.
func TestCompactedBatchKeepsItsPlace(t *testing.T) {
	var recs []kafka.Record
	for i := range 5 {
		recs = append(recs, kafka.Record{Timestamp: kafka.Millis(100 + i), Key: []byte{byte(i)}, Value: []byte("v")})
	}
	for _, codec := range codecs {
		b := batch.FromRecords(recs, batch.WithCodec(codec), batch.WithProducer(3, 1, 20))
		b.Place(40, 8)
		all := b.Records()
		for _, c := range []struct {
			kept    []kafka.Record
			horizon kafka.Millis
		}{
			{all[1:2], kafka.NoTimestamp},
			{[]kafka.Record{all[0], all[3]}, 5000},
			{all[4:], 1},
			{nil, kafka.NoTimestamp},
		} {
			left, err := batch.FromBytes(b.Compacted(c.kept, c.horizon).Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.kept, left.Records(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: records (-want +got):\n%s", codec, diff)
			}
			if left.BaseOffset() != 40 || left.LastOffset() != 44 || left.LeaderEpoch() != 8 || left.BaseSequence() != 20 || left.LastSequence() != 24 {
				t.Errorf("%s: [%d, %d] epoch %d sequence %d..%d", codec, left.BaseOffset(), left.LastOffset(), left.LeaderEpoch(), left.BaseSequence(), left.LastSequence())
			}
			at, has := left.DeleteHorizon()
			if has != (c.horizon != kafka.NoTimestamp) || at != c.horizon {
				t.Errorf("%s: horizon %d %t, want %d", codec, at, has, c.horizon)
			}
			wantMax := b.MaxTimestamp()
			if len(c.kept) > 0 {
				wantMax = c.kept[len(c.kept)-1].Timestamp
			}
			if left.MaxTimestamp() != wantMax {
				t.Errorf("%s: max timestamp %d, want %d", codec, left.MaxTimestamp(), wantMax)
			}
		}
	}
}

func TestRecompressedKeepsEverythingElse(t *testing.T) {
	recs := []kafka.Record{{Timestamp: 1, Key: []byte("k"), Value: bytes.Repeat([]byte("v"), 5_000), Headers: []kafka.Header{{Key: "h"}}}, {Timestamp: 2}}
	for _, from := range codecs {
		for _, to := range codecs {
			b := batch.FromRecords(recs, batch.WithCodec(from), batch.WithProducer(1, 2, 3)).Recompressed(to)
			b.Place(9, 1)
			again, err := batch.FromBytes(bytes.Clone(b.Bytes()))
			if err != nil {
				t.Fatalf("%s to %s: %v", from, to, err)
			}
			if diff := cmp.Diff(placed(recs, 9), again.Records()); diff != "" {
				t.Errorf("%s to %s: records (-want +got):\n%s", from, to, diff)
			}
			if again.Codec() != to || again.BaseSequence() != 3 || to != batch.None && again.Size() > 2_000 {
				t.Errorf("%s to %s: codec %s, %d bytes", from, to, again.Codec(), again.Size())
			}
		}
	}
}

// Clients write snappy in two forms.
func TestBareSnappyIsRead(t *testing.T) {
	recs := []kafka.Record{{Key: []byte("k"), Value: bytes.Repeat([]byte("v"), 1000)}}
	b := bareSnappy(batch.FromRecords(recs))
	again, err := batch.FromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(placed(recs, 0), again.Records()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestFromBytesRefuses(t *testing.T) {
	good := func() []byte {
		return bytes.Clone(batch.FromRecords([]kafka.Record{{Key: []byte("key"), Value: []byte("value")}, {Key: []byte("k2")}}).Bytes())
	}
	edit := func(change func(w []byte) []byte) []byte { return sealed(change(good())) }
	for _, c := range []struct {
		name string
		wire []byte
		want kafka.ErrorCode
	}{
		{"nothing", nil, kafka.InvalidRecord},
		{"half a header", good()[:30], kafka.InvalidRecord},
		{"cut off", good()[:len(good())-1], kafka.InvalidRecord},
		{"L2 two batches", append(good(), good()...), kafka.InvalidRecord},
		{"L2 a flipped bit", flip(good(), len(good())-3), kafka.CorruptMessage},
		{"magic 1", edit(func(w []byte) []byte { w[16] = 1; return w }), kafka.InvalidRecord},
		{"length below a header", edit(func(w []byte) []byte { w[11] = 10; return w }), kafka.CorruptMessage},
		{"unknown codec", edit(func(w []byte) []byte { w[22] |= 7; return w }), kafka.UnsupportedCompressionType},
		{"not gzip at all", edit(func(w []byte) []byte { w[22] |= 1; return w }), kafka.UnknownServerError},
		{"more records than offsets", edit(func(w []byte) []byte { w[60] = 3; return w }), kafka.InvalidRecord},
		{"fewer records than bytes", edit(func(w []byte) []byte { w[60] = 1; return w }), kafka.InvalidRecord},
		{"more records than bytes", edit(func(w []byte) []byte { w[60], w[26] = 9, 8; return w }), kafka.InvalidRecord},
		{"a negative count", edit(func(w []byte) []byte { w[57] = 0xff; return w }), kafka.InvalidRecord},
		{"a record longer than the batch", edit(func(w []byte) []byte { w[61] = 0x7e; return w }), kafka.InvalidRecord},
		{"offsets out of order", edit(func(w []byte) []byte { w[64] = 2; return w }), kafka.InvalidRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := batch.FromBytes(c.wire)
			var e *batch.Error
			if !errors.As(err, &e) || e.Code != c.want || !errors.Is(err, c.want) {
				t.Errorf("error %v, want %s", err, c.want.Name())
			}
		})
	}
}

// A header that lies about its largest timestamp is put right, as a broker does.
func TestFromBytesSetsMaxTimestampRight(t *testing.T) {
	w := batch.FromRecords([]kafka.Record{{Timestamp: 5}, {Timestamp: 9}, {Timestamp: 7}}).Bytes()
	binary.BigEndian.PutUint64(w[35:], 1234)
	b, err := batch.FromBytes(sealed(w))
	if err != nil {
		t.Fatal(err)
	}
	if b.MaxTimestamp() != 9 {
		t.Errorf("max timestamp %d, want 9", b.MaxTimestamp())
	}
	if _, err := batch.FromBytes(b.Bytes()); err != nil {
		t.Error("the checksum was not: ", err)
	}
}

func TestCodecNames(t *testing.T) {
	for _, c := range codecs {
		if got, err := batch.ParseCodec(c.String()); err != nil || got != c {
			t.Errorf("%s parses as %s, %v", c, got, err)
		}
	}
	if c, err := batch.ParseCodec("uncompressed"); err != nil || c != batch.None {
		t.Errorf("uncompressed parses as %s, %v", c, err)
	}
	if _, err := batch.ParseCodec("brotli"); err == nil || !strings.Contains(err.Error(), `"brotli"`) {
		t.Errorf("brotli: %v", err)
	}
}

func TestReadingDoesNotAllocate(t *testing.T) {
	recs := make([]kafka.Record, 100)
	for i := range recs {
		recs[i] = kafka.Record{Key: []byte("key"), Value: []byte("value")}
	}
	b := batch.FromRecords(recs)
	dst := make([]kafka.Record, 0, 100)
	if n := testing.AllocsPerRun(10, func() {
		dst = b.AppendRecords(dst[:0], 0, 100)
		for range b.All() {
		}
		for range b.Outlines() {
		}
	}); n > 0 {
		t.Errorf("%v allocations for 300 records", n)
	}
}

// What the codecs keep between two uses must not tie them to the bubble in which they were used first.
func TestCodecsWorkInsideAndOutsideOfBubbles(t *testing.T) {
	recs := []kafka.Record{{Value: bytes.Repeat([]byte("v"), 1000)}}
	use := func() {
		for _, codec := range codecs {
			b, err := batch.FromBytes(batch.FromRecords(recs, batch.WithCodec(codec)).Bytes())
			if err != nil {
				t.Fatalf("%s: %v", codec, err)
			}
			if got := b.Records(); !bytes.Equal(got[0].Value, recs[0].Value) {
				t.Errorf("%s: read %q", codec, got[0].Value)
			}
		}
	}
	synctest.Test(t, func(*testing.T) { use() })
	synctest.Test(t, func(*testing.T) { use() })
	use()
}

// Any number of goroutines may read a batch that a log has handed out. (Under -race.)
func TestManyReadACompressedBatchAtOnce(t *testing.T) {
	recs := []kafka.Record{{Value: bytes.Repeat([]byte("v"), 1000)}, {Value: []byte("w")}}
	for _, codec := range codecs {
		b, err := batch.FromBytes(batch.FromRecords(recs, batch.WithCodec(codec)).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if got := len(b.Records()); got != 2 {
					t.Errorf("%s: %d records", codec, got)
				}
			})
		}
		wg.Wait()
	}
}
