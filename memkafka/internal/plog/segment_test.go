package plog_test

import (
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// R1 segment.jitter.ms lets a segment roll earlier, by an amount that the owner's chance decides.
func TestR1_JitterRollsEarlier(t *testing.T) {
	cfg := plog.DefaultConfig()
	cfg.SegmentMs, cfg.SegmentJitterMs = 1000, 400
	asked := 0
	cfg.Jitter = func(limitMs int64) int64 {
		asked++
		if limitMs != 400 {
			t.Errorf("asked for less than %d ms, want 400", limitMs)
		}
		return 300
	}
	l := plog.New(cfg)
	mustAppend(t, l, at(0, "a"))
	mustAppend(t, l, at(700, "b"))
	mustAppend(t, l, at(701, "c"))
	if s := l.Segments(); len(s) != 2 || s[1].Base != 2 || asked != 2 {
		t.Errorf("segments %+v after %d draws, want the second to begin at 2", s, asked)
	}
}

// R1 Offsets in a segment fit into 31 bits.
func TestR1_OffsetsTooFarApartRoll(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	mustAppend(t, l, rec("a", "0"))
	for i, base := range []kafka.Offset{1<<31 - 1, 1 << 31} {
		b := batch.FromRecords([]kafka.Record{rec("b", "1")})
		b.Place(base, 0)
		if err := l.AppendReplica(now, b); err != nil {
			t.Fatal(err)
		}
		if got := len(l.Segments()); got != i+1 {
			t.Errorf("offset %d is in segment %d", base, got)
		}
	}
}

// R3 Retention never reaches past the high watermark.
func TestR3_RetentionStopsAtTheHighWatermark(t *testing.T) {
	cfg := plog.DefaultConfig()
	cfg.RetentionMs, cfg.RetentionBytes = 1, 1
	l := plog.New(cfg)
	l.HoldHighWatermark(true)
	for range 3 {
		mustAppend(t, l, at(0, "a"))
		l.Roll(now)
	}
	for high, want := range map[kafka.Offset]kafka.Offset{0: 0, 1: 1, 2: 2, 3: 3} {
		restored, err := plog.Restore(cfg, l.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		restored.SetHighWatermark(high)
		restored.Retain(now)
		if got := restored.LogStart(); got != want {
			t.Errorf("high watermark %d: log start %d, want %d", high, got, want)
		}
	}
}

// Settings that change hold from then on; what is in the log stays.
func TestSettingsMayChange(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	mustAppend(t, l, kafka.Record{Timestamp: now, Value: []byte("no key")})
	cfg := l.Config()
	cfg.Compact, cfg.Delete = true, false
	l.SetConfig(cfg)
	mustAppend(t, l, rec("a", "1"))
	_, err := l.Append(now, batch.FromRecords([]kafka.Record{{Timestamp: now}}))
	wantCode(t, err, kafka.InvalidRecord)
	wantOffsets(t, read(t, l, 0, false), 0, 1)
	// The cleaner has no use for a record without a key.
	l.Roll(now)
	l.Clean(now)
	wantOffsets(t, read(t, l, 0, false), 1)
}
