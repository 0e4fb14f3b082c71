package group

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/gokasim/gokasim/internal/kafka"
)

// TestTranscripts plays the histories in testdata. Members are called by the name of their client; the bench
// remembers the member id and generation that each was told last, and uses them unless a line gives others.
func TestTranscripts(t *testing.T) {
	for _, dir := range []string{"testdata/classic", "testdata/consumer", "testdata/migration"} {
		datadriven.Walk(t, dir, func(t *testing.T, path string) {
			b := newBench(t, DefaultConfig())
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				b.t = t
				return b.run(d)
			})
		})
	}
}

// bench steps a group by hand: it keeps virtual time and the timers that the group sets, and writes down what the
// group answers.
type bench struct {
	t       testing.TB
	cfg     Config
	g       *Group
	now     kafka.Millis
	serial  int
	timers  []SetTimer // in the order in which they were set
	ids     map[string]string
	epochs  map[string]int32
	log     []Entry
	out     strings.Builder
	topics  Topics
	clients map[string]*consumerClient
}

func newBench(t testing.TB, cfg Config) *bench {
	b := &bench{t: t, cfg: cfg, ids: map[string]string{}, epochs: map[string]int32{}, clients: map[string]*consumerClient{}}
	b.g = New("g", cfg, b.newID)
	return b
}

func (b *bench) newID(clientID string) string {
	b.serial++
	return clientID + "-" + strconv.Itoa(b.serial)
}

func (b *bench) step(cmd Command) {
	b.t.Helper()
	effects, err := b.g.Step(b.now, cmd)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range effects {
		b.perform(e)
	}
}

func (b *bench) perform(e Effect) {
	switch e := e.(type) {
	case SetTimer:
		b.stop(e.Key)
		b.timers = append(b.timers, e)
	case StopTimer:
		b.stop(e.Key)
	case AppendState:
		b.log = append(b.log, Entry{Records: e.Records, Transaction: e.Transaction})
		for _, r := range e.Records {
			fmt.Fprintf(&b.out, "append %s", describeRecord(b.t, r))
			if e.Transaction != nil {
				fmt.Fprintf(&b.out, " in transaction of %d", e.Transaction.ProducerID)
			}
			b.out.WriteString("\n")
		}
	case Reply:
		b.reply(e.Tag.(string), e.Response)
	}
}

func (b *bench) stop(key string) {
	b.timers = slices.DeleteFunc(b.timers, func(s SetTimer) bool { return s.Key == key })
}

// advance lets time pass and fires what comes due, in order.
func (b *bench) advance(d kafka.Millis) {
	until := b.now + d
	for {
		due := -1
		for i, s := range b.timers {
			if s.At <= until && (due < 0 || s.At < b.timers[due].At) {
				due = i
			}
		}
		if due < 0 {
			b.now = until
			return
		}
		s := b.timers[due]
		b.timers = slices.Delete(b.timers, due, due+1)
		b.now = max(b.now, s.At)
		state := b.g.State()
		said := b.during(func() { b.step(Timer{Key: s.Key}) })
		if now := b.g.State(); said != "" || now != state {
			fmt.Fprintf(&b.out, "%s: timer %s", time.Duration(b.now)*time.Millisecond, s.Key)
			if now != state {
				fmt.Fprintf(&b.out, " -> %s", now)
			}
			fmt.Fprintf(&b.out, "\n%s", said)
		}
	}
}

// during returns what do writes down, without keeping it.
func (b *bench) during(do func()) string {
	kept := b.out.String()
	b.out.Reset()
	do()
	said := b.out.String()
	b.out.Reset()
	b.out.WriteString(kept)
	return said
}

func (b *bench) run(d *datadriven.TestData) string {
	b.out.Reset()
	name := ""
	if len(d.CmdArgs) > 0 && len(d.CmdArgs[0].Vals) == 0 {
		name = d.CmdArgs[0].Key
	}
	a := args{d}
	switch d.Cmd {
	case "config":
		b.cfg = configFrom(a, b.cfg)
		b.g, b.log, b.timers = New("g", b.cfg, b.newID), nil, nil
		clear(b.ids)
		clear(b.epochs)
		clear(b.clients)
	case "join":
		b.step(Join{
			Tag: name, MemberID: a.string("member", b.ids[name]), InstanceID: a.string("instance", ""),
			ClientID: name, ClientHost: "/10.0.0.1",
			RequireKnownMemberID: !a.flag("old"), SupportsSkipAssignment: a.flag("v9"),
			ProtocolType: a.string("type", "consumer"), Protocols: protocolsFrom(a),
			SessionTimeout: a.millis("session", 10_000), RebalanceTimeout: a.millis("rebalance", 60_000),
		})
	case "sync":
		cmd := Sync{
			Tag: name, MemberID: a.string("member", b.ids[name]), InstanceID: a.string("instance", ""),
			Generation: a.int32("generation", b.epochs[name]), ProtocolType: a.string("type", ""), Protocol: a.string("protocol", ""),
		}
		for _, line := range strings.Fields(d.Input) {
			who, what, _ := strings.Cut(line, "=")
			cmd.Assignments = append(cmd.Assignments, MemberAssignment{MemberID: b.id(who), Assignment: []byte(what)})
		}
		if arg, found := a.find("assigned"); found {
			cmd.Assignments = []MemberAssignment{{MemberID: b.id(name), Assignment: encodeAssignment(0, namedFrom(b.t, arg))}}
		}
		b.step(cmd)
	case "heartbeat":
		b.step(Heartbeat{
			Tag: name, MemberID: a.string("member", b.ids[name]), InstanceID: a.string("instance", ""),
			Generation: a.int32("generation", b.epochs[name]),
		})
	case "leave":
		cmd := Leave{Tag: "leave"}
		for _, arg := range d.CmdArgs {
			if arg.Key == "instance" {
				cmd.Members = append(cmd.Members, LeavingMember{InstanceID: arg.Vals[0]})
			} else {
				cmd.Members = append(cmd.Members, LeavingMember{MemberID: b.id(arg.Key)})
			}
		}
		b.step(cmd)
	case "commit":
		cmd := Commit{Tag: "commit", Generation: a.int32("generation", -1)}
		if name != "" {
			cmd.MemberID, cmd.InstanceID = a.string("member", b.ids[name]), a.string("instance", "")
			cmd.Generation = a.int32("generation", b.epochs[name])
		}
		for _, line := range strings.Fields(d.Input) {
			cmd.Offsets = append(cmd.Offsets, commitFrom(b.t, line))
		}
		b.step(cmd)
	case "fetch-offsets":
		cmd := FetchOffsets{Tag: "fetch-offsets", RequireStable: a.flag("stable"), MemberID: a.string("member", ""), MemberEpoch: a.int32("epoch", 0)}
		for _, f := range strings.Fields(d.Input) {
			cmd.Partitions = append(cmd.Partitions, partitionFrom(b.t, f))
		}
		b.step(cmd)
	case "txn-commit":
		cmd := TxnCommit{Tag: "txn-commit", Generation: a.int32("generation", -1)}
		cmd.Transaction.ProducerID = int64(a.int32("producer", 0))
		if _, named := b.ids[name]; named || a.flag("member") {
			cmd.MemberID, cmd.InstanceID = a.string("member", b.ids[name]), a.string("instance", "")
			cmd.Generation = a.int32("generation", b.epochs[name])
		}
		for _, line := range strings.Fields(d.Input) {
			cmd.Offsets = append(cmd.Offsets, commitFrom(b.t, line))
		}
		b.step(cmd)
	case "end-txn":
		cmd := EndTxn{ProducerID: int64(a.int32("producer", 0)), Commit: a.flag("commit")}
		marker := AbortMarker
		if cmd.Commit {
			marker = CommitMarker
		}
		b.log = append(b.log, Entry{Transaction: &Transaction{ProducerID: cmd.ProducerID}, Marker: marker})
		b.step(cmd)
	case "delete-offsets":
		cmd := DeleteOffsets{Tag: "delete-offsets"}
		for _, f := range strings.Fields(d.Input) {
			cmd.Partitions = append(cmd.Partitions, partitionFrom(b.t, f))
		}
		b.step(cmd)
	case "delete":
		b.step(Delete{Tag: "delete"})
	case "restart":
		b.restart()
	case "topics":
		b.topics = Topics{}
		for _, arg := range d.CmdArgs {
			n, err := strconv.Atoi(arg.Vals[0])
			if err != nil {
				d.Fatalf(b.t.(*testing.T), "%v", err)
			}
			name, life, _ := strings.Cut(arg.Key, "@")
			b.topics[name] = Topic{ID: topicID(name + life), Partitions: int32(n)}
		}
		b.step(Metadata{Topics: b.topics})
	case "consumer-heartbeat":
		b.step(b.consumerHeartbeat(name, a))
	case "live":
		b.live(d)
	case "advance":
		b.advance(millisFrom(b.t, name))
	case "keep-alive":
		b.keepAlive(d)
	case "state":
		b.describe()
	case "timers":
		for _, s := range slices.SortedStableFunc(slices.Values(b.timers), func(x, y SetTimer) int { return int(x.At - y.At) }) {
			fmt.Fprintf(&b.out, "%s %s\n", time.Duration(s.At)*time.Millisecond, s.Key)
		}
	default:
		d.Fatalf(b.t.(*testing.T), "unknown command %s", d.Cmd)
	}
	if b.out.Len() == 0 {
		return "(nothing)\n"
	}
	return b.out.String()
}

// restart replaces the group by what its records give.
func (b *bench) restart() {
	g, effects, err := Replay("g", b.cfg, b.newID, b.now, b.log)
	if err != nil {
		b.t.Fatal(err)
	}
	b.g, b.timers = g, nil
	for _, e := range effects {
		b.perform(e)
	}
	b.step(Metadata{Topics: b.topics})
}

// keepAlive lets the named members heartbeat each 3 s for a while, and reports each kind of failure once.
func (b *bench) keepAlive(d *datadriven.TestData) {
	until := b.now + millisFrom(b.t, d.CmdArgs[len(d.CmdArgs)-1].Key)
	for b.now < until {
		b.advance(min(3_000, until-b.now))
		for _, arg := range d.CmdArgs[:len(d.CmdArgs)-1] {
			said := b.during(func() {
				b.step(Heartbeat{Tag: arg.Key, MemberID: b.ids[arg.Key], Generation: b.epochs[arg.Key]})
			})
			if !strings.HasSuffix(said, "heartbeat ok\n") && !strings.Contains(b.out.String(), said) {
				b.out.WriteString(said)
			}
		}
	}
}

func (b *bench) id(name string) string {
	if id, known := b.ids[name]; known {
		return id
	}
	return name
}

func (b *bench) reply(tag string, response any) {
	switch r := response.(type) {
	case JoinResponse:
		if r.Err == kafka.None || r.Err == kafka.MemberIDRequired {
			b.ids[tag] = r.MemberID
		}
		if r.Err != kafka.None {
			fmt.Fprintf(&b.out, "%s: join %s", tag, r.Err.Name())
			if r.MemberID != "" {
				fmt.Fprintf(&b.out, " member=%s", r.MemberID)
			}
			b.out.WriteString("\n")
			return
		}
		b.epochs[tag] = r.Generation
		fmt.Fprintf(&b.out, "%s: join generation=%d protocol=%s leader=%s member=%s", tag, r.Generation, r.Protocol, r.Leader, r.MemberID)
		for _, m := range r.Members {
			fmt.Fprintf(&b.out, " %s", m.MemberID)
			if m.InstanceID != "" {
				fmt.Fprintf(&b.out, "(%s)", m.InstanceID)
			}
		}
		if r.SkipAssignment {
			b.out.WriteString(" skip-assignment")
		}
		b.out.WriteString("\n")
	case SyncResponse:
		fmt.Fprintf(&b.out, "%s: sync %s\n", tag, okOr(r.Err, printAssignment(r.Assignment)))
	case HeartbeatResponse:
		fmt.Fprintf(&b.out, "%s: heartbeat %s\n", tag, okOr(r.Err, "ok"))
	case LeaveResponse:
		fmt.Fprintf(&b.out, "%s: %s", tag, okOr(r.Err, "ok"))
		for _, m := range r.Members {
			fmt.Fprintf(&b.out, " %s%s=%s", m.MemberID, m.InstanceID, okOr(m.Err, "ok"))
		}
		b.out.WriteString("\n")
	case CommitResponse:
		b.partitions(tag, r.Err, r.Partitions)
	case DeleteOffsetsResponse:
		b.partitions(tag, r.Err, r.Partitions)
	case ConsumerHeartbeatResponse:
		b.hearConsumer(tag, r)
	case DeleteResponse:
		fmt.Fprintf(&b.out, "%s: %s\n", tag, okOr(r.Err, "ok"))
	case FetchOffsetsResponse:
		fmt.Fprintf(&b.out, "%s: %s", tag, okOr(r.Err, "ok"))
		for _, o := range r.Offsets {
			fmt.Fprintf(&b.out, " %s=%s", o.TP, okOr(o.Err, strconv.Itoa(int(o.Offset))))
			if o.Metadata != "" {
				fmt.Fprintf(&b.out, ",%s", o.Metadata)
			}
		}
		b.out.WriteString("\n")
	default:
		b.t.Fatalf("a reply of type %T", response)
	}
}

func (b *bench) partitions(tag string, err kafka.ErrorCode, results []CommitResult) {
	fmt.Fprintf(&b.out, "%s: %s", tag, okOr(err, "ok"))
	for _, p := range results {
		if p.Err != err {
			fmt.Fprintf(&b.out, " %s=%s", p.TP, p.Err.Name())
		}
	}
	b.out.WriteString("\n")
}

// printAssignment prints what a consumer would understand as partitions, and else the bytes.
func printAssignment(assignment []byte) string {
	if len(assignment) > 0 {
		if partitions, err := decodeAssignment(assignment); err == nil {
			return fmt.Sprint(partitions)
		}
	}
	return strconv.Quote(string(assignment))
}

func namedFrom(t testing.TB, arg datadriven.CmdArg) []kafka.TopicPartition {
	var list []kafka.TopicPartition
	for _, s := range arg.Vals {
		if s != "" {
			list = append(list, partitionFrom(t, s))
		}
	}
	return list
}

func okOr(err kafka.ErrorCode, ok string) string {
	if err != kafka.None {
		return err.Name()
	}
	return ok
}

func (b *bench) describe() {
	d := b.g.Describe()
	if d.Type == Consumer {
		b.describeConsumer(d)
		return
	}
	fmt.Fprintf(&b.out, "%s generation=%d", d.State, d.Generation)
	if d.Protocol != "" {
		fmt.Fprintf(&b.out, " protocol=%s", d.Protocol)
	}
	if d.Leader != "" {
		fmt.Fprintf(&b.out, " leader=%s", d.Leader)
	}
	b.out.WriteString("\n")
	for _, m := range d.Members {
		fmt.Fprintf(&b.out, "  %s", m.MemberID)
		if m.InstanceID != "" {
			fmt.Fprintf(&b.out, "(%s)", m.InstanceID)
		}
		if d.State == Stable {
			fmt.Fprintf(&b.out, " %s", printAssignment(m.Assignment))
		}
		b.out.WriteString("\n")
	}
	for _, o := range b.g.Offsets() {
		fmt.Fprintf(&b.out, "  %s=%d\n", o.TP, o.Offset)
	}
}

func describeRecord(t testing.TB, r kafka.Record) string {
	k := reader{b: r.Key}
	v := reader{b: r.Value}
	switch k.int16() {
	case keyOffset:
		group, topic, partition := k.string(), k.string(), k.int32()
		if r.Value == nil {
			return fmt.Sprintf("offset %s %s/%d gone", group, topic, partition)
		}
		v.int16()
		return fmt.Sprintf("offset %s %s/%d=%d", group, topic, partition, v.int64())
	case keyMetadata:
		group := k.string()
		if r.Value == nil {
			return fmt.Sprintf("group %s gone", group)
		}
		v.int16()
		v.string()
		generation := v.int32()
		v.string()
		v.string()
		v.int64()
		return fmt.Sprintf("group %s generation=%d members=%d", group, generation, v.int32())
	default:
		record, err := decodeState(r)
		if err != nil {
			t.Fatal(err)
		}
		return describeState(record)
	}
}

// args reads a transcript's name=value arguments.
type args struct{ d *datadriven.TestData }

func (a args) find(name string) (datadriven.CmdArg, bool) {
	for _, arg := range a.d.CmdArgs {
		if arg.Key == name {
			return arg, true
		}
	}
	return datadriven.CmdArg{}, false
}

func (a args) flag(name string) bool {
	_, found := a.find(name)
	return found
}

func (a args) string(name, otherwise string) string {
	arg, found := a.find(name)
	if !found {
		return otherwise
	}
	return strings.Join(arg.Vals, ",")
}

func (a args) int32(name string, otherwise int32) int32 {
	arg, found := a.find(name)
	if !found {
		return otherwise
	}
	n, err := strconv.Atoi(arg.Vals[0])
	if err != nil {
		panic(err)
	}
	return int32(n)
}

func (a args) millis(name string, otherwise kafka.Millis) kafka.Millis {
	arg, found := a.find(name)
	if !found {
		return otherwise
	}
	return millisFrom(nil, arg.Vals[0])
}

func millisFrom(_ testing.TB, s string) kafka.Millis {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return kafka.Millis(d / time.Millisecond)
}

func configFrom(a args, cfg Config) Config {
	cfg.InitialRebalanceDelay = a.millis("initial-delay", cfg.InitialRebalanceDelay)
	cfg.MaxSize = int(a.int32("max-size", int32(cfg.MaxSize)))
	cfg.OffsetsRetention = a.millis("retention", cfg.OffsetsRetention)
	cfg.NewMemberJoinTimeout = a.millis("join-timeout", cfg.NewMemberJoinTimeout)
	cfg.ConsumerSessionTimeout = a.millis("consumer-session", cfg.ConsumerSessionTimeout)
	cfg.ConsumerMaxSize = int(a.int32("consumer-max-size", int32(cfg.ConsumerMaxSize)))
	cfg.Migration = MigrationPolicy(a.string("migration", string(cfg.Migration)))
	return cfg
}

// protocolsFrom reads protocols=(range,roundrobin) topics=(a,b), and extra=x for metadata that differs in nothing else.
func protocolsFrom(a args) []Protocol {
	var topics []string
	if arg, found := a.find("topics"); found {
		topics = arg.Vals
	}
	names := []string{"range"}
	if arg, found := a.find("protocols"); found {
		names = arg.Vals
	}
	var protocols []Protocol
	if a.flag("no-protocols") {
		return nil
	}
	for _, name := range names {
		metadata := consumerMetadata(a.string("extra", ""), topics...)
		if arg, found := a.find("owned"); found {
			metadata = claiming(metadata, namedFrom(nil, arg))
		}
		protocols = append(protocols, Protocol{Name: name, Metadata: metadata})
	}
	return protocols
}

// consumerMetadata is ConsumerProtocolSubscription version 0.
func consumerMetadata(userData string, topics ...string) []byte {
	b := binary.BigEndian.AppendUint16(nil, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(topics)))
	for _, topic := range topics {
		b = binary.BigEndian.AppendUint16(b, uint16(len(topic)))
		b = append(b, topic...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(userData)))
	return append(b, userData...)
}

// claiming makes metadata that of version 1, which tells the partitions that the member owns.
func claiming(metadata []byte, owned []kafka.TopicPartition) []byte {
	metadata[1] = 1
	assignment := encodeAssignment(0, owned)
	return append(metadata, assignment[2:len(assignment)-4]...)
}

// commitFrom reads topic/partition=offset, with ",remark" behind it if any.
func commitFrom(t testing.TB, s string) OffsetCommit {
	tp, rest, _ := strings.Cut(s, "=")
	number, metadata, _ := strings.Cut(rest, ",")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	if count, repeated := strings.CutPrefix(metadata, "x*"); repeated {
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatal(err)
		}
		metadata = strings.Repeat("x", n)
	}
	return OffsetCommit{TP: partitionFrom(t, tp), Offset: kafka.Offset(n), LeaderEpoch: -1, Metadata: metadata}
}

func partitionFrom(t testing.TB, s string) kafka.TopicPartition {
	topic, p, found := strings.Cut(s, "/")
	n, err := strconv.Atoi(p)
	if !found || err != nil {
		t.Fatalf("%q is not topic/partition", s)
	}
	return kafka.TopicPartition{Topic: topic, Partition: int32(n)}
}
