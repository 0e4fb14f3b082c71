package group

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/histories"
	"github.com/gokasim/gokasim/internal/kafka"
)

// TestRandomMigrations mixes members of both protocols, so that the group goes to and fro between them, and checks that
// every request is answered once, that generations grow throughout, that no partition of a KIP-848 group has two owners
// (applying a record panics otherwise), and that a group at rest is what its records give.
func TestRandomMigrations(t *testing.T) {
	histories.Check(t, func(t *rapid.T) {
		w := &migrationWorld{
			t: t, cfg: DefaultConfig(), timers: map[string]kafka.Millis{}, owed: map[int]*migrant{},
			topics: Topics{"t": {ID: topicID("t"), Partitions: 3}, "u": {ID: topicID("u"), Partitions: 2}},
		}
		w.cfg.InitialRebalanceDelay = 0
		w.cfg.Migration = rapid.SampledFrom([]MigrationPolicy{
			MigrationBidirectional, MigrationBidirectional, MigrationUpgrade, MigrationDowngrade, MigrationDisabled,
		}).Draw(t, "policy")
		w.g = New("g", w.cfg, w.newID)
		w.step(Metadata{Topics: w.topics})
		for i := range 4 {
			m := &migrant{name: "m" + strconv.Itoa(i)}
			if i >= 2 {
				m.instance = "i" + strconv.Itoa(i)
			}
			w.members = append(w.members, m)
		}
		t.Repeat(map[string]func(*rapid.T){
			"join":               func(t *rapid.T) { w.join(t, w.draw(t)) },
			"sync":               func(t *rapid.T) { w.sync(w.draw(t)) },
			"heartbeat":          func(t *rapid.T) { w.heartbeat(w.draw(t)) },
			"consumer heartbeat": func(t *rapid.T) { w.consumerHeartbeat(t, w.draw(t)) },
			"leave":              func(t *rapid.T) { w.leave(t, w.draw(t)) },
			"advance": func(t *rapid.T) {
				w.advance(rapid.SampledFrom([]kafka.Millis{0, 1_000, 9_000, 50_000}).Draw(t, "ms"))
			},
			"": w.check,
		})
		w.advance(3_600_000)
		if len(w.owed) > 0 {
			t.Fatalf("%d requests were never answered", len(w.owed))
		}
	})
}

type migrationWorld struct {
	t          *rapid.T
	cfg        Config
	g          *Group
	serial     int
	now        kafka.Millis
	timers     map[string]kafka.Millis
	log        []Entry
	replayed   int // how much of log when it was replayed last
	topics     Topics
	members    []*migrant
	requests   int
	owed       map[int]*migrant
	generation int32
}

// migrant speaks either protocol, as it is drawn.
type migrant struct {
	name, instance, id string
	generation         int32
	owned              []kafka.TopicPartition
	ownedParts         []TopicPartitions
	members            []JoinedMember
}

func (w *migrationWorld) newID(clientID string) string {
	w.serial++
	return clientID + "-" + strconv.Itoa(w.serial)
}

func (w *migrationWorld) draw(t *rapid.T) *migrant {
	return rapid.SampledFrom(w.members).Draw(t, "member")
}

func (w *migrationWorld) tag(m *migrant) int {
	w.requests++
	w.owed[w.requests] = m
	return w.requests
}

func (w *migrationWorld) step(cmd Command) {
	effects, err := w.g.Step(w.now, cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case SetTimer:
			w.timers[e.Key] = e.At
		case StopTimer:
			delete(w.timers, e.Key)
		case AppendState:
			w.log = append(w.log, Entry{Records: e.Records})
		case Reply:
			m, owed := w.owed[e.Tag.(int)]
			if !owed {
				w.t.Fatalf("request %v is answered twice: %+v", e.Tag, e.Response)
			}
			delete(w.owed, e.Tag.(int))
			w.hear(m, e.Response)
		}
	}
}

func (w *migrationWorld) hear(m *migrant, response any) {
	switch r := response.(type) {
	case JoinResponse:
		switch r.Err {
		case kafka.None:
			m.id, m.generation, m.members = r.MemberID, r.Generation, r.Members
		case kafka.MemberIDRequired:
			m.id = r.MemberID
		case kafka.UnknownMemberID, kafka.FencedInstanceID:
			*m = migrant{name: m.name, instance: m.instance}
		}
	case SyncResponse:
		if r.Err == kafka.None {
			owned, err := decodeAssignment(r.Assignment)
			if err != nil {
				w.t.Fatal(err)
			}
			m.owned = owned
		}
	case ConsumerHeartbeatResponse:
		switch r.Err {
		case kafka.None:
			m.id, m.generation = r.MemberID, max(r.MemberEpoch, 0)
			if r.Assigned != nil {
				m.ownedParts, m.owned = r.Assigned, w.g.Named(r.Assigned)
			}
		case kafka.FencedMemberEpoch, kafka.UnknownMemberID, kafka.FencedInstanceID, kafka.GroupIDNotFound:
			*m = migrant{name: m.name, instance: m.instance}
		}
	}
}

func (w *migrationWorld) join(t *rapid.T, m *migrant) {
	topics := rapid.SampledFrom([][]string{{"t"}, {"t", "u"}}).Draw(t, "topics")
	metadata := consumerMetadata("", topics...)
	if rapid.Bool().Draw(t, "claims") {
		metadata = claiming(metadata, m.owned)
	}
	cmd := Join{
		MemberID: m.id, InstanceID: m.instance, ClientID: m.name, RequireKnownMemberID: rapid.Bool().Draw(t, "known"),
		ProtocolType: "consumer", Protocols: []Protocol{{Name: "range", Metadata: metadata}},
		SessionTimeout: 10_000, RebalanceTimeout: 30_000,
	}
	if m.instance != "" && rapid.Bool().Draw(t, "returns") {
		cmd.MemberID = ""
	}
	cmd.Tag = w.tag(m)
	w.step(cmd)
}

func (w *migrationWorld) sync(m *migrant) {
	cmd := Sync{Tag: w.tag(m), MemberID: m.id, InstanceID: m.instance, Generation: m.generation}
	for i, other := range m.members {
		all := []kafka.TopicPartition{{Topic: "t", Partition: int32(i)}, {Topic: "u", Partition: int32(i)}}
		cmd.Assignments = append(cmd.Assignments, MemberAssignment{MemberID: other.MemberID, Assignment: encodeAssignment(0, all)})
	}
	w.step(cmd)
}

func (w *migrationWorld) heartbeat(m *migrant) {
	w.step(Heartbeat{Tag: w.tag(m), MemberID: m.id, InstanceID: m.instance, Generation: m.generation})
}

func (w *migrationWorld) consumerHeartbeat(t *rapid.T, m *migrant) {
	cmd := ConsumerHeartbeat{
		MemberID: m.id, MemberEpoch: m.generation, InstanceID: m.instance, ClientID: m.name, RebalanceTimeout: -1, Owned: m.ownedParts,
	}
	if m.id == "" || rapid.IntRange(0, 3).Draw(t, "rejoin") == 0 {
		cmd.MemberEpoch = epochJoin
	}
	if cmd.MemberEpoch == epochJoin {
		cmd.RebalanceTimeout, cmd.Owned = 30_000, []TopicPartitions{}
		cmd.SubscribedTopics = rapid.SampledFrom([][]string{{"t"}, {"t", "u"}}).Draw(t, "topics")
	}
	cmd.Tag = w.tag(m)
	w.step(cmd)
}

func (w *migrationWorld) leave(t *rapid.T, m *migrant) {
	if m.id != "" && w.g.Type() == Consumer && rapid.Bool().Draw(t, "by heartbeat") {
		epoch := int32(epochLeave)
		if m.instance != "" {
			epoch = rapid.SampledFrom([]int32{epochLeave, epochStaticLeave}).Draw(t, "epoch")
		}
		w.step(ConsumerHeartbeat{Tag: w.tag(m), MemberID: m.id, MemberEpoch: epoch, InstanceID: m.instance})
	} else {
		w.step(Leave{Tag: w.tag(m), Members: []LeavingMember{{MemberID: m.id, InstanceID: m.instance}}})
	}
	*m = migrant{name: m.name, instance: m.instance}
}

func (w *migrationWorld) advance(d kafka.Millis) {
	until := w.now + d
	for {
		due := ""
		for _, key := range slices.Sorted(maps.Keys(w.timers)) {
			if w.timers[key] <= until && (due == "" || w.timers[key] < w.timers[due]) {
				due = key
			}
		}
		if due == "" {
			w.now = until
			return
		}
		w.now = max(w.now, w.timers[due])
		delete(w.timers, due)
		w.step(Timer{Key: due})
		w.check(nil)
	}
}

func (w *migrationWorld) check(*rapid.T) {
	state := w.g.State()
	if w.g.Generation() < w.generation {
		w.t.Fatalf("generation %d follows %d", w.g.Generation(), w.generation)
	}
	w.generation = w.g.Generation()
	if state == Dead || state == Empty { // an empty group may begin anew in the other protocol
		w.generation = 0
	}
	if got := slices.Sorted(maps.Keys(w.timers)); !slices.Equal(got, w.g.Timers()) {
		w.t.Fatalf("timers asked for %v, set %v", got, w.g.Timers())
	}
	if w.g.Type() == Classic && (state == Preparing || state == Completing) {
		return
	}
	if len(w.log) < w.replayed+4 {
		return
	}
	w.replayed = len(w.log)
	replayed, _, err := Replay("g", w.cfg, w.newID, w.now, w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	replayed.learn(Metadata{Topics: w.topics})
	if diff := cmp.Diff(w.g.Describe(), replayed.Describe(), cmpopts.EquateEmpty()); diff != "" {
		w.t.Fatalf("lived and replayed:\n%s", diff)
	}
}
