package plog_test

import (
	"errors"
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
