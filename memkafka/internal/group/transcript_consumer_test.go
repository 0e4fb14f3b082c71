package group

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/gokasim/gokasim/internal/kafka"
)

// consumerClient is what a client of KIP-848 remembers between heartbeats.
type consumerClient struct {
	id    string
	epoch int32
	owned []TopicPartitions
	next  kafka.Millis // heartbeat
}

// topicID is an id that can be read as the topic's name.
func topicID(name string) (id TopicID) {
	copy(id[:], name)
	return id
}

func (id TopicID) String() string { return strings.TrimRight(string(id[:]), "\x00") }

func (b *bench) client(name string) *consumerClient {
	if b.clients[name] == nil {
		b.clients[name] = &consumerClient{id: name, epoch: 0}
	}
	return b.clients[name]
}

// consumerHeartbeat reads a heartbeat. A client's first one joins with all that has to be said then; later ones say its
// epoch alone unless the line has more.
func (b *bench) consumerHeartbeat(name string, a args) ConsumerHeartbeat {
	c := b.client(name)
	cmd := ConsumerHeartbeat{
		Tag: name, MemberID: a.string("member", c.id), MemberEpoch: a.int32("epoch", c.epoch), InstanceID: a.string("instance", ""),
		RackID: a.string("rack", ""), ClientID: name, ClientHost: "/10.0.0.1", RequireMemberID: a.flag("v1"),
		RebalanceTimeout: -1, Assignor: a.string("assignor", ""),
	}
	if arg, found := a.find("topics"); found {
		cmd.SubscribedTopics = slices.DeleteFunc(slices.Clone(arg.Vals), func(s string) bool { return s == "" })
	}
	if arg, found := a.find("regex"); found {
		regex := strings.Join(arg.Vals, ",")
		cmd.SubscribedRegex = &regex
	}
	if cmd.MemberEpoch == epochJoin {
		cmd.RebalanceTimeout, cmd.Owned = 60_000, []TopicPartitions{}
	}
	cmd.RebalanceTimeout = a.millis("rebalance", cmd.RebalanceTimeout)
	if arg, found := a.find("owned"); found {
		cmd.Owned = b.partitionsFrom(arg)
	}
	return cmd
}

func (b *bench) partitionsFrom(arg datadriven.CmdArg) []TopicPartitions {
	ps := parts{}
	for _, s := range arg.Vals {
		if s == "" {
			continue
		}
		topic, p, _ := strings.Cut(s, "/")
		n, err := strconv.Atoi(p)
		if err != nil {
			b.t.Fatal(err)
		}
		ps[part{topicID(topic), int32(n)}] = 0
	}
	return ps.topicPartitions()
}

func (b *bench) hearConsumer(name string, r ConsumerHeartbeatResponse) {
	c := b.client(name)
	if r.Err != kafka.None {
		fmt.Fprintf(&b.out, "%s: %s (%s)\n", name, r.Err.Name(), r.Message)
		if r.Err == kafka.FencedMemberEpoch || r.Err == kafka.UnknownMemberID {
			c.epoch, c.owned = 0, nil
		}
		return
	}
	c.id, c.epoch = r.MemberID, max(r.MemberEpoch, 0)
	fmt.Fprintf(&b.out, "%s: epoch=%d", name, r.MemberEpoch)
	if r.MemberID != name {
		fmt.Fprintf(&b.out, " member=%s", r.MemberID)
	}
	if r.Assigned != nil {
		fmt.Fprintf(&b.out, " assigned=%s", printParts(r.Assigned))
	}
	b.out.WriteString("\n")
}

func printParts(list []TopicPartitions) string {
	var names []string
	for _, tp := range list {
		for _, p := range tp.Partitions {
			names = append(names, fmt.Sprintf("%s/%d", tp.Topic, p))
		}
	}
	return "[" + strings.Join(names, " ") + "]"
}

// live lets clients behave as Kafka's own does, for a while: a heartbeat each 5 s, and one at once to say that a new
// assignment was taken on. It reports what they are told beyond their epoch.
func (b *bench) live(d *datadriven.TestData) {
	names := []string{}
	for _, arg := range d.CmdArgs[:len(d.CmdArgs)-1] {
		names = append(names, arg.Key)
		b.client(arg.Key).next = b.now
	}
	until := b.now + millisFrom(b.t, d.CmdArgs[len(d.CmdArgs)-1].Key)
	for {
		who := slices.MinFunc(names, func(x, y string) int { return int(b.client(x).next - b.client(y).next) })
		c := b.client(who)
		if c.next > until {
			b.advance(until - b.now)
			return
		}
		b.advance(c.next - b.now)
		c.next = b.now + b.cfg.ConsumerHeartbeatInterval
		cmd := ConsumerHeartbeat{Tag: who, MemberID: c.id, MemberEpoch: c.epoch, ClientID: who, ClientHost: "/10.0.0.1", RebalanceTimeout: -1, Owned: c.owned}
		var told *ConsumerHeartbeatResponse
		said := b.during(func() {
			effects, err := b.g.Step(b.now, cmd)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, e := range effects {
				b.perform(e)
				if r, ok := e.(Reply); ok {
					response := r.Response.(ConsumerHeartbeatResponse)
					told = &response
				}
			}
		})
		if told.Assigned != nil {
			c.owned, c.next = told.Assigned, b.now // the client takes it on and says so
		}
		if told.Err != kafka.None || told.Assigned != nil {
			fmt.Fprintf(&b.out, "%s ", time.Duration(b.now)*time.Millisecond)
			for _, line := range strings.SplitAfter(said, "\n") {
				if strings.HasPrefix(line, who+":") {
					b.out.WriteString(line)
				}
			}
		}
	}
}

func (b *bench) describeConsumer(d Description) {
	fmt.Fprintf(&b.out, "%s %s epoch=%d target-epoch=%d\n", d.State, d.Protocol, d.Generation, d.AssignmentEpoch)
	for _, m := range d.Members {
		fmt.Fprintf(&b.out, "  %s", m.MemberID)
		if m.InstanceID != "" {
			fmt.Fprintf(&b.out, "(%s)", m.InstanceID)
		}
		if m.Type == Classic {
			b.out.WriteString(" classic")
		}
		fmt.Fprintf(&b.out, " epoch=%d %s %s", m.Epoch, m.State, printParts(m.Assigned))
		if len(m.Revoking) > 0 {
			fmt.Fprintf(&b.out, " revoking=%s", printParts(m.Revoking))
		}
		if printParts(m.Target) != printParts(m.Assigned) {
			fmt.Fprintf(&b.out, " target=%s", printParts(m.Target))
		}
		b.out.WriteString("\n")
	}
	for _, o := range b.g.Offsets() {
		fmt.Fprintf(&b.out, "  %s=%d\n", o.TP, o.Offset)
	}
}

func describeState(r stateRecord) string {
	switch r := r.(type) {
	case epochRecord:
		if r.gone {
			return "epoch gone"
		}
		return fmt.Sprintf("epoch %d", r.epoch)
	case memberRecord:
		if r.metadata == nil {
			return "member " + r.memberID + " gone"
		}
		return fmt.Sprintf("member %s topics=%v", r.memberID, r.metadata.topics)
	case targetEpochRecord:
		if r.gone {
			return "target epoch gone"
		}
		return fmt.Sprintf("target epoch %d", r.epoch)
	case targetRecord:
		if r.target == nil {
			return "target " + r.memberID + " gone"
		}
		return fmt.Sprintf("target %s %s", r.memberID, printParts(r.target.topicPartitions()))
	case progressRecord:
		if r.progress == nil {
			return "progress " + r.memberID + " gone"
		}
		s := fmt.Sprintf("progress %s epoch=%d %s %s", r.memberID, r.progress.epoch, r.progress.state, printParts(r.progress.assigned.topicPartitions()))
		if len(r.progress.revoking) > 0 {
			s += " revoking " + printParts(r.progress.revoking.topicPartitions())
		}
		return s
	case regexRecord:
		if r.resolved == nil {
			return "regex " + r.regex + " gone"
		}
		return fmt.Sprintf("regex %s %v", r.regex, r.resolved.topics)
	}
	return fmt.Sprintf("%T", r)
}
