package cluster_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// inBothWays runs a test with the coordinators' records in their topics, and aside.
func inBothWays(t *testing.T, test func(t *testing.T, w *world)) {
	for _, retain := range []bool{true, false} {
		t.Run(fmt.Sprintf("retained=%v", retain), func(t *testing.T) {
			test(t, newWorld(t, func(s *cluster.Settings) {
				s.Brokers, s.RetainState, s.DefaultReplication = 3, retain, 3
				s.Group.InitialRebalanceDelay = 0
			}))
		})
	}
}

func groupAsk[R any](w *world, id string, cmd group.Command) R {
	w.t.Helper()
	w.c.GroupStep(w.now, id, cmd)
	return answer[R](w)
}

// member joins and syncs as the only member of a group, and returns its id.
func (w *world) member(id string) (memberID string, generation int32) {
	w.t.Helper()
	join := groupAsk[group.JoinResponse](w, id, group.Join{
		Tag: 1, ClientID: "c", ClientHost: "/127.0.0.1", ProtocolType: "consumer", SessionTimeout: 10_000, RebalanceTimeout: 60_000,
		Protocols: []group.Protocol{{Name: "range", Metadata: []byte("m")}},
	})
	if join.Err != kafka.None {
		w.t.Fatalf("join: %v", join.Err)
	}
	sync := groupAsk[group.SyncResponse](w, id, group.Sync{
		Tag: 1, MemberID: join.MemberID, Generation: join.Generation,
		Assignments: []group.MemberAssignment{{MemberID: join.MemberID, Assignment: []byte("all")}},
	})
	if sync.Err != kafka.None {
		w.t.Fatalf("sync: %v", sync.Err)
	}
	return join.MemberID, join.Generation
}

func (w *world) commit(id, memberID string, generation int32, offset kafka.Offset) kafka.ErrorCode {
	w.t.Helper()
	return groupAsk[group.CommitResponse](w, id, group.Commit{
		Tag: 1, MemberID: memberID, Generation: generation,
		Offsets: []group.OffsetCommit{{TP: w.p.TP, Offset: offset, LeaderEpoch: -1, Metadata: "here"}},
	}).Err
}

func TestAGroupIsTheSameAfterItsCoordinatorWentDown(t *testing.T) {
	inBothWays(t, func(t *testing.T, w *world) {
		memberID, generation := w.member("g")
		for o := range kafka.Offset(100) {
			if err := w.commit("g", memberID, generation, o); err != kafka.None {
				t.Fatal(err)
			}
		}
		before, offsets := w.c.Group("g").Describe(), w.c.Group("g").Offsets()
		was := w.c.GroupCoordinator("g")
		must(t, w.c.BrokerDown(w.now, was))
		if is := w.c.GroupCoordinator("g"); is == was || is == cluster.NoLeader {
			t.Fatalf("the coordinator is %d, and was %d", is, was)
		}
		if diff := cmp.Diff(before, w.c.Group("g").Describe()); diff != "" {
			t.Errorf("group (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(offsets, w.c.Group("g").Offsets()); diff != "" {
			t.Errorf("offsets (-before +after):\n%s", diff)
		}
		w.now += 5000
		if r := groupAsk[group.HeartbeatResponse](w, "g", group.Heartbeat{Tag: 1, MemberID: memberID, Generation: generation}); r.Err != kafka.None {
			t.Errorf("heartbeat: %v", r.Err)
		}
		if err := w.commit("g", memberID, generation, 500); err != kafka.None {
			t.Errorf("commit: %v", err)
		}
		w.now += 10_001
		w.c.Fire(w.now)
		if s := w.c.Group("g").State(); s != group.Empty {
			t.Errorf("after the session time-out the group is %s, want Empty", s)
		}
	})
}

func TestG15_WithoutACoordinator(t *testing.T) {
	inBothWays(t, func(t *testing.T, w *world) {
		memberID, generation := w.member("g")
		for id := range int32(3) {
			must(t, w.c.BrokerDown(w.now, id+1))
		}
		if id := w.c.GroupCoordinator("g"); id != cluster.NoLeader {
			t.Errorf("the coordinator is %d, and all brokers are down", id)
		}
		if err := w.commit("g", memberID, generation, 7); err != kafka.NotCoordinator {
			t.Errorf("commit: %v, want NOT_COORDINATOR", err)
		}
		if r := ask[txn.InitProducerIDResponse](w, txn.InitProducerID{Tag: 1, Transactional: true, TransactionalID: "tx", Timeout: 1000}); r.Err != kafka.NotCoordinator {
			t.Errorf("InitProducerId: %v, want NOT_COORDINATOR", r.Err)
		}
		w.now += 60_000
		w.c.Fire(w.now) // nobody counts sessions meanwhile
		for id := range int32(3) {
			must(t, w.c.BrokerUp(w.now, id+1))
		}
		if err := w.commit("g", memberID, generation, 7); err != kafka.None {
			t.Errorf("commit once the brokers are back: %v", err)
		}
	})
}

func TestG15_WhoWaitsIsToldWhenTheCoordinatorGoes(t *testing.T) {
	inBothWays(t, func(t *testing.T, w *world) {
		w.member("g")
		join := group.Join{
			Tag: "second", ClientID: "c", ProtocolType: "consumer", SessionTimeout: 10_000, RebalanceTimeout: 60_000,
			Protocols: []group.Protocol{{Name: "range"}},
		}
		w.c.GroupStep(w.now, "g", join) // waits for the first to join again
		if r := w.c.Take(); len(r) != 0 {
			t.Fatalf("answered at once: %v", r)
		}
		must(t, w.c.BrokerDown(w.now, w.c.GroupCoordinator("g")))
		if r := answer[group.JoinResponse](w); r.Err != kafka.NotCoordinator {
			t.Errorf("the waiting join gets %v, want NOT_COORDINATOR", r.Err)
		}
		if d := w.c.Group("g").Describe(); d.State != group.Stable || len(d.Members) != 1 {
			t.Errorf("the group is %s with %d members, want Stable with the one that was recorded", d.State, len(d.Members))
		}
	})
}

func TestTransactionsGoOnAfterTheirCoordinatorWentDown(t *testing.T) {
	for _, commit := range []bool{true, false} {
		inBothWays(t, func(t *testing.T, w *world) {
			memberID, generation := w.member("g")
			if err := w.commit("g", memberID, generation, 1); err != kafka.None {
				t.Fatal(err)
			}
			p := w.init("tx")
			must(t, w.write("tx", p, 0, "a", true))
			w.c.TxnOffsetCommit(w.now, "g", "tx", group.TxnCommit{
				Tag: 1, Transaction: group.Transaction{ProducerID: p.ID, ProducerEpoch: p.Epoch}, MemberID: memberID, Generation: generation,
				Offsets: []group.OffsetCommit{{TP: w.p.TP, Offset: 9, LeaderEpoch: -1}},
			}, true)
			if r := answer[group.CommitResponse](w); r.Err != kafka.None {
				t.Fatal(r.Err)
			}
			before, pending := w.c.Transactions().Records(), w.c.Group("g").OpenTransactions()
			must(t, w.c.BrokerDown(w.now, w.c.TransactionCoordinator("tx")))
			if id := w.c.GroupCoordinator("g"); len(w.c.Brokers()) == 3 || id == cluster.NoLeader {
				t.Fatal("no broker went down")
			}
			if at := w.c.GroupCoordinator("g"); len(w.c.Brokers()) == 2 { // and the group's, unless it was the same
				must(t, w.c.BrokerDown(w.now, at))
			}
			if diff := cmp.Diff(before, w.c.Transactions().Records()); diff != "" {
				t.Errorf("transactions (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(pending, w.c.Group("g").OpenTransactions()); diff != "" {
				t.Errorf("open transactions of the group (-before +after):\n%s", diff)
			}
			if r := ask[txn.EndTxnResponse](w, txn.EndTxn{Tag: 1, TransactionalID: "tx", Producer: p, Commit: commit, V2: true}); r.Err != kafka.None {
				t.Fatal(r.Err)
			}
			wantRead, wantOffset := "", kafka.Offset(1)
			if commit {
				wantRead, wantOffset = "0=a ", 9
			}
			if got := w.read(true); got != wantRead {
				t.Errorf("read_committed sees %q, want %q", got, wantRead)
			}
			if got := w.c.Group("g").Offsets()[0].Offset; got != wantOffset {
				t.Errorf("the group's offset is %d, want %d", got, wantOffset)
			}
			must(t, w.c.BrokerUp(w.now, 1)) // replays the end, too
			must(t, w.c.BrokerUp(w.now, 2))
			must(t, w.c.BrokerUp(w.now, 3))
			must(t, w.c.BrokerDown(w.now, w.c.GroupCoordinator("g")))
			if got := w.c.Group("g").Offsets()[0].Offset; got != wantOffset {
				t.Errorf("after the next fail-over the group's offset is %d, want %d", got, wantOffset)
			}
		})
	}
}

func TestMarkersWaitForALeader(t *testing.T) {
	w := newWorld(t, func(s *cluster.Settings) { s.Brokers = 3 })
	p := w.init("tx")
	must(t, w.write("tx", p, 0, "a", true))
	down := w.p.Leader // of a topic with one replica
	must(t, w.c.BrokerDown(w.now, down))
	if r := ask[txn.EndTxnResponse](w, txn.EndTxn{Tag: 1, TransactionalID: "tx", Producer: p, Commit: true, V2: true}); r.Err != kafka.None {
		t.Fatal(r.Err)
	}
	d, _ := w.c.Transactions().Describe("tx")
	if d.State != txn.PrepareCommit {
		t.Errorf("without its marker the transaction is %s, want PrepareCommit", d.State)
	}
	must(t, w.c.BrokerUp(w.now, down))
	if d, _ := w.c.Transactions().Describe("tx"); d.State != txn.CompleteCommit {
		t.Errorf("the transaction is %s, want CompleteCommit", d.State)
	}
	if got := w.read(true); got != "0=a " {
		t.Errorf("read_committed sees %q, want 0=a", got)
	}
}

// An offset that is committed after a transaction sent its own is the newer one, also once the transaction commits and the
// records of the group are compacted.
func TestTheOrderOfOffsetsSurvivesAFailOver(t *testing.T) {
	inBothWays(t, func(t *testing.T, w *world) {
		memberID, generation := w.member("g")
		p := w.init("tx")
		send := func(partition int32, offset kafka.Offset) {
			t.Helper()
			w.c.TxnOffsetCommit(w.now, "g", "tx", group.TxnCommit{
				Tag: 1, Transaction: group.Transaction{ProducerID: p.ID, ProducerEpoch: p.Epoch}, MemberID: memberID, Generation: generation,
				Offsets: []group.OffsetCommit{{TP: kafka.TopicPartition{Topic: "t", Partition: partition}, Offset: offset, LeaderEpoch: -1}},
			}, true)
			if r := answer[group.CommitResponse](w); r.Err != kafka.None {
				t.Fatal(r.Err)
			}
		}
		send(0, 9)
		for o := range kafka.Offset(200) {
			if err := w.commit("g", memberID, generation, o); err != kafka.None {
				t.Fatal(err)
			}
		}
		send(1, 7)
		w.c.Snapshot() // compacts, with the transaction open
		if r := ask[txn.EndTxnResponse](w, txn.EndTxn{Tag: 1, TransactionalID: "tx", Producer: p, Commit: true, V2: true}); r.Err != kafka.None {
			t.Fatal(r.Err)
		}
		for range 2 {
			must(t, w.c.BrokerDown(w.now, w.c.GroupCoordinator("g")))
			var got []kafka.Offset
			for _, o := range w.c.Group("g").Offsets() {
				got = append(got, o.Offset)
			}
			if diff := cmp.Diff([]kafka.Offset{199, 7}, got); diff != "" {
				t.Errorf("offsets of t/0 and t/1 (-want +got):\n%s", diff)
			}
			w.c.Snapshot()
		}
	})
}
