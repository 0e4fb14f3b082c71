package cluster_test

import (
	"fmt"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// TestGroupsThatAreDeadAreForgotten asks about many groups that there are not, and creates and deletes as many: a cluster
// remembers none of them.
func TestGroupsThatAreDeadAreForgotten(t *testing.T) {
	inBothWays(t, func(t *testing.T, w *world) {
		for i := range 100 {
			id := fmt.Sprint("g", i)
			groupAsk[group.FetchOffsetsResponse](w, id, group.FetchOffsets{Tag: 1})
			groupAsk[group.HeartbeatResponse](w, id, group.Heartbeat{Tag: 1, MemberID: "m"})
			if w.c.Group(id) != nil {
				t.Fatalf("%s is there because somebody asked for it", id)
			}
			memberID, generation := w.member(id)
			if err := w.commit(id, memberID, generation, 1); err != kafka.None {
				t.Fatal(err)
			}
			groupAsk[group.LeaveResponse](w, id, group.Leave{Tag: 1, Members: []group.LeavingMember{{MemberID: memberID}}})
			if r := groupAsk[group.DeleteResponse](w, id, group.Delete{Tag: 1}); r.Err != kafka.None {
				t.Fatal(r.Err)
			}
			if w.c.Group(id) != nil {
				t.Fatalf("%s is there though it was deleted", id)
			}
		}
		if n := len(w.c.Snapshot().Groups); n != 0 {
			t.Errorf("a snapshot has records of %d groups, want none", n)
		}
	})
}

// TestTransactionEndsThoughTopicIsGone deletes a topic while a marker waits for a leader of its partition.
func TestTransactionEndsThoughTopicIsGone(t *testing.T) {
	inBothWays(t, func(t *testing.T, w *world) {
		if _, err := w.c.CreateTopic(cluster.TopicSpec{Name: "alone", Partitions: 3, Replication: 1}); err != nil {
			t.Fatal(err)
		}
		coordinator := w.c.TransactionCoordinator("x")
		var alone kafka.TopicPartition
		for _, p := range w.c.Topic("alone").Partitions {
			if p.Leader != coordinator {
				alone = p.TP
			}
		}
		p := w.init("x")
		add := txn.AddPartitions{Tag: 1, TransactionalID: "x", Producer: p, Partitions: []kafka.TopicPartition{alone}}
		if r := ask[txn.AddPartitionsResponse](w, add); r.Partitions[0].Err != kafka.None {
			t.Fatal(r.Partitions[0].Err)
		}
		if err := w.c.BrokerDown(w.now, w.c.Partition("alone", alone.Partition).Leader); err != nil {
			t.Fatal(err)
		}
		if r := ask[txn.EndTxnResponse](w, txn.EndTxn{Tag: 1, TransactionalID: "x", Producer: p, Commit: true}); r.Err != kafka.None {
			t.Fatal(r.Err)
		}
		if d, _ := w.c.Transactions().Describe("x"); d.State != txn.PrepareCommit {
			t.Fatalf("the transaction is %s while its marker waits", d.State)
		}
		if err := w.c.DeleteTopic(w.now, "alone"); err != nil {
			t.Fatal(err)
		}
		if d, _ := w.c.Transactions().Describe("x"); d.State != txn.CompleteCommit {
			t.Errorf("the transaction is %s after its topic is gone, want CompleteCommit", d.State)
		}
	})
}
