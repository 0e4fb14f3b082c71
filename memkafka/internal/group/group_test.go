package group

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
)

func TestACommandThatIsNoneIsAMistakeOfTheCaller(t *testing.T) {
	g := New("g", DefaultConfig(), nil)
	effects, err := g.Step(0, &Heartbeat{})
	if !errors.Is(err, ErrCommand) || effects != nil {
		t.Fatalf("effects %v, error %v", effects, err)
	}
	if want := `group "g": invalid group command: *group.Heartbeat is not one of this package's commands; pass a value, not a pointer`; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestTheEmptyGroupIDIsForOffsetsAlone(t *testing.T) {
	g := New("", DefaultConfig(), nil)
	for _, tt := range []struct {
		cmd  Command
		want any
	}{
		{Join{}, JoinResponse{Err: kafka.InvalidGroupID, Generation: -1}},
		{Sync{}, SyncResponse{Err: kafka.InvalidGroupID}},
		{Heartbeat{}, HeartbeatResponse{Err: kafka.InvalidGroupID}},
		{Leave{}, LeaveResponse{Err: kafka.InvalidGroupID}},
		{ConsumerHeartbeat{MemberID: "a"}, ConsumerHeartbeatResponse{Err: kafka.InvalidRequest, Message: "GroupId can't be empty."}},
		{Commit{Generation: -1}, CommitResponse{Partitions: []CommitResult{}}},
	} {
		effects, err := g.Step(0, tt.cmd)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		for _, e := range effects {
			if r, ok := e.(Reply); ok {
				got = r.Response
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%T: %s", tt.cmd, diff)
		}
	}
}

// A shell with real timers may fire one that was stopped a moment ago, or a little early.
func TestTimersMayBeLateOrEarly(t *testing.T) {
	g := New("g", DefaultConfig(), func(id string) string { return id + "-1" })
	if _, err := g.Step(0, Join{ClientID: "a", ProtocolType: "consumer", Protocols: []Protocol{{Name: "range"}}, SessionTimeout: 10_000, RebalanceTimeout: 60_000}); err != nil {
		t.Fatal(err)
	}
	effects, err := g.Step(2_999, Timer{Key: timerJoin})
	if diff := cmp.Diff([]Effect{SetTimer{Key: timerJoin, At: 3_000}}, effects); diff != "" || err != nil {
		t.Error(err, diff)
	}
	effects, err = g.Step(3_000, Timer{Key: "session/nobody"})
	if len(effects) > 0 || err != nil {
		t.Error(err, effects)
	}
	if g.State() != Preparing {
		t.Errorf("the group is %s", g.State())
	}
}

// A request that the client sent again makes an answer to the first one useless, but not missing.
func TestARepeatedRequestEndsTheOneBefore(t *testing.T) {
	b := newBench(t, DefaultConfig())
	join := Join{Tag: "first", ClientID: "a", ProtocolType: "consumer", Protocols: []Protocol{{Name: "range"}}, SessionTimeout: 10_000, RebalanceTimeout: 60_000}
	b.step(join)
	join.Tag, join.MemberID = "again", "a-1"
	b.step(join)
	b.advance(3_000)
	want := "append group g generation=0 members=0\n" +
		"first: join REBALANCE_IN_PROGRESS member=a-1\n" +
		"3s: timer join -> CompletingRebalance\n" +
		"again: join generation=1 protocol=range leader=a-1 member=a-1 a-1\n"
	if diff := cmp.Diff(want, b.out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestReplayRefusesWhatNoCoordinatorWrites(t *testing.T) {
	key := encodeMetadataKey("g")
	for _, tt := range []struct {
		name  string
		entry Entry
		want  string
	}{
		{"a marker of nobody", Entry{Marker: CommitMarker}, "a marker of no transaction"},
		{"a key that breaks off", Entry{Records: []kafka.Record{{Key: []byte{0, 2, 0, 9, 'g'}}}}, "9 bytes wanted, 1 left"},
		{"another version of a group", Entry{Records: []kafka.Record{{Key: key, Value: []byte{0, 9}}}}, "a group in version 9; version 3 can be read"},
		{"a group that breaks off", Entry{Records: []kafka.Record{{Key: key, Value: []byte{0, 3, 0}}}}, "2 bytes wanted, 1 left"},
		{"another version of an offset", Entry{Records: []kafka.Record{{
			Key: encodeOffsetKey("g", kafka.TopicPartition{Topic: "t"}), Value: []byte{0, 9},
		}}}, "an offset in version 9; versions 0 to 4 can be read"},
		{"an offset that breaks off", Entry{Records: []kafka.Record{{
			Key: encodeOffsetKey("g", kafka.TopicPartition{Topic: "t"}), Value: []byte{0, 3, 1},
		}}}, "8 bytes wanted, 1 left"},
		{"another version of an epoch", Entry{Records: []kafka.Record{{Key: []byte{0, 3, 0, 1, 'g'}, Value: []byte{0, 1}}}}, "kind 3 in version 1; version 0 can be read"},
		{"a member that breaks off", Entry{Records: []kafka.Record{{Key: []byte{0, 5, 0, 1, 'g', 0, 1, 'm'}, Value: []byte{0, 0, 9}}}}, "a length of 8 in 0 bytes"},
		{"a member without a name", Entry{Records: []kafka.Record{{Key: []byte{0, 5, 0, 1, 'g'}, Value: []byte{0, 0}}}}, "2 bytes wanted, 0 left"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Replay("g", DefaultConfig(), nil, 0, []Entry{tt.entry})
			if !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), `group "g": `) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestReplayPassesOverOthers(t *testing.T) {
	b := newBench(t, DefaultConfig())
	b.step(Commit{Tag: "commit", Generation: -1, Offsets: []OffsetCommit{commitFrom(t, "t/0=1")}})
	entries := append(b.log,
		Entry{Records: []kafka.Record{{Key: encodeOffsetKey("other", kafka.TopicPartition{Topic: "t"}), Value: committedOffset{expires: -1}.encode()}}},
		Entry{Records: []kafka.Record{{Key: []byte{0, 10, 1, 2, 3}}}}, // of a share group
	)
	g, _, err := Replay("g", DefaultConfig(), b.newID, 0, entries)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]OffsetCommit{commitFrom(t, "t/0=1")}, g.Offsets()); diff != "" {
		t.Error(diff)
	}
	if g.State() != Empty || g.ID() != "g" {
		t.Errorf("%s is %s", g.ID(), g.State())
	}
}

// Offsets with a retention of their own (OffsetCommit before version 5) go by it, also after a replay.
func TestAnOffsetMayHaveARetentionOfItsOwn(t *testing.T) {
	b := newBench(t, DefaultConfig())
	o := commitFrom(t, "t/0=1")
	o.RetainFor = 3_600_000
	b.step(Commit{Tag: "commit", Generation: -1, Offsets: []OffsetCommit{o}})
	b.restart()
	b.advance(3_600_000 - 1)
	if len(b.g.Offsets()) != 1 {
		t.Fatal("it is gone too early")
	}
	b.advance(1)
	if b.g.State() != Dead {
		t.Errorf("the group is %s", b.g.State())
	}
}

func TestOpenTransactionsAreNamed(t *testing.T) {
	b := newBench(t, DefaultConfig())
	for _, producer := range []int64{9, 4} {
		b.step(TxnCommit{Tag: "txn", Generation: -1, Transaction: Transaction{ProducerID: producer}, Offsets: []OffsetCommit{commitFrom(t, "t/0=1")}})
	}
	if diff := cmp.Diff([]int64{4, 9}, b.g.OpenTransactions()); diff != "" {
		t.Error(diff)
	}
}

// FuzzReplay feeds records of every kind, whole and broken: they are refused or read, and what was read is written back
// as it was.
func FuzzReplay(f *testing.F) {
	b := newBench(f, DefaultConfig())
	b.topics = Topics{"t": {ID: topicID("t"), Partitions: 3}}
	b.step(Metadata{Topics: b.topics})
	regex := "t.*"
	b.step(ConsumerHeartbeat{
		Tag: "a", MemberID: "a", InstanceID: "i", RackID: "r", RebalanceTimeout: 1, Owned: []TopicPartitions{},
		SubscribedTopics: []string{"t"}, SubscribedRegex: &regex, Assignor: "range",
	})
	b.step(Join{Tag: "b", ProtocolType: "consumer", Protocols: []Protocol{{Name: "range", Metadata: consumerMetadata("", "t")}}, SessionTimeout: 6_000})
	b.step(Commit{Tag: "c", MemberID: "a", Generation: 1, Offsets: []OffsetCommit{commitFrom(f, "t/0=1,m")}})
	c := newBench(f, Config{})
	c.step(Join{Tag: "a", InstanceID: "i", ProtocolType: "consumer", Protocols: []Protocol{{Name: "range", Metadata: consumerMetadata("", "t")}}})
	c.step(Sync{Tag: "a", MemberID: "i-1", Generation: 1})
	for _, e := range append(b.log, c.log...) {
		for _, r := range e.Records {
			f.Add(r.Key, r.Value)
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r := kafka.Record{Key: key, Value: value}
		id, ok, err := IDOf(r)
		if !ok || err != nil {
			return
		}
		g, _, err := Replay(id, DefaultConfig(), nil, 0, []Entry{{Records: []kafka.Record{r}}})
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatal(err)
			}
			return
		}
		_ = g.Describe()
		if r.Key[1] < keyEpoch || value == nil {
			return
		}
		read, err := decodeState(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeState(encodeState(id, read))
		if err != nil {
			t.Fatal(err)
		}
		allow := cmp.AllowUnexported(epochRecord{}, memberRecord{}, memberMetadata{}, classicMember{}, targetEpochRecord{},
			targetRecord{}, progressRecord{}, memberProgress{}, regexRecord{}, resolvedRegex{}, part{})
		if diff := cmp.Diff(read, again, allow); diff != "" {
			t.Fatal(diff)
		}
	})
}
