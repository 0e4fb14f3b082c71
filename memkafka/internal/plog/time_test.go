package plog_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// T1 CreateTime keeps the producer's timestamps; LogAppendTime puts the broker's over them, and says so in the answer.
func TestT1_WhoseClock(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	if got := mustAppend(t, l, at(now-5, "a")); got.LogAppendTime != kafka.NoTimestamp {
		t.Errorf("CreateTime answers with time %d", got.LogAppendTime)
	}
	if got := read(t, l, 0, false)[0].Timestamp; got != now-5 {
		t.Errorf("CreateTime stores %d", got)
	}
	cfg := plog.DefaultConfig()
	cfg.TimestampType = batch.LogAppendTime
	l = plog.New(cfg)
	if got := mustAppend(t, l, at(now-5, "a"), at(kafka.NoTimestamp, "b")); got.LogAppendTime != now {
		t.Errorf("LogAppendTime answers with time %d", got.LogAppendTime)
	}
	for _, r := range read(t, l, 0, false) {
		if r.Timestamp != now {
			t.Errorf("LogAppendTime stores %d", r.Timestamp)
		}
	}
}

// T1 A producer that claims LogAppendTime is not believed. On a topic with CreateTime its largest timestamp counted for
// all its records; after the append each has its own.
func TestT1_ProducersDoNotSetLogAppendTime(t *testing.T) {
	claim := func() *batch.Batch {
		b := batch.FromRecords([]kafka.Record{at(now-9, "a")})
		b.StampLogAppendTime(now - 1)
		return b
	}
	cfg := plog.DefaultConfig()
	cfg.TimestampType = batch.LogAppendTime
	_, err := plog.New(cfg).Append(now, claim())
	wantCode(t, err, kafka.InvalidTimestamp)

	l := plog.New(plog.DefaultConfig())
	if _, err := l.Append(now, claim()); err != nil {
		t.Fatal(err)
	}
	if b := allBatches(t, l)[0]; b.TimestampType() != batch.CreateTime {
		t.Error("the claim was stored")
	}
}

// T2 More than an hour ahead is INVALID_TIMESTAMP (message.timestamp.after.max.ms); the past is unbounded unless
// message.timestamp.before.max.ms says so. No timestamp is always fine.
func TestT2_TimestampsOutOfBounds(t *testing.T) {
	past := plog.DefaultConfig()
	past.TimestampBeforeMs = 1000
	for _, c := range []struct {
		name string
		cfg  plog.Config
		ts   kafka.Millis
		want kafka.ErrorCode
	}{
		{"an hour ahead", plog.DefaultConfig(), now + 3_600_000, kafka.None},
		{"more than an hour ahead", plog.DefaultConfig(), now + 3_600_001, kafka.InvalidTimestamp},
		{"long past", plog.DefaultConfig(), 0, kafka.None},
		{"as far back as allowed", past, now - 1000, kafka.None},
		{"too far back", past, now - 1001, kafka.InvalidTimestamp},
		{"none", past, kafka.NoTimestamp, kafka.None},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := plog.New(c.cfg).Append(now, batch.FromRecords([]kafka.Record{at(now, "fine"), at(c.ts, "x")}))
			if got := plog.CodeOf(err); got != c.want {
				t.Fatalf("error %v, want %s", err, c.want.Name())
			}
			var e *plog.Error
			if errors.As(err, &e) && (len(e.Records) != 1 || e.Records[0].Index != 1) {
				t.Errorf("records at fault: %v, want number 1 alone", e.Records)
			}
		})
	}
}

// T3 -3 finds the record with the largest timestamp, the exact record and not its batch (KIP-734).
func TestT3_OffsetOfMaxTimestamp(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	if _, _, ok := l.OffsetOfMaxTimestamp(); ok {
		t.Error("an empty log has a record")
	}
	mustAppend(t, l, at(10, "a"), at(90, "b"), at(90, "c"))
	l.Roll(now)
	mustAppend(t, l, at(90, "d"), at(20, "e"))
	if o, ts, ok := l.OffsetOfMaxTimestamp(); !ok || o != 1 || ts != 90 {
		t.Errorf("offset %d, timestamp %d, %t; want 1, 90", o, ts, ok)
	}
	mustAppend(t, l, at(91, "f"))
	if o, ts, ok := l.OffsetOfMaxTimestamp(); !ok || o != 5 || ts != 91 {
		t.Errorf("offset %d, timestamp %d, %t; want 5, 91", o, ts, ok)
	}
}

// T3 The lookup is quick in a segment of many batches, and right at every one of them.
func TestT3_LookupAmongManyBatches(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	const n = 200
	for i := range n {
		mustAppend(t, l, at(kafka.Millis(1000+10*i), "k"))
	}
	for i := range n {
		for _, ts := range []int{1000 + 10*i, 991 + 10*i} {
			if o, got, ok := l.OffsetForTime(kafka.Millis(ts)); !ok || o != kafka.Offset(i) || got != kafka.Millis(1000+10*i) {
				t.Fatalf("time %d: offset %d, timestamp %d, %t; want %d", ts, o, got, ok, i)
			}
		}
	}
	if _, _, ok := l.OffsetForTime(math.MaxInt64); ok {
		t.Error("found a record at the end of time")
	}
}

// C7 Records without a key are refused on compacted topics, each of them named.
func TestC7_CompactedTopicsNeedKeys(t *testing.T) {
	cfg := plog.DefaultConfig()
	cfg.Compact = true
	l := plog.New(cfg)
	_, err := l.Append(now, batch.FromRecords([]kafka.Record{
		{Timestamp: now, Value: []byte("no key")},
		rec("k", "v"),
		{Timestamp: now, Key: []byte{}, Value: []byte("an empty key is a key")},
		{Timestamp: now},
	}))
	wantCode(t, err, kafka.InvalidRecord)
	var e *plog.Error
	if !errors.As(err, &e) || len(e.Records) != 2 || e.Records[0].Index != 0 || e.Records[1].Index != 3 ||
		!strings.Contains(e.Records[0].Detail, "without key") {
		t.Errorf("records at fault: %+v", e)
	}
}
