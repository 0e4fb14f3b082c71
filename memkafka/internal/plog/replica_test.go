package plog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/histories"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
)

// A follower that takes a leader's batches is the same log. One that is cut back to an offset is the log that never got
// further: in offsets, epochs, producers, transactions and segments.
func TestTruncatedLogIsTheLogThatNeverGotFurther(t *testing.T) {
	cfg := plog.DefaultConfig()
	cfg.SegmentBytes = 400
	histories.Check(t, func(t *rapid.T) {
		leader := plog.New(cfg)
		writeHistory(t, leader)
		batches := allBatchesOf(t, leader)

		follower := plog.New(cfg)
		for _, b := range batches {
			if err := follower.AppendReplica(now, b); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(leader.Snapshot(), follower.Snapshot()); diff != "" {
			t.Fatalf("follower differs from its leader (-leader +follower):\n%s", diff)
		}

		n := rapid.IntRange(0, len(batches)).Draw(t, "batches kept")
		end := kafka.Offset(0)
		short := plog.New(cfg)
		for _, b := range batches[:n] {
			if err := short.AppendReplica(now, b); err != nil {
				t.Fatal(err)
			}
			end = b.NextOffset()
		}
		follower.TruncateTo(end)
		want, got := short.Snapshot(), follower.Snapshot()
		if end == 0 && len(batches) > 0 {
			want.Epochs = nil // a log that is cut back to nothing knows of no leader; a new one is in epoch 0
		}
		written := cmpopts.IgnoreFields(plog.SegmentSnapshot{}, "Created", "LastModified")
		if diff := cmp.Diff(want, got, written, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("cut back to %d (-never further +cut back):\n%s", end, diff)
		}
		// Both go on in the same way.
		for _, b := range batches[n:] {
			if err := follower.AppendReplica(now, b); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(leader.Snapshot(), follower.Snapshot(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("caught up again (-leader +follower):\n%s", diff)
		}
	})
}

func allBatchesOf(t *rapid.T, l *plog.Log) []*batch.Batch {
	var all []*batch.Batch
	for from := l.LogStart(); from < l.HighWatermark(); from = all[len(all)-1].NextOffset() {
		f, err := l.Fetch(from, 1<<20, false)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Batches...)
	}
	return all
}

// writeHistory writes batches of three producers, transactions and epochs of leaders into l.
func writeHistory(t *rapid.T, l *plog.Log) {
	type producer struct {
		epoch kafka.Epoch
		next  int32
		open  bool
	}
	var producers [3]producer
	for range rapid.IntRange(0, 20).Draw(t, "steps") {
		id := rapid.IntRange(0, 2).Draw(t, "producer")
		p := &producers[id]
		switch rapid.SampledFrom([]string{"plain", "data", "txn", "txn", "end", "end", "leader"}).Draw(t, "step") {
		case "plain":
			appendTo(t, l, batch.FromRecords([]kafka.Record{rec("a", "1"), rec("b", "2")}))
		case "data", "txn":
			opts := []batch.Option{batch.WithProducer(int64(id), p.epoch, p.next)}
			if p.open = p.open || rapid.Bool().Draw(t, "transactional"); p.open {
				opts = append(opts, batch.Transactional())
			}
			appendTo(t, l, batch.FromRecords([]kafka.Record{rec("c", "3")}, opts...))
			p.next++
		case "end":
			if rapid.Bool().Draw(t, "fence") {
				p.epoch, p.next = p.epoch+1, 0
			}
			_, err := l.AppendMarker(now, plog.Marker{
				ProducerID:    int64(id),
				ProducerEpoch: p.epoch,
				Marker:        batch.Marker{Commit: rapid.Bool().Draw(t, "commit")},
			})
			if err != nil {
				t.Fatal(err)
			}
			p.open = false
		case "leader":
			l.BeginEpoch(l.LeaderEpoch() + 1)
			appendTo(t, l, batch.FromRecords([]kafka.Record{rec("d", "4")}))
		}
	}
}

func appendTo(t *rapid.T, l *plog.Log, b *batch.Batch) {
	if _, err := l.Append(now, b); err != nil {
		t.Fatal(err)
	}
}

func TestReplicaRefusesWhatItHas(t *testing.T) {
	leader, follower := plog.New(plog.DefaultConfig()), plog.New(plog.DefaultConfig())
	mustAppend(t, leader, rec("a", "1"))
	b := allBatches(t, leader)[0]
	if err := follower.AppendReplica(now, b); err != nil {
		t.Fatal(err)
	}
	wantCode(t, follower.AppendReplica(now, b), kafka.OffsetOutOfRange)
}

// A batch that the end lies in goes as a whole, yet the log ends there.
func TestTruncationInsideABatch(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	mustAppend(t, l, rec("a", "0"))
	mustAppend(t, l, rec("b", "1"), rec("c", "2"), rec("d", "3"))
	l.TruncateTo(2)
	if l.LogEnd() != 2 || l.HighWatermark() != 2 {
		t.Errorf("log end %d, high watermark %d, want 2", l.LogEnd(), l.HighWatermark())
	}
	wantOffsets(t, read(t, l, 0, false), 0)
	if got := mustAppend(t, l, rec("e", "2")); got.Base != 2 {
		t.Errorf("goes on at %d", got.Base)
	}
	wantOffsets(t, read(t, l, 1, false), 2)
	l.TruncateTo(9)
	if l.LogEnd() != 3 {
		t.Errorf("truncation past the end moved it to %d", l.LogEnd())
	}
}

func TestTruncationBelowTheLogStart(t *testing.T) {
	l := plog.New(plog.DefaultConfig())
	mustAppend(t, l, rec("a", "0"), rec("b", "1"))
	l.Roll(now)
	mustAppend(t, l, rec("c", "2"))
	if _, err := l.DeleteRecords(3); err != nil {
		t.Fatal(err)
	}
	l.Retain(now)
	l.TruncateTo(1)
	if l.LogStart() != 1 || l.LogEnd() != 1 {
		t.Errorf("log start %d, log end %d, want 1, 1", l.LogStart(), l.LogEnd())
	}
	mustAppend(t, l, rec("d", "1"))
	wantOffsets(t, read(t, l, 1, false), 1)
}
