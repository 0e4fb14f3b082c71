package cluster_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// world is a cluster with a topic of one partition, and a clock.
type world struct {
	t   testing.TB
	c   *cluster.Cluster
	p   *cluster.Partition
	now kafka.Millis
}

func newWorld(t testing.TB, change func(s *cluster.Settings)) *world {
	t.Helper()
	s := cluster.DefaultSettings()
	if change != nil {
		change(&s)
	}
	w := &world{t: t, c: cluster.New(s), now: 1_000_000}
	topic, err := w.c.CreateTopic(cluster.TopicSpec{Name: "t", Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.p = topic.Partitions[0]
	return w
}

// ask steps the transaction coordinator and returns its answer.
func ask[R any](w *world, cmd txn.Command) R {
	w.t.Helper()
	w.c.TxnStep(w.now, cmd)
	return answer[R](w)
}

func answer[R any](w *world) R {
	w.t.Helper()
	replies := w.c.Take()
	if len(replies) != 1 {
		w.t.Fatalf("%d replies, want one", len(replies))
	}
	return replies[0].Response.(R)
}

func (w *world) init(id string) txn.Producer {
	w.t.Helper()
	r := ask[txn.InitProducerIDResponse](w, txn.InitProducerID{Tag: 1, Transactional: true, TransactionalID: id, Timeout: 60_000})
	if r.Err != kafka.None {
		w.t.Fatalf("init %s: %v", id, r.Err)
	}
	return r.Producer
}

// write produces one record in the transaction of a producer.
func (w *world) write(id string, p txn.Producer, seq int32, value string, v2 bool) error {
	b := batch.FromRecords([]kafka.Record{{Timestamp: w.now, Value: []byte(value)}},
		batch.WithProducer(p.ID, kafka.Epoch(p.Epoch), seq), batch.Transactional())
	_, err := w.c.ProduceTransactional(w.now, w.p, b, id, v2)
	return err
}

func (w *world) read(committed bool) string {
	w.t.Helper()
	records, _, err := w.p.Log.ReadInto(nil, 0, 100, committed)
	if err != nil {
		w.t.Fatal(err)
	}
	s := ""
	for _, r := range records {
		s += fmt.Sprintf("%d=%s ", r.Offset, r.Value)
	}
	return s
}

func wantCode(t *testing.T, err error, want kafka.ErrorCode) {
	t.Helper()
	var code kafka.ErrorCode
	if !errors.As(err, &code) || code != want {
		t.Errorf("error is %v, want %s", err, want.Name())
	}
}

func TestX4_ProduceToAPartitionThatWasNotAdded(t *testing.T) {
	w := newWorld(t, nil)
	p := w.init("tx")
	wantCode(t, w.write("tx", p, 0, "a", false), kafka.InvalidTxnState)
	if w.p.Log.LogEnd() != 0 {
		t.Error("the refused record is in the log")
	}
}

func TestX3_ReadCommittedSeesWhatWasCommitted(t *testing.T) {
	for _, v2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v2=%v", v2), func(t *testing.T) {
			w := newWorld(t, nil)
			p := w.init("tx")
			for i, end := range []struct {
				commit bool
				value  string
			}{{true, "kept"}, {false, "dropped"}, {true, "last"}} {
				if !v2 {
					r := ask[txn.AddPartitionsResponse](w, txn.AddPartitions{Tag: 1, TransactionalID: "tx", Producer: p, Partitions: []kafka.TopicPartition{w.p.TP}})
					if r.Partitions[0].Err != kafka.None {
						t.Fatal(r.Partitions[0].Err)
					}
				}
				seq := int32(i)
				if v2 {
					seq = 0 // each transaction has an epoch of its own
				}
				if err := w.write("tx", p, seq, end.value, v2); err != nil {
					t.Fatal(err)
				}
				if lso := w.p.Log.LastStable(); lso != kafka.Offset(2*i) {
					t.Errorf("the last stable offset behind an open transaction is %d, want %d", lso, 2*i)
				}
				r := ask[txn.EndTxnResponse](w, txn.EndTxn{Tag: 1, TransactionalID: "tx", Producer: p, Commit: end.commit, V2: v2})
				if r.Err != kafka.None {
					t.Fatal(r.Err)
				}
				if v2 {
					p = r.Producer
				}
			}
			if diff := cmp.Diff("0=kept 4=last ", w.read(true)); diff != "" {
				t.Errorf("read_committed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff("0=kept 2=dropped 4=last ", w.read(false)); diff != "" {
				t.Errorf("read_uncommitted, without the markers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestX1_NewProducerFencesTheOldOne(t *testing.T) {
	w := newWorld(t, nil)
	old := w.init("tx")
	if err := w.write("tx", old, 0, "a", true); err != nil {
		t.Fatal(err)
	}
	r := ask[txn.InitProducerIDResponse](w, txn.InitProducerID{Tag: 1, Transactional: true, TransactionalID: "tx", Timeout: 60_000})
	if r.Err != kafka.ConcurrentTransactions {
		t.Fatalf("the first answer is %v, want CONCURRENT_TRANSACTIONS while the open transaction is aborted", r.Err)
	}
	young := w.init("tx")
	if young.ID != old.ID || young.Epoch != old.Epoch+2 {
		t.Errorf("the new producer is %+v after %+v, want the epoch two higher", young, old)
	}
	wantCode(t, w.write("tx", old, 1, "zombie", true), kafka.InvalidProducerEpoch)
	if got := w.read(true); got != "" {
		t.Errorf("read_committed sees %q of the fenced producer", got)
	}
}

func TestX5_MarkersMayTakeTime(t *testing.T) {
	w := newWorld(t, func(s *cluster.Settings) { s.MarkerDelay = 20 })
	p := w.init("tx")
	if err := w.write("tx", p, 0, "a", true); err != nil {
		t.Fatal(err)
	}
	r := ask[txn.EndTxnResponse](w, txn.EndTxn{Tag: 1, TransactionalID: "tx", Producer: p, Commit: true, V2: true})
	if r.Err != kafka.None {
		t.Fatal(r.Err)
	}
	wantCode(t, w.write("tx", r.Producer, 0, "b", true), kafka.ConcurrentTransactions)
	w.now += 20
	w.c.Fire(w.now)
	if err := w.write("tx", r.Producer, 0, "b", true); err != nil {
		t.Errorf("after the markers are written: %v", err)
	}
}

func TestX6_TransactionThatTakesTooLongIsAborted(t *testing.T) {
	w := newWorld(t, nil)
	p := w.init("tx")
	if err := w.write("tx", p, 0, "a", true); err != nil {
		t.Fatal(err)
	}
	for at, ok := w.c.NextTimer(); ok && at <= w.now+80_000; at, ok = w.c.NextTimer() {
		w.c.Fire(at)
	}
	if lso := w.p.Log.LastStable(); lso != 2 {
		t.Errorf("the last stable offset is %d, want 2: the record and its abort marker", lso)
	}
	wantCode(t, w.write("tx", p, 1, "late", true), kafka.InvalidProducerEpoch)
}

func TestX7_OffsetsOfATransactionAreSeenWhenItCommits(t *testing.T) {
	for _, commit := range []bool{true, false} {
		w := newWorld(t, nil)
		p := w.init("tx")
		w.c.TxnOffsetCommit(w.now, "g", "tx", group.TxnCommit{
			Tag: 1, Transaction: group.Transaction{ProducerID: p.ID, ProducerEpoch: p.Epoch}, Generation: -1,
			Offsets: []group.OffsetCommit{{TP: w.p.TP, Offset: 7}},
		}, true)
		if r := answer[group.CommitResponse](w); r.Err != kafka.None {
			t.Fatal(r.Err)
		}
		fetched := func() kafka.Offset {
			w.c.GroupStep(w.now, "g", group.FetchOffsets{Tag: 1, Partitions: []kafka.TopicPartition{w.p.TP}})
			return answer[group.FetchOffsetsResponse](w).Offsets[0].Offset
		}
		if o := fetched(); o != kafka.NoOffset {
			t.Errorf("an open transaction shows offset %d", o)
		}
		r := ask[txn.EndTxnResponse](w, txn.EndTxn{Tag: 1, TransactionalID: "tx", Producer: p, Commit: commit, V2: true})
		if r.Err != kafka.None {
			t.Fatal(r.Err)
		}
		want := kafka.NoOffset
		if commit {
			want = 7
		}
		if o := fetched(); o != want {
			t.Errorf("after the end (commit %v) the offset is %d, want %d", commit, o, want)
		}
	}
}
