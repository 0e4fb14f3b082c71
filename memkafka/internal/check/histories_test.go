package check_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/histories"
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/check"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// run is one random history: a cluster of three brokers, producers, members of groups, and an operator.
type run struct {
	t   *rapid.T
	c   *cluster.Cluster
	k   *check.Checker
	now kafka.Millis

	waiting   []appended // acks=all that is not answered yet
	sequences map[string]int32

	members map[string]map[string]*member // by group and member id
	tags    int
	asked   map[int]func(response any)

	producer txn.Producer // of the transactional id tx
}

// appended is a record that a producer waits for.
type appended struct {
	p      *cluster.Partition
	record kafka.Record
	epoch  kafka.Epoch
}

// member is one member of a group, as its client knows it.
type member struct {
	id         string
	generation int32
	epoch      int32 // KIP-848
	owned      []group.TopicPartitions
}

var topics = []string{"plain", "compacted", "single"}

func newRun(t *rapid.T) *run {
	s := cluster.DefaultSettings()
	s.Brokers = 3
	s.Seed = rapid.Uint64().Draw(t, "seed")
	s.RetainState = rapid.Bool().Draw(t, "records in topics")
	s.OffsetsTopicPartitions, s.TransactionTopicPartitions = 3, 3
	s.Group.InitialRebalanceDelay = 0
	s.MarkerDelay = kafka.Millis(rapid.SampledFrom([]int64{0, 50}).Draw(t, "marker delay"))
	r := &run{
		t: t, c: cluster.New(s), k: check.New(), now: 1_000_000_000,
		sequences: map[string]int32{}, members: map[string]map[string]*member{}, asked: map[int]func(any){},
	}
	for _, spec := range []cluster.TopicSpec{
		{Name: "plain", Partitions: 2, Replication: 3, Configs: map[string]string{"segment.ms": "60000", "retention.ms": "600000"}},
		{Name: "compacted", Partitions: 2, Replication: 3, Configs: map[string]string{
			"cleanup.policy": "compact", "segment.ms": "20000", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "60000", "min.insync.replicas": "2",
		}},
		{Name: "single", Partitions: 2, Replication: 1},
	} {
		if _, err := r.c.CreateTopic(spec); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *run) partition() *cluster.Partition {
	return r.c.Partition(rapid.SampledFrom(topics).Draw(r.t, "topic"), rapid.Int32Range(0, 1).Draw(r.t, "partition"))
}

// step lets time pass, does one thing, and answers who waits.
func (r *run) step(do func()) {
	r.now += kafka.Millis(rapid.SampledFrom([]int64{0, 0, 0, 1, 1, 100, 100, 3_000, 7_000, 40_000, 400_000}).Draw(r.t, "time"))
	r.c.Fire(r.now)
	r.take()
	r.must(r.k.Check(r.c)) // a group that is gone may be there again after the next step
	do()
	r.take()
	r.acknowledge()
}

func (r *run) take() {
	for {
		replies := slices.Clone(r.c.Take())
		if len(replies) == 0 {
			return
		}
		for _, a := range replies {
			hear := r.asked[a.Tag.(int)]
			if hear == nil {
				r.t.Fatalf("%T answers what was answered, or never asked", a.Response)
			}
			delete(r.asked, a.Tag.(int))
			hear(a.Response)
		}
	}
}

func (r *run) tag(hear func(response any)) int {
	r.tags++
	r.asked[r.tags] = hear
	return r.tags
}

func (r *run) acknowledge() {
	var waiting []appended
	for _, a := range r.waiting {
		done, err := r.c.Replicated(a.p, a.record.Offset, a.epoch)
		switch {
		case err != nil: // the producer is told that it may be lost
		case done:
			r.k.Acknowledged(r.c.Topic(a.p.TP.Topic), a.p.TP, a.record)
		default:
			waiting = append(waiting, a)
		}
	}
	r.waiting = waiting
}

func (r *run) record() kafka.Record {
	v := []byte(fmt.Sprint(rapid.IntRange(0, 99).Draw(r.t, "value")))
	if rapid.IntRange(0, 5).Draw(r.t, "tombstone") == 0 {
		v = nil
	}
	return kafka.Record{Timestamp: r.now, Key: []byte(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r.t, "key")), Value: v}
}

func (r *run) Produce(*rapid.T) {
	r.step(func() {
		p, acks := r.partition(), rapid.SampledFrom([]int16{-1, -1, 1}).Draw(r.t, "acks")
		if err := r.c.CheckProduce(p, acks); err != nil {
			if p.Leader != cluster.NoLeader && !errors.Is(err, kafka.NotEnoughReplicas) {
				r.t.Fatalf("%s refuses: %v", p.TP, err)
			}
			return
		}
		record := r.record()
		a, err := r.c.Produce(r.now, p, batch.FromRecords([]kafka.Record{record}))
		if err != nil {
			r.t.Fatalf("%s: %v", p.TP, err)
		}
		if record.Offset = a.Base; acks == -1 {
			r.waiting = append(r.waiting, appended{p, record, p.LeaderEpoch})
		}
	})
}

func (r *run) BrokerDown(*rapid.T) {
	r.step(func() { r.must(r.c.BrokerDown(r.now, rapid.Int32Range(1, 3).Draw(r.t, "broker"))) })
}

func (r *run) BrokerUp(*rapid.T) {
	r.step(func() {
		for id := range int32(3) {
			if !r.c.Alive(id + 1) {
				r.must(r.c.BrokerUp(r.now, id+1))
				return
			}
		}
	})
}

func (r *run) MoveLeader(*rapid.T) {
	r.step(func() {
		p := r.partition()
		if err := r.c.MoveLeader(r.now, p.TP, 0); err != nil && !errors.Is(err, kafka.EligibleLeadersNotAvailable) {
			r.t.Fatal(err)
		}
	})
}

func (r *run) Reassign(*rapid.T) {
	r.step(func() {
		p := r.partition()
		to := rapid.Permutation([]int32{1, 2, 3}).Draw(r.t, "brokers")[:rapid.IntRange(1, 3).Draw(r.t, "replicas")]
		if err := r.c.Reassign(r.now, p.TP, to, true); err != nil && !errors.Is(err, kafka.InvalidReplicaAssignment) {
			r.t.Fatal(err)
		}
	})
}

func (r *run) HoldReplication(*rapid.T) {
	r.step(func() { r.must(r.c.HoldReplication(r.now, r.partition().TP, rapid.Bool().Draw(r.t, "on"))) })
}

func (r *run) DeleteRecords(*rapid.T) {
	r.step(func() {
		p := r.c.Partition("plain", rapid.Int32Range(0, 1).Draw(r.t, "partition"))
		before := kafka.Offset(rapid.Int64Range(int64(p.Log.LogStart()), int64(p.Log.HighWatermark())).Draw(r.t, "before"))
		if _, err := p.Log.DeleteRecords(before); err != nil {
			r.t.Fatal(err)
		}
	})
}

// SnapshotAndRestore goes on with a copy. Who waits for an answer waits in vain.
func (r *run) SnapshotAndRestore(*rapid.T) {
	r.step(func() {
		var file bytes.Buffer
		if _, err := r.c.Snapshot().WriteTo(&file); err != nil {
			r.t.Fatal(err)
		}
		s, err := cluster.ReadSnapshot(&file)
		if err != nil {
			r.t.Fatal(err)
		}
		c, err := cluster.Restore(r.now, s, s.Settings.Seed)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, id := range r.c.Groups() {
			have, restored := r.c.Group(id), c.Group(id)
			if restored == nil && len(have.Offsets()) > 0 {
				r.t.Fatalf("group %q is gone", id)
			}
			if restored != nil && !slices.Equal(have.Offsets(), restored.Offsets()) {
				r.t.Fatalf("group %q has offsets %v, restored %v", id, have.Offsets(), restored.Offsets())
			}
		}
		r.c, r.waiting = c, nil
		clear(r.asked)
	})
}

// Member lets a member of the classic group g join, sync, commit, send a heartbeat or leave.
func (r *run) Member(*rapid.T) {
	const id = "g"
	r.step(func() {
		ms := r.group(id)
		what := rapid.SampledFrom([]string{"join", "again", "beat", "beat", "commit", "commit", "commit", "leave"}).Draw(r.t, "what")
		var m *member
		if ids := slices.Sorted(maps.Keys(ms)); len(ids) > 0 && what != "join" {
			m = ms[rapid.SampledFrom(ids).Draw(r.t, "member")]
		} else if len(ids) > 3 || what != "join" {
			return
		}
		switch what {
		case "join":
			r.join(id, "")
		case "again":
			r.join(id, m.id)
		case "beat":
			r.c.GroupStep(r.now, id, group.Heartbeat{MemberID: m.id, Generation: m.generation, Tag: r.tag(func(v any) {
				r.lost(id, m.id, v.(group.HeartbeatResponse).Err)
			})})
		case "commit":
			tp, offset := kafka.TopicPartition{Topic: "plain"}, kafka.Offset(r.tags)
			r.c.GroupStep(r.now, id, group.Commit{
				MemberID: m.id, Generation: m.generation,
				Offsets: []group.OffsetCommit{{TP: tp, Offset: offset, LeaderEpoch: -1}},
				Tag: r.tag(func(v any) {
					if code := v.(group.CommitResponse).Err; code == kafka.None {
						r.k.Committed(id, tp, offset)
					} else {
						r.lost(id, m.id, code)
					}
				}),
			})
		case "leave":
			r.c.GroupStep(r.now, id, group.Leave{Members: []group.LeavingMember{{MemberID: m.id}}, Tag: r.tag(func(any) {})})
			delete(ms, m.id)
		}
	})
}

func (r *run) group(id string) map[string]*member {
	if r.members[id] == nil {
		r.members[id] = map[string]*member{}
	}
	return r.members[id]
}

// lost forgets a member that the coordinator does not know.
func (r *run) lost(id, memberID string, code kafka.ErrorCode) {
	switch code {
	case kafka.UnknownMemberID, kafka.FencedMemberEpoch:
		delete(r.group(id), memberID)
	}
}

func (r *run) join(id, memberID string) {
	r.c.GroupStep(r.now, id, group.Join{
		MemberID: memberID, ClientID: "c", RequireKnownMemberID: true, ProtocolType: "consumer",
		Protocols: []group.Protocol{{Name: "range"}}, SessionTimeout: 45_000, RebalanceTimeout: 30_000,
		Tag: r.tag(func(v any) {
			join := v.(group.JoinResponse)
			switch join.Err {
			case kafka.MemberIDRequired:
				r.group(id)[join.MemberID] = &member{id: join.MemberID}
				r.join(id, join.MemberID)
			case kafka.None:
				r.group(id)[join.MemberID] = &member{id: join.MemberID, generation: join.Generation}
				r.sync(id, join)
			default:
				r.lost(id, memberID, join.Err)
			}
		}),
	})
}

// sync gives, if the member leads, the four partitions to the members in turn.
func (r *run) sync(id string, join group.JoinResponse) {
	var assignments []group.MemberAssignment
	for i, m := range join.Members {
		b := []byte{0, 0, 0, 0, 0, 1, 0, 1, 't'}
		var mine []int32
		for p := range int32(4) {
			if int(p)%len(join.Members) == i {
				mine = append(mine, p)
			}
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(mine)))
		for _, p := range mine {
			b = binary.BigEndian.AppendUint32(b, uint32(p))
		}
		assignments = append(assignments, group.MemberAssignment{MemberID: m.MemberID, Assignment: append(b, 0xff, 0xff, 0xff, 0xff)})
	}
	r.c.GroupStep(r.now, id, group.Sync{
		MemberID: join.MemberID, Generation: join.Generation, Assignments: assignments,
		Tag: r.tag(func(v any) { r.lost(id, join.MemberID, v.(group.SyncResponse).Err) }),
	})
}

// ConsumerMember lets a member of the KIP-848 group h send a heartbeat, or leave.
func (r *run) ConsumerMember(*rapid.T) {
	const id = "h"
	r.step(func() {
		ms := r.group(id)
		name := fmt.Sprintf("member-%d", rapid.IntRange(1, 3).Draw(r.t, "member"))
		m := ms[name]
		beat := group.ConsumerHeartbeat{MemberID: name, ClientID: "c", RebalanceTimeout: 30_000}
		switch {
		case m == nil:
			beat.SubscribedTopics, beat.Owned = []string{"plain", "single"}, []group.TopicPartitions{}
		case rapid.IntRange(0, 9).Draw(r.t, "leave") == 0:
			beat.MemberEpoch = -1
			delete(ms, name)
		default:
			beat.MemberEpoch, beat.Owned = m.epoch, m.owned
		}
		beat.Tag = r.tag(func(v any) {
			h := v.(group.ConsumerHeartbeatResponse)
			if h.Err != kafka.None || beat.MemberEpoch < 0 {
				r.lost(id, name, h.Err)
				return
			}
			if ms[name] == nil {
				ms[name] = &member{id: name, owned: []group.TopicPartitions{}}
			}
			ms[name].epoch = h.MemberEpoch
			if h.Assigned != nil {
				ms[name].owned = h.Assigned
			}
		})
		r.c.GroupStep(r.now, id, beat)
	})
}

// Transaction lets the producer of the transactional id tx begin anew, write, commit offsets, or end its transaction.
func (r *run) Transaction(*rapid.T) {
	r.step(func() {
		switch what := rapid.SampledFrom([]string{"init", "write", "write", "offsets", "commit", "abort"}).Draw(r.t, "what"); {
		case what == "init" || r.producer == (txn.Producer{}):
			r.c.TxnStep(r.now, txn.InitProducerID{Transactional: true, TransactionalID: "tx", Timeout: 60_000, Tag: r.tag(func(v any) {
				if init := v.(txn.InitProducerIDResponse); init.Err == kafka.None {
					r.producer = init.Producer
					clear(r.sequences)
				}
			})})
		case what == "write":
			p := r.c.Partition("plain", rapid.Int32Range(0, 1).Draw(r.t, "partition"))
			b := batch.FromRecords([]kafka.Record{r.record()}, batch.WithProducer(r.producer.ID, kafka.Epoch(r.producer.Epoch), r.sequences[p.TP.String()]), batch.Transactional())
			if _, err := r.c.ProduceTransactional(r.now, p, b, "tx", true); err == nil {
				r.sequences[p.TP.String()]++
			}
		case what == "offsets":
			r.c.TxnOffsetCommit(r.now, "g", "tx", group.TxnCommit{
				Transaction: group.Transaction{ProducerID: r.producer.ID, ProducerEpoch: r.producer.Epoch}, Generation: -1, Tag: r.tag(func(any) {}),
				Offsets: []group.OffsetCommit{{TP: kafka.TopicPartition{Topic: "single"}, Offset: kafka.Offset(r.tags), LeaderEpoch: -1}},
			}, true)
		default:
			r.c.TxnStep(r.now, txn.EndTxn{TransactionalID: "tx", Producer: r.producer, Commit: what == "commit", V2: true, Tag: r.tag(func(v any) {
				if end := v.(txn.EndTxnResponse); end.Err == kafka.None {
					r.producer = end.Producer
					clear(r.sequences)
				}
			})})
		}
	})
}

func (r *run) must(err error) {
	if err != nil {
		r.t.Fatal(err)
	}
}

// Check runs after every step.
func (r *run) Check(*rapid.T) {
	r.must(r.k.Check(r.c))
	if r.producer == (txn.Producer{}) || r.c.TransactionCoordinator("tx") == cluster.NoLeader {
		return
	}
	if d, code := r.c.Transactions().Describe("tx"); code != kafka.None || d.Producer.ID < r.producer.ID || d.Producer.ID == r.producer.ID && d.Producer.Epoch < r.producer.Epoch {
		r.t.Fatalf("the coordinator of tx has producer %v (%v), and gave out %v", d.Producer, code, r.producer)
	}
}

// TestRandomHistories drives random histories through a cluster and checks it after every step. A failure prints the
// shortest history that still fails, and the seed that leads to it. GOKASIM_HISTORIES is how many there are: 500 unless set.
func TestRandomHistories(t *testing.T) {
	if n := os.Getenv("GOKASIM_HISTORIES"); n != "" {
		if err := flag.Set("rapid.checks", n); err != nil {
			t.Fatalf("GOKASIM_HISTORIES: %v", err)
		}
	}
	histories.Check(t, func(t *rapid.T) {
		r := newRun(t)
		actions := rapid.StateMachineActions(r)
		if plant := planted[os.Getenv(plantedBug)]; plant != nil {
			actions["bug"] = func(*rapid.T) { r.step(func() { plant(r) }) }
		}
		t.Repeat(actions)
	})
}

// plantedBug names the bug that histories have, for the test that they find it.
const plantedBug = "GOKASIM_PLANTED_BUG"

// planted are bugs that no cluster may have.
var planted = map[string]func(r *run){
	"the leader forgets its last record": func(r *run) {
		if p := r.partition(); p.Log.LogEnd() > p.Log.LogStart() {
			p.Log.TruncateTo(p.Log.LogEnd() - 1)
		}
	},
	"the leader epoch goes back": func(r *run) {
		if p := r.partition(); p.LeaderEpoch > 0 {
			p.LeaderEpoch--
		}
	},
	"two replicas count as one": func(r *run) {
		if p := r.partition(); len(p.ISR) > 1 {
			p.ISR[1] = p.ISR[0]
		}
	},
}

// TestPlantedBugsAreFound runs the histories in a process of their own, once for each bug, and looks at what they say.
func TestPlantedBugsAreFound(t *testing.T) {
	if os.Getenv(plantedBug) != "" {
		t.Skip("this is that process")
	}
	for bug := range planted {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRandomHistories$", "-rapid.nofailfile", "-rapid.checks=500",
				"-rapid.shrinktime=2m", "-test.timeout=5m") // shrinking ends when nothing shorter fails, some seconds on an idle machine
			cmd.Env = append(os.Environ(), plantedBug+"="+bug)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("the histories pass:\n%s", out)
			}
			for _, want := range []string{"-rapid.seed=", "as a script:\n", "\n        \tbug "} {
				if !strings.Contains(string(out), want) {
					t.Errorf("what they say lacks %q:\n%s", want, out)
				}
			}
			if steps := strings.Count(string(out), "[rapid] draw action:"); steps > 25 {
				t.Errorf("the shortest history has %d steps:\n%s", steps, out)
			}
		})
	}
}
