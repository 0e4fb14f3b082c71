package seam

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/fault"
)

// Op is one request, as far as faults look at it.
type Op = fault.Op

// Errors of requests that were not answered, as clients with sockets see them.
var (
	// ErrDisconnected reports a request whose connection was closed.
	ErrDisconnected error = io.EOF
	// ErrNoAnswer reports a request that was not answered in time.
	ErrNoAnswer error = &net.OpError{Op: "read", Net: "mem", Err: os.ErrDeadlineExceeded}
)

// patience is how long clients wait for an answer unless they say otherwise: sarama's Net.ReadTimeout.
const patience = 30 * time.Second

// faults is what goes wrong in a cluster. All is guarded by the engine's mu.
type faults struct {
	plans []*faultPlan
	slow  map[int32]time.Duration // by broker: how much longer its answers take
	calms map[int32]uint64        // by broker: counts changes of slow
}

// faultPlan is a plan that was added.
type faultPlan struct {
	faults   []fault.Fault
	injector *fault.Injector
	errs     map[string]error // by label: what of a fault could not be done last
}

// FaultCount is how often a fault happened.
type FaultCount struct {
	Fault    string // its name, or its text if it has none
	Seen     int    // requests that passed its selectors, or times that came
	Injected int    // and went wrong
	Err      error  // why what it does to the cluster could not be done, the last time; nil if it could
}

// AddFaults adds a plan to what goes wrong. Its times count from now.
func (e *Engine) AddFaults(p fault.Plan) error {
	if err := p.Validate(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return ErrClosed
	}
	return e.addFaults(p)
}

// SetFaults makes a plan all that goes wrong from now on, and forgets the counts of what went wrong before.
func (e *Engine) SetFaults(p fault.Plan) error {
	if err := p.Validate(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return ErrClosed
	}
	e.faults = nil
	e.faulty.Store(false)
	return e.addFaults(p)
}

func (e *Engine) addFaults(p fault.Plan) error {
	n := 0
	if e.faults != nil {
		n = len(e.faults.plans)
		for _, f := range p.Faults {
			for _, before := range e.faults.plans {
				if f.Name != "" && slices.ContainsFunc(before.faults, func(b fault.Fault) bool { return b.Name == f.Name }) {
					return fmt.Errorf("the name %q of a fault is taken by one that was added before; give it another one", f.Name)
				}
			}
		}
	}
	if len(p.Faults) == 0 {
		return nil
	}
	if e.faults == nil {
		e.faults = &faults{slow: map[int32]time.Duration{}, calms: map[int32]uint64{}}
	}
	seed := e.core.Settings().Seed + uint64(n)*0x9e3779b97f4a7c15
	e.faulty.Store(true)
	e.faults.plans = append(e.faults.plans, &faultPlan{p.Faults, p.Start(seed, nowMillis()), map[string]error{}})
	e.arm()
	return nil
}

// ClearFaults ends all faults. What they delay already stays delayed, and what they broke stays broken.
func (e *Engine) ClearFaults() {
	e.mu.Lock()
	defer e.unlock()
	e.faults = nil
	e.faulty.Store(false)
}

// FaultCounts is how often each fault happened so far, in the order in which they were given.
func (e *Engine) FaultCounts() []FaultCount {
	e.mu.Lock()
	defer e.unlock()
	if e.faults == nil {
		return nil
	}
	var counts []FaultCount
	for _, p := range e.faults.plans {
		for _, c := range p.injector.Counts() {
			counts = append(counts, FaultCount{c.Fault, c.Seen, c.Injected, p.errs[c.Fault]})
		}
	}
	return counts
}

// Faulty reports whether there are faults.
func (e *Engine) Faulty() bool { return e.faulty.Load() }

// Throttles reports whether clients have quotas.
func (e *Engine) Throttles() bool { return e.throttles.Load() }

// Judge asks what happens to a request of a client with a connection of its own, once for each request and before it is
// served. What happens to the cluster has happened when it returns; the rest is the caller's.
func (e *Engine) Judge(op Op) fault.Verdict {
	e.mu.Lock()
	defer e.unlock()
	if e.faults == nil || e.closed {
		return fault.Verdict{}
	}
	v := e.judge(op)
	e.afterStep()
	return v
}

// judge is Judge with mu held.
func (e *Engine) judge(op Op) fault.Verdict {
	now := nowMillis()
	var injections []fault.Injection
	for _, p := range e.faults.plans {
		these := p.injector.Match(now, op)
		e.carryOut(now, p, these)
		injections = append(injections, these...)
	}
	v := fault.Decide(injections)
	v.DelayResponse += e.faults.slow[op.Broker]
	if e.driver != nil {
		told := ""
		for _, in := range injections {
			if in.Fault != told {
				e.driver.line(op.ClientID, "is hit by", in.Fault)
				told = in.Fault
			}
		}
	}
	return v
}

// dueFaults carries out what happens at a time that has come. Called with mu held.
func (e *Engine) dueFaults(now kafka.Millis) {
	if e.faults == nil {
		return
	}
	for _, p := range e.faults.plans {
		due := p.injector.Due(now)
		if e.driver != nil {
			for _, in := range due {
				e.driver.line("", "fault", in.Fault)
			}
		}
		e.carryOut(now, p, due)
	}
}

// nextFault is when something happens at a time.
func (e *Engine) nextFault() (next kafka.Millis, ok bool) {
	if e.faults == nil {
		return 0, false
	}
	for _, p := range e.faults.plans {
		if at, any := p.injector.Next(); any && (!ok || at < next) {
			next, ok = at, true
		}
	}
	return next, ok
}

// carryOut does to the cluster what injections say of it.
func (e *Engine) carryOut(now kafka.Millis, p *faultPlan, injections []fault.Injection) {
	for _, in := range injections {
		did, err := e.disturb(now, in.Action)
		if !did {
			continue
		}
		delete(p.errs, in.Fault)
		if err != nil {
			p.errs[in.Fault] = err
			if e.driver != nil {
				e.driver.line("", "fault fails", in.Fault+": "+err.Error())
			}
		}
	}
}

// disturb does an action to the cluster; did is false for actions on requests.
func (e *Engine) disturb(now kafka.Millis, a fault.Action) (did bool, err error) {
	to := func(broker int32) int32 { return max(broker, 0) } // 0 leaves it to the cluster
	switch a := a.(type) {
	case fault.MoveCoordinator:
		if a.TransactionalID != "" {
			return true, e.core.MoveTransactionCoordinator(now, a.TransactionalID, to(a.To))
		}
		return true, e.core.MoveGroupCoordinator(now, a.Group, to(a.To))
	case fault.MoveLeader:
		return true, e.core.MoveLeader(now, a.TP, to(a.To))
	case fault.StopBroker:
		if err := e.core.BrokerDown(now, a.Broker); err != nil || a.For == 0 {
			return true, err
		}
		e.after(a.For, func(now kafka.Millis) { _ = e.core.BrokerUp(now, a.Broker) }) // it exists, since it went down
		return true, nil
	case fault.StartBroker:
		return true, e.core.BrokerUp(now, a.Broker)
	case fault.SlowBroker:
		e.slow(a)
		return true, nil
	case fault.JumpClock:
		return true, e.core.JumpClock(now, to(a.Broker), a.By)
	}
	return false, nil
}

func (e *Engine) slow(a fault.SlowBroker) {
	f := e.faults
	f.slow[a.Broker] = a.By
	f.calms[a.Broker]++
	if a.For == 0 {
		return
	}
	change := f.calms[a.Broker]
	e.after(a.For, func(kafka.Millis) {
		if f.calms[a.Broker] == change {
			delete(f.slow, a.Broker)
		}
	})
}

// delayed is something that faults put off.
type delayed struct {
	at kafka.Millis
	do func(now kafka.Millis)
}

// after has do called, with mu held, when d is over. Things of one time happen in the order of these calls.
func (e *Engine) after(d time.Duration, do func(now kafka.Millis)) {
	ms := kafka.Millis((d + time.Millisecond - 1) / time.Millisecond)
	t := delayed{nowMillis() + ms, do}
	i, _ := slices.BinarySearchFunc(e.delayed, t, func(a, b delayed) int {
		if a.at <= b.at {
			return -1
		}
		return 1
	})
	e.delayed = slices.Insert(e.delayed, i, t)
	e.arm()
}

// next is when something is due: a timer of the core, a fault, or what a fault put off. Called with mu held.
func (e *Engine) next() (kafka.Millis, bool) {
	at, ok := e.core.NextTimer()
	if t, any := e.nextFault(); any && (!ok || t < at) {
		at, ok = t, true
	}
	if len(e.delayed) > 0 && (!ok || e.delayed[0].at < at) {
		at, ok = e.delayed[0].at, true
	}
	return at, ok
}

// due does what is due at now. Called with mu held.
func (e *Engine) due(now kafka.Millis) {
	e.core.Fire(now)
	e.dueFaults(now)
	for len(e.delayed) > 0 && e.delayed[0].at <= now {
		t := e.delayed[0]
		e.delayed = slices.Delete(e.delayed, 0, 1)
		t.do(now)
	}
	e.afterStep()
}

// travel carries a request to its broker as v says. Of arrive and lose, which is told what the client hears, both may
// happen where the client does not wait for so long as the request takes. Called with mu held, as they are.
func (e *Engine) travel(v *fault.Verdict, patience time.Duration, arrive func(now kafka.Millis), lose func(err error)) {
	lost := func(kafka.Millis) { lose(ErrNoAnswer) }
	switch {
	case v.Disconnect:
		lose(ErrDisconnected)
	case v.DropRequest:
		e.after(patience, lost)
	case v.DelayRequest > 0:
		e.after(v.DelayRequest, arrive)
		if v.DelayRequest >= patience {
			e.after(patience, lost)
		}
	default:
		arrive(nowMillis())
	}
}

// answer carries an answer back to its client as v says. Called with mu held, as are deliver and lose.
func (e *Engine) answer(v *fault.Verdict, c *Client, deliver func(), lose func(err error)) {
	lost := func(kafka.Millis) { lose(ErrNoAnswer) }
	arrive := func(kafka.Millis) {
		deliver()
		c.answered()
	}
	switch {
	case v.DisconnectAfter:
		lose(ErrDisconnected)
	case v.DropResponse, v.DelayResponse >= c.patience:
		e.after(c.patience, lost)
	case v.HoldBehind > 0:
		c.held = append(c.held, &held{v.HoldBehind, func() { arrive(0) }})
		e.after(c.patience, lost)
	case v.DelayResponse > 0:
		e.after(v.DelayResponse, arrive)
	default:
		arrive(0)
	}
}

// held is an answer that waits for later ones.
type held struct {
	behind  int
	release func()
}

// answered lets answers go on that waited behind this one. Called with mu held.
func (c *Client) answered() {
	if len(c.held) == 0 {
		return
	}
	var ready []*held
	c.held = slices.DeleteFunc(c.held, func(h *held) bool {
		h.behind--
		if h.behind <= 0 {
			ready = append(ready, h)
			return true
		}
		return false
	})
	for _, h := range ready {
		h.release()
	}
}

// whole is the error that all of a request is answered with, None if there is none, or one for a part of it only: that
// comes with the partitions that it is about.
func whole(failures []fault.Failure, op *Op) (code kafka.ErrorCode, only []kafka.TopicPartition) {
	for _, f := range failures {
		if f.Partitions == nil || len(f.Partitions) == len(op.Partitions) {
			return f.Code, nil
		}
	}
	if len(failures) > 0 {
		return failures[0].Code, failures[0].Partitions
	}
	return kafka.None, nil
}

// judgeCall asks what happens to a call, and lets it happen. Called with mu held.
func (e *Engine) judgeCall(call *Call) {
	op := call.op()
	op.ClientID = call.client.id
	op.Broker = e.brokerOf(op)
	v := e.judge(op)
	call.verdict, call.subject = &v, &op
	e.travel(&v, call.client.patience, func(now kafka.Millis) {
		code, only := whole(v.Before, &op)
		if code != kafka.None {
			e.refuse(call, code, only, now)
		} else {
			for range v.Duplicates {
				defer call.apply(e.core, now, call.ghost())
			}
			call.apply(e.core, now, call)
		}
		e.afterStep()
	}, func(err error) { call.resolve(nil, err) })
}

// refuse answers a call with an error: as coordinators answer, if it goes to one.
func (e *Engine) refuse(call *Call, code kafka.ErrorCode, only []kafka.TopicPartition, now kafka.Millis) {
	if only == nil && len(call.subject.Groups)+len(call.subject.TransactionalIDs) == 0 {
		call.Resolve(nil, code)
		return
	}
	e.core.Refusing(code, only, func() { call.apply(e.core, now, call) })
	e.afterStep()
	if !call.heard {
		call.Resolve(nil, code)
	}
}

// ghost is a copy of a call whose answers nobody hears.
func (call *Call) ghost() *Call {
	g := &Call{client: call.client, kind: call.kind, name: call.name, apply: call.apply}
	g.answered.Store(true)
	return g
}

// respond carries the answer of a broker to a call back, as its verdict says. Called with mu held.
func (e *Engine) respond(call *Call, value any, err error) {
	if call.heard {
		return
	}
	call.heard = true
	v := call.verdict
	if code, only := whole(v.After, call.subject); code != kafka.None && err == nil {
		value, err = e.spoil(call, value, code, only)
	}
	e.answer(v, call.client, func() { call.resolve(value, err) }, func(err error) { call.resolve(nil, err) })
}

// spoil is the answer to a call that had its effect and is to be answered with an error all the same.
func (e *Engine) spoil(call *Call, value any, code kafka.ErrorCode, only []kafka.TopicPartition) (any, error) {
	if len(call.subject.Groups)+len(call.subject.TransactionalIDs) == 0 {
		return nil, code
	}
	return spoiled(value, code, only)
}

// brokerOf is the broker that a request goes to.
func (e *Engine) brokerOf(op Op) int32 {
	switch {
	case len(op.TransactionalIDs) > 0 && (op.Name == "add-partitions-to-txn" || op.Name == "add-offsets-to-txn"):
		return e.core.TransactionCoordinator(op.TransactionalIDs[0])
	case len(op.Groups) > 0:
		return e.core.GroupCoordinator(op.Groups[0])
	case len(op.TransactionalIDs) > 0 && len(op.Partitions) == 0:
		return e.core.TransactionCoordinator(op.TransactionalIDs[0])
	case len(op.Partitions) > 0 && op.Partitions[0].Partition >= 0:
		if p := e.core.Partition(op.Partitions[0].Topic, op.Partitions[0].Partition); p != nil {
			return p.Leader
		}
	}
	return e.core.Controller()
}

// operations is the names of Kafka's requests for kinds of calls that go by another name.
var operations = map[Kind]string{
	"subscribe":             "list-offsets",
	"join":                  "join-group",
	"sync":                  "sync-group",
	"leave":                 "leave-group",
	"commit":                "offset-commit",
	"fetch offsets":         "offset-fetch",
	"list offsets of group": "offset-fetch",
	"commit in transaction": "txn-offset-commit",
	"create topic":          "create-topics",
	"delete topic":          "delete-topics",
	"list topics":           "metadata",
	"describe topics":       "metadata",
}

// op is what a call is about: what it said, or else what its kind and name tell.
func (call *Call) op() Op {
	if call.subject != nil {
		return *call.subject
	}
	op := Op{Name: operations[call.kind]}
	if op.Name == "" {
		op.Name = strings.ReplaceAll(string(call.kind), " ", "-")
	}
	about := fault.About(op.Name)
	switch {
	case call.name == "":
	case about.Groups:
		op.Groups = []string{call.name}
	case about.Transactions:
		op.TransactionalIDs = []string{call.name}
	case about.Topics:
		op.Partitions = []kafka.TopicPartition{partitionOf(call.name)}
	}
	return op
}

// partitionOf reads TOPIC or TOPIC/PARTITION.
func partitionOf(name string) kafka.TopicPartition {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		if n, err := strconv.ParseInt(name[i+1:], 10, 32); err == nil {
			return kafka.TopicPartition{Topic: name[:i], Partition: int32(n)}
		}
	}
	return kafka.TopicPartition{Topic: name, Partition: fault.WholeTopic}
}

// codeOf is the error code in an error, None if there is none.
func codeOf(err error) kafka.ErrorCode {
	code := kafka.None
	errors.As(err, &code)
	return code
}
