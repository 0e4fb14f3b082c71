// Package group is Kafka's group coordinator for one group id, as a value that is stepped: members and their
// generations or epochs, and committed offsets.
//
// A [Group] reads no clock, starts no goroutine and takes no lock. [Group.Step] is given the time and one command and
// answers with effects: replies to carry to clients, timers to set, records to append to __consumer_offsets. A group
// that was lost is built again from those records by [Replay].
package group

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Group is one group id: the members that share its partitions, and its committed offsets. A new Group is [Dead],
// which is what Kafka calls a group that nobody created; the first join or commit creates it. A Dead group holds
// nothing, sets no timers and may be dropped, or stepped again.
//
// A Group is not safe for concurrent use. It keeps the byte slices of the commands it is given, so callers must not
// change them afterwards.
type Group struct {
	core
	classic  classic
	consumer consumer
}

// core is what both protocols of a group stand on: its name, the time of the step, the effects gathered so far,
// timers, and offsets.
type core struct {
	id    string
	cfg   Config
	newID func(clientID string) string

	now       kafka.Millis
	effects   []Effect
	spent     []Effect                // of the step before, used again
	unwritten []kafka.Record          // of this step: they are appended before the next reply
	timers    map[string]kafka.Millis // the timers that are set, by key

	topics        Topics
	topicsVersion int // grows whenever topics is replaced
	names         map[TopicID]string

	offsets       offsets
	expiryChanged bool // in this step: the timer for the next expiry has to be looked at
}

// New returns the group named id, with nothing in it. newID makes member ids, in Kafka's way the given client id (or
// instance id, for a static member), a hyphen and a UUID; it must not repeat itself. Bad settings are taken as they
// are: see [Config.Validate].
func New(id string, cfg Config, newID func(clientID string) string) *Group {
	g := &Group{core: core{id: id, cfg: cfg, newID: newID, timers: map[string]kafka.Millis{}}}
	g.offsets = newOffsets()
	g.classic = classic{core: &g.core, state: Dead, members: newRoster()}
	g.consumer = newConsumer(&g.core)
	return g
}

// Command is one request to a group, or word from the cluster: a [Join], [Sync], [Heartbeat], [Leave],
// [ConsumerHeartbeat], [Commit], [TxnCommit], [FetchOffsets], [DeleteOffsets], [Delete], [EndTxn], [Metadata] or [Timer].
type Command interface{ command() }

// Effect is something the caller of [Group.Step] has to carry out: a [Reply], [SetTimer], [StopTimer] or
// [AppendState].
type Effect interface{ effect() }

// Reply answers the request whose command carried Tag. Each tagged command is answered exactly once, in the same step
// or in a later one. Response is a pointer-free value such as [JoinResponse].
type Reply struct {
	Tag      any
	Response any
}

// SetTimer asks for a [Timer] command with this key at At or later. It replaces an earlier one with the same key.
type SetTimer struct {
	Key string
	At  kafka.Millis
}

// StopTimer takes back the timer with this key.
type StopTimer struct{ Key string }

// AppendState asks for records to be appended to the group's partition of __consumer_offsets, as one batch, before any
// reply that follows it leaves. They carry no offsets yet.
type AppendState struct {
	Records []kafka.Record
	// Transaction, if not nil, is the one that the batch belongs to: it counts once that is committed.
	Transaction *Transaction
}

// Transaction names an open transaction of a producer (KIP-98).
type Transaction struct {
	ProducerID    int64
	ProducerEpoch int16
}

func (Reply) effect()       {}
func (SetTimer) effect()    {}
func (StopTimer) effect()   {}
func (AppendState) effect() {}

// Timer says that the timer with this key, set by [SetTimer], is due. One that was stopped or replaced meanwhile does
// nothing, and one that comes early is set again, so a caller with real timers need not fear races.
type Timer struct{ Key string }

func (Timer) command() {}

// ErrCommand reports a command that no client can send: a mistake in the calling code.
var ErrCommand = errors.New("invalid group command")

// Step applies cmd at time now and returns what the caller has to carry out, in order. What Kafka answers with an
// error code travels in the [Reply]; an error of Step itself wraps [ErrCommand], means a mistake of the caller, and
// leaves the group as it was. The effects are valid until the next Step.
func (g *Group) Step(now kafka.Millis, cmd Command) ([]Effect, error) {
	g.now, g.effects = now, g.spent[:0]
	switch c := cmd.(type) {
	case Join:
		g.join(&c) // a copy for each step of its long way would make goroutines grow their stacks
	case Sync:
		g.sync(c)
	case Heartbeat:
		g.heartbeat(c)
	case Leave:
		g.leave(c)
	case ConsumerHeartbeat:
		g.consumerHeartbeat(c)
	case Metadata:
		g.learn(c)
	case Timer:
		g.timer(c)
	default:
		if g.stepOffsets(cmd) {
			break
		}
		return nil, fmt.Errorf("group %q: %w: %T is not one of this package's commands; pass a value, not a pointer", g.id, ErrCommand, cmd)
	}
	return g.finish(), nil
}

// stepOffsets applies what is about committed offsets, and reports whether cmd is.
func (g *Group) stepOffsets(cmd Command) bool {
	switch c := cmd.(type) {
	case Commit:
		g.commit(c)
	case FetchOffsets:
		g.fetchOffsets(c)
	case TxnCommit:
		g.txnCommit(c)
	case EndTxn:
		g.endTxn(c)
	case DeleteOffsets:
		g.deleteOffsets(c)
	case TopicDeleted:
		g.topicDeleted(c)
	case Delete:
		g.delete(c)
	default:
		return false
	}
	return true
}

// finish closes a step: what is left to be written is written, and the timer for the next expiry looked at.
func (g *Group) finish() []Effect {
	g.flush()
	if g.expiryChanged {
		g.expiryChanged = false
		g.armExpiry()
	}
	effects := g.effects
	g.effects, g.spent = nil, effects
	return effects
}

func (g *Group) timer(cmd Timer) {
	at, set := g.timers[cmd.Key]
	switch {
	case !set:
		return
	case at > g.now:
		g.setTimer(cmd.Key, at)
		return
	}
	delete(g.timers, cmd.Key)
	if cmd.Key == timerOffsets {
		g.expire()
		return
	}
	if g.consumer.exists {
		g.consumerTimer(cmd.Key)
		return
	}
	g.classic.timer(cmd.Key)
}

func (c *core) reply(tag, response any) {
	c.flush()
	c.effects = append(c.effects, Reply{Tag: tag, Response: response})
}

func (c *core) setTimer(key string, at kafka.Millis) {
	c.timers[key] = at
	c.effects = append(c.effects, SetTimer{Key: key, At: at})
}

func (c *core) stopTimer(key string) {
	if _, set := c.timers[key]; set {
		delete(c.timers, key)
		c.effects = append(c.effects, StopTimer{Key: key})
	}
}

// append leaves records to be appended before the next reply.
func (c *core) append(records ...kafka.Record) { c.unwritten = append(c.unwritten, records...) }

func (c *core) flush() {
	records := c.unwritten
	c.unwritten = nil
	c.appendIn(nil, records)
}

func (c *core) appendIn(txn *Transaction, records []kafka.Record) {
	if len(records) == 0 {
		return
	}
	for i := range records {
		records[i].Timestamp = c.now
	}
	c.effects = append(c.effects, AppendState{Records: records, Transaction: txn})
}

// ID is the group id.
func (g *Group) ID() string { return g.id }

// State is where the group is in its round of joining, syncing and working; [Dead] when it does not exist.
func (g *Group) State() State { return g.half().current() }

// Type is the protocol that the group lives by: [Classic], or [Consumer] for a KIP-848 group. A dead group is classic.
func (g *Group) Type() Type {
	if g.consumer.exists {
		return Consumer
	}
	return Classic
}

// Generation counts the rebalances of the group since it was created, from 0. In a KIP-848 group it is the group's
// epoch.
func (g *Group) Generation() int32 {
	if g.consumer.exists {
		return g.consumer.epoch
	}
	return g.classic.generation
}

// Protocol is the assignor that the members chose for this generation; empty while there is none.
func (g *Group) Protocol() string {
	if g.consumer.exists {
		return g.consumer.assignorName()
	}
	return g.classic.protocol
}

// Leader is the id of the member that makes the assignment; empty while there is none, and in a KIP-848 group.
func (g *Group) Leader() string { return g.classic.leader }

// Timers is the keys of the timers that are set, sorted.
func (g *Group) Timers() []string { return slices.Sorted(maps.Keys(g.timers)) }
