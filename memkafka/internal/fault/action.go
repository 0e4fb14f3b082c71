package fault

import (
	"strconv"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/internal/script"
)

// Action is what a fault does: to a request one of [Fail], [DropRequest], [DropResponse], [DelayRequest], [DelayResponse],
// [Duplicate], [HoldResponse] and [Disconnect], and to the cluster one of [MoveCoordinator], [MoveLeader], [StopBroker],
// [StartBroker], [SlowBroker] and [JumpClock]. All of them are comparable values.
type Action interface{ command() script.Command }

// Fail answers with an error of Kafka's, for the partitions of the injection if there are any.
type Fail struct {
	Code        kafka.ErrorCode
	AfterEffect bool // what the request asks for is done all the same
}

// DropRequest loses the request before it arrives. It is never answered.
type DropRequest struct{}

// DropResponse loses the answer of a request that had its effect.
type DropResponse struct{}

// DelayRequest lets the request arrive later.
type DelayRequest struct {
	For  time.Duration
	UpTo time.Duration // in a plan, the delay is drawn from For to this; zero if it is For. In an injection it is drawn.
}

// DelayResponse lets a request have its effect and be answered later.
type DelayResponse struct{ For, UpTo time.Duration } // as in [DelayRequest]

// Duplicate lets the request arrive several times.
type Duplicate struct{ Times int32 } // beside the first; its answers but the first are lost

// HoldResponse makes the answer wait for later ones.
type HoldResponse struct{ Behind int32 } // answers on the same connection that leave first

// Disconnect closes the connection of the request.
type Disconnect struct{ AfterEffect bool } // or else before the request arrives

// MoveCoordinator moves the coordinator of a group or a transactional id to another broker. In an injection, exactly one of
// them is set.
type MoveCoordinator struct {
	Group, TransactionalID string // both empty in a plan: those of the request
	To                     int32  // the broker, or NoBroker for another one than so far
}

// MoveLeader moves the leader of a partition to another broker.
type MoveLeader struct {
	TP kafka.TopicPartition // its topic empty in a plan: the partitions of the request
	To int32                // the broker, or NoBroker for another one than so far
}

// StopBroker ends a broker: its connections close, and new ones are refused.
type StopBroker struct {
	Broker int32         // NoBroker in a plan: that of the request
	For    time.Duration // until it comes back; zero for never
}

// StartBroker brings a broker back.
type StartBroker struct{ Broker int32 }

// SlowBroker makes each answer of a broker take longer.
type SlowBroker struct {
	Broker int32         // NoBroker in a plan: that of the request
	By     time.Duration // zero for as fast as ever
	For    time.Duration // until it is fast again; zero for never
}

// JumpClock moves the clock of a broker, or of all, by which it stamps records and counts time-outs.
type JumpClock struct {
	By     time.Duration // negative to go back
	Broker int32         // NoBroker for all
}

// NoBroker stands for a broker that is not given.
const NoBroker int32 = -1

// onRequest is true for actions on a request, which need one.
func onRequest(a Action) bool {
	switch a.(type) {
	case Fail, DropRequest, DropResponse, DelayRequest, DelayResponse, Duplicate, HoldResponse, Disconnect:
		return true
	}
	return false
}

const afterEffect = "after-effect"

func (a Fail) command() script.Command {
	return say("error").word(a.Code.Name()).flag(afterEffect, a.AfterEffect).Command
}

func (DropRequest) command() script.Command { return say("drop-request").Command }

func (DropResponse) command() script.Command { return say("drop-response").Command }

func (a DelayRequest) command() script.Command {
	return say("delay-request").pair("for", a.For.String()).duration("up-to", a.UpTo).Command
}

func (a DelayResponse) command() script.Command {
	return say("delay-response").pair("for", a.For.String()).duration("up-to", a.UpTo).Command
}

func (a Duplicate) command() script.Command {
	return say("duplicate").number("times", a.Times, 1).Command
}

func (a HoldResponse) command() script.Command {
	return say("hold-response").number("behind", a.Behind, 1).Command
}

func (a Disconnect) command() script.Command {
	return say("disconnect").flag(afterEffect, a.AfterEffect).Command
}

func (a MoveCoordinator) command() script.Command {
	return say("move-coordinator").text("group", a.Group).text("transactional-id", a.TransactionalID).number("to", a.To, NoBroker).Command
}

func (a MoveLeader) command() script.Command {
	l := say("move-leader")
	if a.TP.Topic != "" {
		l = l.text("topic", a.TP.Topic).number("partition", a.TP.Partition, NoBroker)
	}
	return l.number("to", a.To, NoBroker).Command
}

func (a StopBroker) command() script.Command {
	return say("stop-broker").number("broker", a.Broker, NoBroker).duration("for", a.For).Command
}

func (a StartBroker) command() script.Command {
	return say("start-broker").number("broker", a.Broker, NoBroker).Command
}

func (a SlowBroker) command() script.Command {
	return say("slow-broker").number("broker", a.Broker, NoBroker).pair("by", a.By.String()).duration("for", a.For).Command
}

func (a JumpClock) command() script.Command {
	return say("jump-clock").pair("by", a.By.String()).number("broker", a.Broker, NoBroker).Command
}

// line builds a command, without the arguments that are not set.
type line struct{ script.Command }

func say(name string) line { return line{script.Command{Name: name}} }

func (l line) add(a script.Arg) line {
	l.Args = append(l.Args, a)
	return l
}

func (l line) word(value string) line { return l.add(script.Word(value)) }

func (l line) pair(key, value string) line { return l.add(script.Pair(key, value)) }

func (l line) flag(word string, set bool) line {
	if set {
		return l.word(word)
	}
	return l
}

func (l line) text(key, value string) line {
	if value != "" {
		return l.pair(key, value)
	}
	return l
}

func (l line) texts(key string, values []string) line {
	for _, v := range values {
		l = l.pair(key, v)
	}
	return l
}

func (l line) number(key string, n, unset int32) line {
	if n != unset {
		return l.pair(key, strconv.Itoa(int(n)))
	}
	return l
}

func (l line) numbers(key string, values []int32) line {
	for _, v := range values {
		l = l.pair(key, strconv.Itoa(int(v)))
	}
	return l
}

func (l line) duration(key string, d time.Duration) line {
	if d != 0 {
		return l.pair(key, d.String())
	}
	return l
}
