package plog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

const now kafka.Millis = 1_700_000_000_000

func rec(key, value string) kafka.Record {
	return kafka.Record{Timestamp: now, Key: []byte(key), Value: []byte(value)}
}

func at(ts kafka.Millis, key string) kafka.Record {
	return kafka.Record{Timestamp: ts, Key: []byte(key), Value: []byte("v")}
}

func mustAppend(t testing.TB, l *plog.Log, recs ...kafka.Record) plog.Appended {
	t.Helper()
	a, err := l.Append(now, batch.FromRecords(recs))
	if err != nil {
		t.Fatalf("append %v: %v", recs, err)
	}
	return a
}

func read(t testing.TB, l *plog.Log, from kafka.Offset, committed bool) []kafka.Record {
	t.Helper()
	recs, _, err := l.ReadInto(nil, from, 1<<20, committed)
	if err != nil {
		t.Fatalf("read from %d: %v", from, err)
	}
	return recs
}

func offsets(recs []kafka.Record) []kafka.Offset {
	var offs []kafka.Offset
	for _, r := range recs {
		offs = append(offs, r.Offset)
	}
	return offs
}

func wantOffsets(t testing.TB, recs []kafka.Record, want ...kafka.Offset) {
	t.Helper()
	if diff := cmp.Diff(want, offsets(recs)); diff != "" {
		t.Fatalf("offsets (-want +got):\n%s", diff)
	}
}

func wantCode(t testing.TB, err error, want kafka.ErrorCode) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %s", err, want.Name())
	}
}

// L1 A batch of n records appended at the log end gets the next n offsets. Base offset and leader epoch are
// rewritten by the broker, outside the checksum.
func TestL1_AppendGivesOffsets(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	l.BeginEpoch(7)
	if got := mustAppend(t, l, rec("a", "1"), rec("b", "2")); got != (plog.Appended{Base: 0, Last: 1, LogAppendTime: kafka.NoTimestamp}) {
		t.Fatalf("first append: %+v", got)
	}
	if got := mustAppend(t, l, rec("c", "3")); got.Base != 2 || got.Last != 2 {
		t.Fatalf("second append: %+v", got)
	}
	f, err := l.Fetch(0, 1<<20, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range f.Batches {
		again, err := batch.FromBytes(append([]byte(nil), b.Bytes()...))
		if err != nil {
			t.Fatalf("batch %d as it is sent: %v", i, err)
		}
		if again.BaseOffset() != kafka.Offset(2*i) || again.LeaderEpoch() != 7 {
			t.Errorf("batch %d says base offset %d, leader epoch %d", i, again.BaseOffset(), again.LeaderEpoch())
		}
	}
	wantOffsets(t, read(t, l, 0, false), 0, 1, 2)
	if l.LogStart() != 0 || l.LogEnd() != 3 || l.HighWatermark() != 3 || l.LastStable() != 3 {
		t.Errorf("offsets %d %d %d %d", l.LogStart(), l.LastStable(), l.HighWatermark(), l.LogEnd())
	}
}

// L2 A broker takes one well-formed batch of data; what else a client sends is INVALID_RECORD. (Two batches in one
// produce, and a bad checksum, are found by batch.FromBytes.)
func TestL2_ClientsSendDataOnly(t *testing.T) {
	placed := batch.FromRecords([]kafka.Record{rec("a", "1")})
	placed.Place(3, 0)
	for name, b := range map[string]*batch.Batch{
		"no records":           batch.FromRecords(nil),
		"a marker":             batch.FromMarker(now, 1, 0, batch.Marker{Commit: true}),
		"offsets of its own":   placed,
		"no sequence number":   batch.FromRecords([]kafka.Record{rec("a", "1")}, batch.WithProducer(1, 0, batch.NoSequence)),
		"gaps in the offsets":  batch.FromRecords([]kafka.Record{rec("a", "1"), rec("b", "2")}).Compacted([]kafka.Record{rec("a", "1")}, kafka.NoTimestamp),
		"an emptied batch":     batch.FromRecords([]kafka.Record{rec("a", "1")}).Compacted(nil, kafka.NoTimestamp),
		"a marker of nonsense": batch.FromMarker(now, 1, 0, batch.Marker{}).Compacted([]kafka.Record{rec("a", "1")}, kafka.NoTimestamp),
	} {
		t.Run(name, func(t *testing.T) {
			l := plog.New(plog.DefaultConfig())
			_, err := l.Append(now, b)
			wantCode(t, err, kafka.InvalidRecord)
			if l.LogEnd() != 0 {
				t.Errorf("log end moved to %d", l.LogEnd())
			}
		})
	}
}

// L3 Consumers never see past the high watermark. With one replica it is the log end at once, with more whoever
// replicates moves it.
func TestL3_NothingIsReadPastTheHighWatermark(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	mustAppend(t, l, rec("a", "1"))
	l.HoldHighWatermark(true)
	mustAppend(t, l, rec("b", "2"))
	mustAppend(t, l, rec("c", "3"))
	l.SetHighWatermark(2)
	wantOffsets(t, read(t, l, 0, false), 0, 1)
	if f, err := l.Fetch(0, 1<<20, false); err != nil || len(f.Batches) != 2 || f.HighWatermark != 2 {
		t.Errorf("fetched %d batches up to %d, %v", len(f.Batches), f.HighWatermark, err)
	}
	if f, err := l.Fetch(3, 1<<20, false); err != nil || len(f.Batches) != 0 {
		t.Errorf("fetch between high watermark and log end: %d batches, %v", len(f.Batches), err)
	}
	if _, _, ok := l.OffsetForTime(now + 1); ok {
		t.Error("found a time past the high watermark")
	}
	l.HoldHighWatermark(false)
	wantOffsets(t, read(t, l, 0, false), 0, 1, 2)
}

// L5 A transaction whose marker is not below the high watermark yet holds the last stable offset, although it has ended.
func TestL5_EndedTransactionHoldsUntilItsMarkerIsReplicated(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	l.HoldHighWatermark(true)
	mustAppend(t, l, rec("a", "1"))
	if _, err := l.Append(now, batch.FromRecords([]kafka.Record{rec("b", "2")}, batch.WithProducer(1, 0, 0), batch.Transactional())); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendMarker(now, plog.Marker{ProducerID: 1, Marker: batch.Marker{Commit: true}}); err != nil {
		t.Fatal(err)
	}
	for high, want := range map[kafka.Offset]kafka.Offset{1: 1, 2: 1, 3: 3} {
		restored, err := plog.Restore(plog.DefaultConfig(), l.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		restored.SetHighWatermark(high)
		if got := restored.LastStable(); got != want {
			t.Errorf("high watermark %d: last stable %d, want %d", high, got, want)
		}
	}
}

// L6 A fetch outside of the log is OFFSET_OUT_OF_RANGE, at its end it is empty. It starts with the whole batch that
// holds the offset, and reads from one segment only.
func TestL6_FetchGivesWholeBatchesOfOneSegment(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	mustAppend(t, l, rec("a", "0"), rec("b", "1"), rec("c", "2"))
	mustAppend(t, l, rec("d", "3"))
	l.Roll(now)
	mustAppend(t, l, rec("e", "4"))
	if _, err := l.DeleteRecords(1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from kafka.Offset
		want string
	}{
		{1, "[0 2] [3 3]"},
		{2, "[0 2] [3 3]"},
		{3, "[3 3]"},
		{4, "[4 4]"},
		{5, ""},
		{0, "OFFSET_OUT_OF_RANGE"},
		{6, "OFFSET_OUT_OF_RANGE"},
	} {
		f, err := l.Fetch(c.from, 1<<20, false)
		got := ""
		for _, b := range f.Batches {
			got += fmt.Sprintf(" [%d %d]", b.BaseOffset(), b.LastOffset())
		}
		if err != nil {
			got = " " + plog.CodeOf(err).Name()
		}
		if got = strings.TrimPrefix(got, " "); got != c.want {
			t.Errorf("fetch from %d: %s, want %s", c.from, got, c.want)
		}
		size := 0
		for _, b := range f.Batches {
			size += b.Size()
		}
		if f.Bytes != size {
			t.Errorf("fetch from %d: %d bytes, says %d", c.from, size, f.Bytes)
		}
		if f.LogStart != 1 || f.HighWatermark != 5 || f.LastStable != 5 {
			t.Errorf("fetch from %d: log start %d, last stable %d, high watermark %d", c.from, f.LogStart, f.LastStable, f.HighWatermark)
		}
	}
}

// L7 The first batch comes even if it is larger than max.bytes, so that a consumer always moves on (KIP-74).
func TestL7_FirstBatchComesWhateverItsSize(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	for range 3 {
		mustAppend(t, l, rec("a", "value"))
	}
	size := allBatches(t, l)[0].Size()
	for maxBytes, want := range map[int]int{0: 1, size: 1, 2*size - 1: 1, 2 * size: 2, 1 << 20: 3} {
		if f, err := l.Fetch(0, maxBytes, false); err != nil || len(f.Batches) != want {
			t.Errorf("at most %d bytes: %d batches, %v; want %d", maxBytes, len(f.Batches), err, want)
		}
	}
}

// L9 A batch larger than max.message.bytes is MESSAGE_TOO_LARGE; its size as sent counts, compressed if it is.
func TestL9_SizeOfABatchIsBounded(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	big := kafka.Record{Timestamp: now, Value: make([]byte, 1<<20)}
	_, err := l.Append(now, batch.FromRecords([]kafka.Record{big}))
	wantCode(t, err, kafka.MessageTooLarge)
	if !strings.Contains(err.Error(), "1048588") {
		t.Errorf("the error does not name the limit: %v", err)
	}
	if _, err := l.Append(now, batch.FromRecords([]kafka.Record{big}, batch.WithCodec(batch.Zstd))); err != nil {
		t.Errorf("compressed it is small: %v", err)
	}
}

// L9 With a compression.type of its own the topic compresses again, and that size counts, too.
func TestL9_CompressionTypeOfTheTopic(t *testing.T) {
	cfg := plog.DefaultConfig()
	cfg.Recompress, cfg.Compression = true, batch.Gzip
	l := plog.New(cfg)
	mustAppend(t, l, kafka.Record{Timestamp: now, Value: make([]byte, 10_000)})
	if b := allBatches(t, l)[0]; b.Codec() != batch.Gzip || b.Size() > 1000 {
		t.Errorf("stored as %s in %d bytes", b.Codec(), b.Size())
	}
	if got := read(t, l, 0, false); len(got[0].Value) != 10_000 {
		t.Errorf("read %d bytes", len(got[0].Value))
	}
	cfg.Compression = batch.None
	l = plog.New(cfg)
	_, err := l.Append(now, batch.FromRecords([]kafka.Record{{Timestamp: now, Value: make([]byte, 2<<20)}}, batch.WithCodec(batch.LZ4)))
	wantCode(t, err, kafka.MessageTooLarge)
}

// L12 OffsetForLeaderEpoch gives the largest epoch that is no larger than the one asked for, and where it ended.
func TestL12_EndOffsetsOfLeaderEpochs(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	mustAppend(t, l, rec("a", "0"))
	l.BeginEpoch(2)
	l.BeginEpoch(3) // epoch 2 wrote nothing
	mustAppend(t, l, rec("b", "1"), rec("c", "2"))
	l.BeginEpoch(7)
	mustAppend(t, l, rec("d", "3"))
	ask := func(l *plog.Log) string {
		var got []string
		for _, epoch := range []kafka.Epoch{-1, 0, 1, 2, 3, 5, 7, 8} {
			found, end, ok := l.EndOffsetForEpoch(epoch)
			if !ok {
				got = append(got, fmt.Sprintf("%d unknown", epoch))
				continue
			}
			got = append(got, fmt.Sprintf("%d:%d@%d", epoch, found, end))
		}
		return strings.Join(got, " ")
	}
	if got, want := ask(l), "-1 unknown 0:0@1 1:0@1 2:0@1 3:3@3 5:3@3 7:7@4 8 unknown"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for offset, want := range []kafka.Epoch{0, 3, 3, 7} {
		if got := l.EpochAt(kafka.Offset(offset)); got != want {
			t.Errorf("offset %d has epoch %d, want %d", offset, got, want)
		}
	}
	// What lies below the log start is forgotten; the epoch that the start is in begins there.
	if _, err := l.DeleteRecords(2); err != nil {
		t.Fatal(err)
	}
	if got, want := ask(l), "-1 unknown 0:0@2 1:1@2 2:2@2 3:3@3 5:3@3 7:7@4 8 unknown"; got != want {
		t.Errorf("after DeleteRecords\ngot  %s\nwant %s", got, want)
	}
	l.TruncateTo(3)
	if got, want := ask(l), "-1 unknown 0:0@2 1:1@2 2:2@2 3:3@3 5 unknown 7 unknown 8 unknown"; got != want {
		t.Errorf("after truncation\ngot  %s\nwant %s", got, want)
	}
}
