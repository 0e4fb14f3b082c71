package group

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/histories"
	"github.com/gokasim/gokasim/internal/kafka"
)

// TestRandomHistories plays random requests of members that come, work, die and return, by and against the protocol,
// and checks after each step what no history may break.
func TestRandomHistories(t *testing.T) {
	histories.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"join":           w.join,
			"sync":           w.sync,
			"heartbeat":      w.heartbeat,
			"leave":          w.leave,
			"commit":         w.commit,
			"txn-commit":     w.txnCommit,
			"end-txn":        w.endTxn,
			"fetch-offsets":  w.fetchOffsets,
			"delete":         w.delete,
			"delete-offsets": w.deleteOffsets,
			"advance":        func(t *rapid.T) { w.advance(rapid.Custom(drawMillis).Draw(t, "for")) },
			"nonsense":       w.nonsense,
			"":               w.check,
		})
		w.settle()
	})
}

// world is a group under test, a twin that gets the same commands, and a slow model of what both should know.
type world struct {
	t      *rapid.T
	cfg    Config
	g      *Group
	twin   *Group
	serial [2]int
	now    kafka.Millis
	timers map[string]kafka.Millis
	log    []Entry

	requests int
	owed     map[int]Command // by tag
	clients  []*client

	generation int32 // the highest seen since the group was created
	rounds     map[int32]*round
	offsets    map[kafka.TopicPartition]OffsetCommit
	pending    map[int64][]OffsetCommit
	commits    int
}

// client is what one member remembers.
type client struct {
	name, instance, id string
	generation         int32
	told               *round // when it leads
}

// round is what is known of one generation.
type round struct {
	leader, protocol string
	members          []string
	owners           map[string]string // partition to member id
}

func drawMillis(t *rapid.T) kafka.Millis {
	return rapid.SampledFrom([]kafka.Millis{0, 1, 500, 3_000, 6_000, 10_000, 60_000, 600_000, 90_000_000}).Draw(t, "ms")
}

func newWorld(t *rapid.T) *world {
	cfg := DefaultConfig()
	cfg.InitialRebalanceDelay = rapid.SampledFrom([]kafka.Millis{0, 3_000}).Draw(t, "initial delay")
	cfg.MaxSize = rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "max size")
	cfg.OffsetsRetention = 0
	w := &world{
		t: t, cfg: cfg, timers: map[string]kafka.Millis{}, owed: map[int]Command{}, rounds: map[int32]*round{},
		offsets: map[kafka.TopicPartition]OffsetCommit{}, pending: map[int64][]OffsetCommit{},
	}
	w.g, w.twin = New("g", cfg, w.newID(0)), New("g", cfg, w.newID(1))
	for i := range 4 {
		w.clients = append(w.clients, &client{name: "dynamic" + strconv.Itoa(i)})
	}
	for i := range 2 {
		w.clients = append(w.clients, &client{name: "static" + strconv.Itoa(i), instance: "i" + strconv.Itoa(i)})
	}
	return w
}

func (w *world) newID(of int) func(string) string {
	return func(clientID string) string {
		w.serial[of]++
		return clientID + "-" + strconv.Itoa(w.serial[of])
	}
}

func (w *world) tag(cmd Command) int {
	w.requests++
	w.owed[w.requests] = cmd
	return w.requests
}

// step gives both groups the command and takes the effects of the first.
func (w *world) step(cmd Command) []any {
	effects, err := w.g.Step(w.now, cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	again, err := w.twin.Step(w.now, cmd)
	if err != nil || !reflect.DeepEqual(effects, again) {
		w.t.Fatalf("the same commands gave other effects: %v\n%s", err, cmp.Diff(effects, again))
	}
	var responses []any
	for _, e := range effects {
		switch e := e.(type) {
		case SetTimer:
			w.timers[e.Key] = e.At
		case StopTimer:
			delete(w.timers, e.Key)
		case AppendState:
			w.log = append(w.log, Entry{Records: e.Records, Transaction: e.Transaction})
		case Reply:
			request, owed := w.owed[e.Tag.(int)]
			if !owed {
				w.t.Fatalf("request %v is answered twice, or was never made: %+v", e.Tag, e.Response)
			}
			delete(w.owed, e.Tag.(int))
			w.hear(request, e.Response)
			responses = append(responses, e.Response)
		}
	}
	return responses
}

func (w *world) client() *client { return rapid.SampledFrom(w.clients).Draw(w.t, "client") }

// hear lets the client that asked learn from the answer, and checks answers against what others were told.
func (w *world) hear(request Command, response any) {
	switch r := response.(type) {
	case JoinResponse:
		c := w.clientNamed(request.(Join).ClientID)
		switch r.Err {
		case kafka.None:
			c.id, c.generation, c.told = r.MemberID, r.Generation, nil
			w.hearJoin(c, request.(Join), r)
		case kafka.MemberIDRequired:
			c.id = r.MemberID
		case kafka.UnknownMemberID, kafka.FencedInstanceID, kafka.GroupMaxSizeReached:
			c.id, c.told = "", nil
		}
	case SyncResponse:
		if r.Err == kafka.None {
			w.hearSync(request.(Sync), r)
		}
	}
}

func (w *world) clientNamed(name string) *client {
	i := slices.IndexFunc(w.clients, func(c *client) bool { return c.name == name })
	return w.clients[i]
}

func (w *world) hearJoin(c *client, request Join, r JoinResponse) {
	if !slices.ContainsFunc(request.Protocols, func(p Protocol) bool { return p.Name == r.Protocol }) {
		w.t.Fatalf("%s is told protocol %q and knows only %v", c.name, r.Protocol, request.Protocols)
	}
	known, ok := w.rounds[r.Generation]
	if !ok {
		known = &round{leader: r.Leader, protocol: r.Protocol, owners: map[string]string{}}
		w.rounds[r.Generation] = known
	}
	if known.protocol != r.Protocol {
		w.t.Fatalf("generation %d has protocols %q and %q", r.Generation, known.protocol, r.Protocol)
	}
	if len(r.Members) > 0 {
		if r.Leader != r.MemberID {
			w.t.Fatalf("%q is told the members but does not lead: %+v", r.MemberID, r)
		}
		known.members = nil
		for _, m := range r.Members {
			known.members = append(known.members, m.MemberID)
		}
		c.told = known
	}
	if r.Leader == r.MemberID && !slices.Contains(known.members, r.MemberID) {
		w.t.Fatalf("%q leads and is not told the members: %+v", r.MemberID, r)
	}
}

// hearSync checks that a partition has one owner in a generation; a static member passes its partitions on to its
// next incarnation.
func (w *world) hearSync(request Sync, r SyncResponse) {
	known := w.rounds[request.Generation]
	for _, partition := range strings.Fields(string(r.Assignment)) {
		owner, taken := known.owners[partition]
		if taken && owner != request.MemberID && request.InstanceID == "" {
			w.t.Fatalf("generation %d gives partition %s to %q and %q", request.Generation, partition, owner, request.MemberID)
		}
		known.owners[partition] = request.MemberID
	}
}

func (w *world) join(t *rapid.T) {
	c := w.client()
	names := rapid.SampledFrom([][]string{{"range"}, {"range", "roundrobin"}, {"roundrobin", "range"}, {"sticky", "range"}}).Draw(t, "protocols")
	cmd := Join{
		MemberID: c.id, InstanceID: c.instance, ClientID: c.name, ProtocolType: "consumer",
		RequireKnownMemberID:   rapid.Bool().Draw(t, "known"),
		SupportsSkipAssignment: rapid.Bool().Draw(t, "skip"),
		SessionTimeout:         rapid.SampledFrom([]kafka.Millis{6_000, 10_000, 60_000}).Draw(t, "session"),
		RebalanceTimeout:       rapid.SampledFrom([]kafka.Millis{1_000, 30_000}).Draw(t, "rebalance"),
	}
	if c.instance != "" && rapid.Bool().Draw(t, "returns") {
		cmd.MemberID = ""
	}
	topics := rapid.SampledFrom([][]string{{"t"}, {"t", "u"}}).Draw(t, "topics")
	for _, name := range names {
		cmd.Protocols = append(cmd.Protocols, Protocol{Name: name, Metadata: consumerMetadata("", topics...)})
	}
	cmd.Tag = w.tag(cmd)
	w.step(cmd)
}

func (w *world) sync(*rapid.T) {
	c := w.client()
	cmd := Sync{MemberID: c.id, InstanceID: c.instance, Generation: c.generation}
	if c.told != nil {
		for i, id := range c.told.members {
			partitions := fmt.Sprintf("%d %d", 2*i, 2*i+1)
			cmd.Assignments = append(cmd.Assignments, MemberAssignment{MemberID: id, Assignment: []byte(partitions)})
		}
	}
	cmd.Tag = w.tag(cmd)
	w.step(cmd)
}

func (w *world) heartbeat(*rapid.T) {
	c := w.client()
	cmd := Heartbeat{MemberID: c.id, InstanceID: c.instance, Generation: c.generation}
	cmd.Tag = w.tag(cmd)
	w.step(cmd)
}

func (w *world) leave(t *rapid.T) {
	c := w.client()
	cmd := Leave{Members: []LeavingMember{{MemberID: c.id, InstanceID: c.instance}}}
	if rapid.Bool().Draw(t, "also") {
		other := w.client()
		cmd.Members = append(cmd.Members, LeavingMember{MemberID: other.id, InstanceID: other.instance})
	}
	cmd.Tag = w.tag(cmd)
	w.step(cmd)
}

var somePartitions = []kafka.TopicPartition{{Topic: "t"}, {Topic: "t", Partition: 1}, {Topic: "u"}}

func (w *world) draw(t *rapid.T) []OffsetCommit {
	var commits []OffsetCommit
	for _, tp := range somePartitions {
		if rapid.Bool().Draw(t, tp.String()) {
			w.commits++
			commits = append(commits, OffsetCommit{TP: tp, Offset: kafka.Offset(w.commits), LeaderEpoch: 3, Metadata: "m"})
		}
	}
	return commits
}

// whoCommits draws a member, a stranger or nobody, and the error that the rules of G9 give.
func (w *world) whoCommits(t *rapid.T, transactional bool) (memberID, instanceID string, generation int32, want kafka.ErrorCode) {
	generation = -1
	if rapid.Bool().Draw(t, "from a member") {
		c := w.client()
		memberID, instanceID, generation = c.id, c.instance, c.generation
	}
	state := w.g.State()
	here := slices.ContainsFunc(w.g.Members(), func(m MemberDescription) bool { return m.MemberID == memberID })
	owner := ""
	for _, m := range w.g.Members() {
		if m.InstanceID == instanceID {
			owner = m.MemberID
		}
	}
	switch {
	case generation < 0 && (state == Empty || state == Dead || transactional):
		return memberID, instanceID, generation, kafka.None
	case generation < 0:
		return memberID, instanceID, generation, kafka.UnknownMemberID
	case state == Dead:
		return memberID, instanceID, generation, kafka.IllegalGeneration
	case instanceID != "" && owner != "" && owner != memberID:
		return memberID, instanceID, generation, kafka.FencedInstanceID
	case !here:
		return memberID, instanceID, generation, kafka.UnknownMemberID
	case generation != w.g.Generation():
		return memberID, instanceID, generation, kafka.IllegalGeneration
	case state == Completing && !transactional:
		return memberID, instanceID, generation, kafka.RebalanceInProgress
	default:
		return memberID, instanceID, generation, kafka.None
	}
}

func (w *world) commit(t *rapid.T) {
	cmd := Commit{Offsets: w.draw(t)}
	var want kafka.ErrorCode
	cmd.MemberID, cmd.InstanceID, cmd.Generation, want = w.whoCommits(t, false)
	cmd.Tag = w.tag(cmd)
	if got := w.step(cmd)[0].(CommitResponse).Err; got != want {
		w.t.Fatalf("%+v: got %s, want %s", cmd, got.Name(), want.Name())
	}
	if want == kafka.None {
		for _, o := range cmd.Offsets {
			w.offsets[o.TP] = o
		}
	}
}

func (w *world) txnCommit(t *rapid.T) {
	cmd := TxnCommit{Offsets: w.draw(t), Transaction: Transaction{ProducerID: rapid.Int64Range(0, 1).Draw(t, "producer")}}
	var want kafka.ErrorCode
	cmd.MemberID, cmd.InstanceID, cmd.Generation, want = w.whoCommits(t, true)
	cmd.Tag = w.tag(cmd)
	if got := w.step(cmd)[0].(CommitResponse).Err; got != want {
		w.t.Fatalf("%+v: got %s, want %s", cmd, got.Name(), want.Name())
	}
	if want == kafka.None {
		w.pending[cmd.Transaction.ProducerID] = append(w.pending[cmd.Transaction.ProducerID], cmd.Offsets...)
	}
}

func (w *world) endTxn(t *rapid.T) {
	producer := rapid.Int64Range(0, 1).Draw(t, "producer")
	cmd := EndTxn{ProducerID: producer, Commit: rapid.Bool().Draw(t, "commit")}
	marker := AbortMarker
	if cmd.Commit {
		marker = CommitMarker
		for _, o := range w.pending[producer] {
			// Offsets are drawn from one counter, so the newer of two has the larger.
			if have, ok := w.offsets[o.TP]; !ok || have.Offset < o.Offset {
				w.offsets[o.TP] = o
			}
		}
	}
	delete(w.pending, producer)
	w.log = append(w.log, Entry{Transaction: &Transaction{ProducerID: producer}, Marker: marker})
	w.step(cmd)
}

func (w *world) fetchOffsets(t *rapid.T) {
	cmd := FetchOffsets{RequireStable: rapid.Bool().Draw(t, "stable"), Partitions: somePartitions}
	cmd.Tag = w.tag(cmd)
	for _, got := range w.step(cmd)[0].(FetchOffsetsResponse).Offsets {
		want := FetchedOffset{TP: got.TP, Offset: -1, LeaderEpoch: -1}
		unstable := false
		for _, held := range w.pending {
			unstable = unstable || slices.ContainsFunc(held, func(o OffsetCommit) bool { return o.TP == got.TP })
		}
		if o, ok := w.offsets[got.TP]; ok {
			want.Offset, want.LeaderEpoch, want.Metadata = o.Offset, o.LeaderEpoch, o.Metadata
		}
		if unstable && cmd.RequireStable {
			want = FetchedOffset{TP: got.TP, Offset: -1, LeaderEpoch: -1, Err: kafka.UnstableOffsetCommit}
		}
		if got != want {
			w.t.Fatalf("fetched %+v, want %+v", got, want)
		}
	}
}

func (w *world) delete(*rapid.T) {
	want := map[State]kafka.ErrorCode{Dead: kafka.GroupIDNotFound, Empty: kafka.None}
	err, ok := want[w.g.State()]
	if !ok {
		err = kafka.NonEmptyGroup
	}
	cmd := Delete{}
	cmd.Tag = w.tag(cmd)
	if got := w.step(cmd)[0].(DeleteResponse).Err; got != err {
		w.t.Fatalf("delete: got %s, want %s", got.Name(), err.Name())
	}
	if err == kafka.None {
		w.offsets, w.pending = map[kafka.TopicPartition]OffsetCommit{}, map[int64][]OffsetCommit{}
	}
}

func (w *world) deleteOffsets(t *rapid.T) {
	cmd := DeleteOffsets{Partitions: []kafka.TopicPartition{rapid.SampledFrom(somePartitions).Draw(t, "partition")}}
	cmd.Tag = w.tag(cmd)
	r := w.step(cmd)[0].(DeleteOffsetsResponse)
	if r.Err != kafka.None || r.Partitions[0].Err != kafka.None {
		return
	}
	tp := cmd.Partitions[0]
	delete(w.offsets, tp)
	for producer, held := range w.pending {
		w.pending[producer] = slices.DeleteFunc(held, func(o OffsetCommit) bool { return o.TP == tp })
	}
}

// nonsense is refused, and the group does not remember it: the twin never hears of it.
func (w *world) nonsense(t *rapid.T) {
	cmd := rapid.SampledFrom([]Command{nil, &Join{}, &Timer{}}).Draw(t, "nonsense")
	if effects, err := w.g.Step(w.now, cmd); !errors.Is(err, ErrCommand) || effects != nil {
		w.t.Fatalf("%T: effects %v, error %v", cmd, effects, err)
	}
}

func (w *world) advance(d kafka.Millis) {
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

// check is what holds after every step.
func (w *world) check(*rapid.T) {
	if w.g.State() == Dead {
		w.generation, w.rounds = 0, map[int32]*round{}
		if len(w.g.Timers()) > 0 {
			w.t.Fatalf("a dead group has timers: %v", w.g.Timers())
		}
		w.offsets = map[kafka.TopicPartition]OffsetCommit{}
	}
	if w.g.Generation() < w.generation {
		w.t.Fatalf("generation %d follows %d", w.g.Generation(), w.generation)
	}
	w.generation = w.g.Generation()
	if got := slices.Sorted(maps.Keys(w.timers)); !slices.Equal(got, w.g.Timers()) {
		w.t.Fatalf("timers asked for %v, set %v", got, w.g.Timers())
	}
	for _, m := range w.g.classic.members.list {
		_, guarded := w.timers[m.sessionKey()]
		if !guarded && m.join == nil && m.sync == nil {
			w.t.Fatalf("member %q could stay silent for ever", m.id)
		}
	}
	w.checkReplay()
}

// checkReplay compares with the group that the records give: always the offsets, and the members whenever they are at
// rest.
func (w *world) checkReplay() {
	replayed, _, err := Replay("g", w.cfg, w.newID(0), w.now, w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(w.g.offsets, replayed.offsets, cmp.AllowUnexported(offsets{}, committedOffset{})); diff != "" {
		w.t.Fatalf("offsets, lived and replayed:\n%s", diff)
	}
	if state := w.g.State(); state == Dead || state == Empty || state == Stable {
		if diff := cmp.Diff(w.g.Describe(), replayed.Describe()); diff != "" {
			w.t.Fatalf("lived and replayed:\n%s", diff)
		}
	}
}

// settle lets time pass until all timers have fired that ever will: then nobody waits any more.
func (w *world) settle() {
	w.advance(3_600_000)
	for _, cmd := range w.owed {
		w.t.Errorf("never answered: %+v", cmd)
	}
}
