package txn

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Coordinator is the transactional ids that one coordinator looks after. It is not safe for concurrent use. It keeps the
// slices of the commands it is given, so callers must not change them afterwards.
type Coordinator struct {
	cfg           Config
	epoch         int32
	newProducerID func() int64
	started       kafka.Millis

	now     kafka.Millis
	effects []Effect
	timers  map[string]kafka.Millis // the timers that are set, by key

	ids     map[string]*transaction
	ongoing int // how many of ids are Ongoing
}

// New returns a coordinator that knows no transactional id. epoch is the leader epoch of its partition of
// __transaction_state and goes into markers. newProducerID gives producer ids out and must not repeat itself, over all
// coordinators of a cluster. Kafka looks for transactions and ids that are overdue in fixed intervals, which count from
// started. Bad settings are taken as they are: see [Config.Validate].
func New(cfg Config, epoch int32, newProducerID func() int64, started kafka.Millis) *Coordinator {
	return &Coordinator{
		cfg: cfg, epoch: epoch, newProducerID: newProducerID, started: started,
		timers: map[string]kafka.Millis{}, ids: map[string]*transaction{},
	}
}

// Producer is a producer id and its epoch, which tell the incarnations of a transactional id apart. Of all the producers
// with one id, the one with the highest epoch is alive; the others are fenced.
type Producer struct {
	ID    int64
	Epoch int16
}

// NoProducer stands for none in answers.
var NoProducer = Producer{ID: -1, Epoch: -1}

// Command is one request to a coordinator, or the word that something is done or due: an [InitProducerID],
// [AddPartitions], [AddOffsets], [EndTxn], [MarkersWritten] or [Timer].
type Command interface{ command() }

// Effect is something the caller of [Coordinator.Step] has to carry out: a [Reply], [SetTimer], [StopTimer],
// [AppendState] or [WriteMarkers].
type Effect interface{ effect() }

// Reply answers the request whose command carried Tag, in the step of that command. Response is a pointer-free value such
// as [InitProducerIDResponse].
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

// AppendState asks for records to be appended to the coordinator's partition of __transaction_state, as one batch, before
// any effect that follows it. They carry no offsets yet.
type AppendState struct{ Records []kafka.Record }

func (Reply) effect()       {}
func (SetTimer) effect()    {}
func (StopTimer) effect()   {}
func (AppendState) effect() {}

// Timer says that the timer with this key, set by [SetTimer], is due. One that was stopped or replaced meanwhile does
// nothing, and one that comes early is set again, so a caller with real timers need not fear races.
type Timer struct{ Key string }

func (Timer) command() {}

// ErrCommand reports a command that no client can send: a mistake in the calling code.
var ErrCommand = errors.New("invalid transaction command")

// Step applies cmd at time now and returns what the caller has to carry out, in order. What Kafka answers with an error
// code travels in the [Reply]; an error of Step itself wraps [ErrCommand], means a mistake of the caller, and leaves the
// coordinator as it was.
func (c *Coordinator) Step(now kafka.Millis, cmd Command) ([]Effect, error) {
	c.now, c.effects = now, nil
	switch cmd := cmd.(type) {
	case InitProducerID:
		c.initProducerID(cmd)
	case AddPartitions:
		c.addPartitions(cmd)
	case AddOffsets:
		c.addOffsets(cmd)
	case EndTxn:
		c.endTxn(cmd)
	case MarkersWritten:
		c.markersWritten(cmd)
	case Timer:
		c.timer(cmd)
	default:
		return nil, fmt.Errorf("transaction coordinator: %w: %T is not one of this package's commands; pass a value, not a pointer", ErrCommand, cmd)
	}
	effects := c.effects
	c.effects = nil
	return effects, nil
}

func (c *Coordinator) timer(cmd Timer) {
	at, set := c.timers[cmd.Key]
	switch {
	case !set:
		return
	case at > c.now:
		c.setTimer(cmd.Key, at)
		return
	}
	delete(c.timers, cmd.Key)
	switch cmd.Key {
	case timerAbort:
		c.abortOverdue()
	case timerExpire:
		c.expire()
	}
}

func (c *Coordinator) reply(tag, response any) {
	c.effects = append(c.effects, Reply{Tag: tag, Response: response})
}

func (c *Coordinator) setTimer(key string, at kafka.Millis) {
	c.timers[key] = at
	c.effects = append(c.effects, SetTimer{Key: key, At: at})
}

func (c *Coordinator) stopTimer(key string) {
	if _, set := c.timers[key]; set {
		delete(c.timers, key)
		c.effects = append(c.effects, StopTimer{Key: key})
	}
}

// setTimerBefore moves a timer to at, unless it is set for an earlier time.
func (c *Coordinator) setTimerBefore(key string, at kafka.Millis) {
	if set, ok := c.timers[key]; !ok || at < set {
		c.setTimer(key, at)
	}
}

// tick is the first moment at or after at when a check of this interval is made.
func (c *Coordinator) tick(at, interval kafka.Millis) kafka.Millis {
	if at <= c.started {
		return c.started + interval
	}
	return c.started + (at-c.started+interval-1)/interval*interval
}

func (c *Coordinator) append(records ...kafka.Record) {
	c.effects = append(c.effects, AppendState{Records: records})
}

// sorted is the transactional ids, in the order of their names.
func (c *Coordinator) sorted() []string { return slices.Sorted(maps.Keys(c.ids)) }

// Epoch is the coordinator epoch that its markers carry.
func (c *Coordinator) Epoch() int32 { return c.epoch }

// Timers is the keys of the timers that are set, sorted.
func (c *Coordinator) Timers() []string { return slices.Sorted(maps.Keys(c.timers)) }
