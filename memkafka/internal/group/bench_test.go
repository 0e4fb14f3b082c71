package group

import (
	"strconv"
	"testing"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/assign"
)

// BenchmarkRebalance takes a group of 100 members over 1,000 partitions from nothing to its first assignment.
func BenchmarkRebalance(b *testing.B) {
	const members, partitions = 100, 1000
	b.Run("classic", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rebalanceClassic(b, members, partitions)
		}
	})
	b.Run("consumer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rebalanceConsumer(b, members, partitions)
		}
	})
}

func rebalanceClassic(b *testing.B, members, partitions int) {
	serial := 0
	g := New("g", DefaultConfig(), func(clientID string) string { serial++; return clientID + "-" + strconv.Itoa(serial) })
	step := func(now kafka.Millis, cmd Command) []Effect {
		effects, err := g.Step(now, cmd)
		if err != nil {
			b.Fatal(err)
		}
		return effects
	}
	join := Join{
		ClientID: "client", ProtocolType: "consumer", Protocols: []Protocol{{Name: "range", Metadata: consumerMetadata("", "t")}},
		SessionTimeout: 10_000, RebalanceTimeout: 60_000,
	}
	for range members {
		step(0, join)
	}
	step(3_000, Timer{Key: timerJoin})
	var sync Sync
	for _, e := range step(6_000, Timer{Key: timerJoin}) {
		r, ok := e.(Reply)
		if !ok || len(r.Response.(JoinResponse).Members) == 0 {
			continue
		}
		joined := r.Response.(JoinResponse)
		var subscribers []assign.Member
		for _, m := range joined.Members {
			s, err := decodeSubscription(m.Metadata)
			if err != nil {
				b.Fatal(err)
			}
			subscribers = append(subscribers, assign.Member{ID: m.MemberID, Topics: s.topics})
		}
		sync = Sync{MemberID: joined.MemberID, Generation: joined.Generation}
		for id, assigned := range assign.Range(subscribers, assign.Topics{"t": int32(partitions)}) {
			sync.Assignments = append(sync.Assignments, MemberAssignment{MemberID: id, Assignment: encodeAssignment(0, assigned)})
		}
	}
	for _, m := range g.Members() {
		if m.MemberID != sync.MemberID {
			step(6_000, Sync{MemberID: m.MemberID, Generation: sync.Generation})
		}
	}
	step(6_000, sync)
	if g.State() != Stable {
		b.Fatalf("the group is %s", g.State())
	}
}

func rebalanceConsumer(b *testing.B, members, partitions int) {
	g := New("g", DefaultConfig(), nil)
	step := func(cmd Command) ConsumerHeartbeatResponse {
		effects, err := g.Step(0, cmd)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range effects {
			if r, ok := e.(Reply); ok {
				return r.Response.(ConsumerHeartbeatResponse)
			}
		}
		return ConsumerHeartbeatResponse{}
	}
	step(Metadata{Topics: Topics{"t": {ID: topicID("t"), Partitions: int32(partitions)}}})
	epochs, owned := make([]int32, members), make([][]TopicPartitions, members)
	for i := range members {
		r := step(ConsumerHeartbeat{
			MemberID: "member" + strconv.Itoa(i), RebalanceTimeout: 60_000, SubscribedTopics: []string{"t"}, Owned: []TopicPartitions{},
		})
		epochs[i], owned[i] = r.MemberEpoch, r.Assigned
	}
	for g.State() != Stable {
		for i := range members {
			r := step(ConsumerHeartbeat{MemberID: "member" + strconv.Itoa(i), MemberEpoch: epochs[i], RebalanceTimeout: -1, Owned: owned[i]})
			if epochs[i] = r.MemberEpoch; r.Assigned != nil {
				owned[i] = r.Assigned
			}
		}
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	bench := newBench(b, Config{})
	bench.step(Join{Tag: "a", ClientID: "a", ProtocolType: "consumer", Protocols: []Protocol{{Name: "range"}}, SessionTimeout: 10_000, RebalanceTimeout: 60_000})
	bench.step(Sync{Tag: "a", MemberID: "a-1", Generation: 1})
	cmd := Heartbeat{MemberID: "a-1", Generation: 1}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bench.g.Step(0, cmd); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	bench := newBench(b, DefaultConfig())
	cmd := Commit{Generation: -1, Offsets: []OffsetCommit{{TP: kafka.TopicPartition{Topic: "t"}, Offset: 1, LeaderEpoch: -1}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bench.g.Step(0, cmd); err != nil {
			b.Fatal(err)
		}
	}
}
