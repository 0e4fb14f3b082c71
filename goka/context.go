package goka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/storage"
)

// Context tells a callback about the message it handles, and does what the callback asks for. It is valid during the
// callback, in its goroutine; the functions that DeferCommit returns may go elsewhere, and until they are called so may the methods
// that tell about the message: Topic, Key, Partition, Offset, Group, Headers, Timestamp and Context.
//
// What fails never returns: it calls Fail, which leaves the callback by a panic and stops the processor, so that the
// message is delivered again. Do not recover from that panic. What fails later, as a message that Kafka does not
// accept, stops the processor as well.
type Context interface {
	// Topic returns the topic of the message, or the name of the visitor.
	Topic() Stream
	// Key returns the key of the message, of the row in a visitor; a null key is "".
	Key() string
	// Partition returns the partition of the message.
	Partition() int32
	// Offset returns the offset of the message, 0 in a visitor.
	Offset() int64
	// Group returns the group.
	Group() Group
	// Headers returns the headers of the message, never nil. They are the callback's own, to keep and to change.
	Headers() Headers
	// Timestamp returns the timestamp of the message, the zero time if it has none, the present time in a visitor.
	Timestamp() time.Time

	// Value returns the value of the key in the group's table, nil when there is none. It sees what SetValue and
	// Delete did before, in this and in earlier callbacks. Each call decodes the row anew: the value is the callback's own, and
	// changing it changes nothing until SetValue is called. A group without Persist fails.
	Value() interface{}
	// SetValue sets the value of the key in the group's table. It encodes at once: what becomes of value later does not
	// matter. A nil value fails: use Delete. Each call is a record in the table's topic, with the headers that options give.
	SetValue(value interface{}, options ...ContextOption)
	// Delete deletes the key from the group's table: a tombstone in its topic, also where there is no row.
	Delete(options ...ContextOption)

	// Join returns the value of the key in a joined table, decoded anew, nil when there is none. A table that the graph
	// does not join fails; TryJoin returns the error.
	Join(topic Table) interface{}
	// Lookup returns the value of any key in a lookup table, decoded anew, nil when there is none. A table that the graph
	// does not look up fails; TryLookup returns the error.
	Lookup(topic Table, key string) interface{}

	// Emit sends a message to an output, encoded at once, on the partition of its key. It does not wait for Kafka: what goes
	// wrong later stops the processor. It blocks only while the producer is saturated. Messages
	// of one callback to one partition stay in order. A nil value is sent as a tombstone. A topic without an Output, the group's
	// own table (use SetValue) and its loop (use Loopback) fail.
	Emit(topic Stream, key string, value interface{}, options ...ContextOption)
	// Loopback sends a message to the group's loop, which delivers it on the partition of its key, after what waits there
	// already. The codec is given nil values, too. A group without a Loop fails.
	Loopback(key string, value interface{}, options ...ContextOption)

	// Fail ends the callback and the processor, whose Run returns err in a MessageError. It never returns. Nil is an error,
	// too.
	Fail(err error)
	// Context returns a context that ends with the generation of the group, or when the processor fails. It carries
	// the values of the one given to Run.
	Context() context.Context
	// DeferCommit keeps the message from being committed until the function that it returns is called: with nil, or
	// with an error that stops the processor. The function may be called from any goroutine; its second call does
	// nothing. Until it is called nothing behind the message in its partition is committed either, though it is handled; when
	// the generation ends it has WithShutdownTimeout to be called, and the message is delivered again if it is not.
	DeferCommit() func(error)
}

// ContextOption is an option of those methods of Context that send something.
type ContextOption func(*ctxOptions)

type ctxOptions struct {
	headers Headers
}

// WithCtxEmitHeaders adds headers to what is sent. It may be given several times; of equal names the last one counts.
func WithCtxEmitHeaders(headers Headers) ContextOption {
	return func(o *ctxOptions) { o.headers = o.headers.Merged(headers) }
}

func contextHeaders(options []ContextOption) Headers {
	if len(options) == 0 {
		return nil
	}
	var o ctxOptions
	for _, option := range options {
		option(&o)
	}
	return o.headers
}

// ContextWrapper returns what callbacks get in place of ctx: usually a type that embeds it, by an alias, since Context is one of its
// methods, too. A panic in it fails the message.
type ContextWrapper func(ctx Context) Context

// cbContext is the Context of a run. There is one at a time, since callbacks of a partition never overlap; it is used for one
// message after the other, but for messages whose commit is deferred: they keep theirs.
type cbContext struct {
	run     *partitionRun
	m       *inflight // nil outside of callbacks
	key     string
	topic   string
	msg     *sarama.ConsumerMessage // nil for a visit
	headers Headers
	emits   int32           // calls at the seam so far, see kafka.Source
	failed  error           // what Fail was called with
	inside  context.Context // what an observer made of the run's; nil without one

	deferred bool // DeferCommit was called
}

func (c *cbContext) begin(m *inflight, topic string, msg *sarama.ConsumerMessage) {
	c.m, c.key, c.topic, c.msg, c.headers, c.emits, c.failed, c.inside = m, m.key, topic, msg, nil, 0, nil, nil
}

// endCallback makes the context of no more use for what only callbacks may do. Where the commit is deferred somebody may go on to
// ask whose message it is: then the next callback gets another one.
func (r *partitionRun) endCallback() {
	c := r.cb
	c.m = nil
	if c.deferred {
		r.cb = &cbContext{run: r}
		return
	}
	c.key, c.msg, c.headers, c.inside = "", nil, nil, nil
}

func (c *cbContext) Topic() Stream    { return Stream(c.topic) }
func (c *cbContext) Key() string      { return c.key }
func (c *cbContext) Partition() int32 { return c.run.pp.partition }
func (c *cbContext) Group() Group     { return c.run.pp.graph.group }

func (c *cbContext) Offset() int64 {
	if c.msg == nil {
		return 0
	}
	return c.msg.Offset
}

func (c *cbContext) Timestamp() time.Time {
	if c.msg == nil {
		return time.Now()
	}
	return c.msg.Timestamp
}

func (c *cbContext) Headers() Headers {
	if c.headers == nil {
		if c.msg == nil {
			c.headers = Headers{}
		} else {
			c.headers = HeadersFromSarama(c.msg.Headers)
		}
	}
	return c.headers
}

func (c *cbContext) Context() context.Context {
	if c.inside != nil {
		return c.inside
	}
	return c.run.ctx
}

func (c *cbContext) Fail(err error) {
	if err == nil {
		err = errors.New("Fail was called without an error")
	}
	if c.failed == nil {
		c.failed = err
	}
	panic(&failure{err})
}

var errOutside = errors.New("the context was used outside of its callback")

const errStateless = "Cannot access state in stateless processor"

func (c *cbContext) Value() interface{} {
	table := c.run.pp.tableEdge
	if table == nil {
		c.Fail(errors.New(errStateless))
	}
	if c.m == nil {
		c.Fail(errOutside)
	}
	data, written := c.run.overlay.Get(c.m.key)
	if !written {
		var err error
		if data, err = c.run.store.Get(c.m.key); err != nil {
			c.Fail(fmt.Errorf("error reading value: %w", err))
		}
	}
	if data == nil {
		return nil
	}
	value, err := table.codec.Decode(data)
	if err != nil {
		c.Fail(fmt.Errorf("error decoding value: %w (table %s, key %q)", err, table.topic, c.m.key))
	}
	return value
}

func (c *cbContext) SetValue(value interface{}, options ...ContextOption) {
	table := c.run.pp.tableEdge
	switch {
	case table == nil:
		c.Fail(errors.New(errStateless))
	case value == nil:
		c.Fail(errors.New("cannot set nil as value"))
	}
	data, err := table.codec.Encode(value)
	if err != nil {
		c.Fail(fmt.Errorf("error encoding value: %w (table %s, key %q)", err, table.topic, c.m.key))
	}
	if data == nil {
		data = []byte{} // a row with an empty value; null would be its deletion
	}
	c.run.pp.table.writes.add(len(data))
	c.write(table, data, options)
}

func (c *cbContext) Delete(options ...ContextOption) {
	table := c.run.pp.tableEdge
	if table == nil {
		c.Fail(errors.New(errStateless))
	}
	c.write(table, nil, options)
}

// write sends a row to the partition of the table that is being processed, whatever the hash of the key says: the row
// has to be found again where it was written.
func (c *cbContext) write(table *output, data []byte, options []ContextOption) {
	o := c.outgoing(table, data)
	o.Partition = c.run.pp.partition
	o.Key = c.ownKey()
	o.Headers = contextHeaders(options).ToSarama()
	o.table, o.row = true, c.run.overlay.Put(c.m.key, data)
	c.produce(o)
}

// ownKey is the key of the message as bytes.
func (c *cbContext) ownKey() []byte {
	if c.msg != nil && c.msg.Key != nil {
		return c.msg.Key
	}
	return []byte(c.m.key)
}

func (c *cbContext) Emit(topic Stream, key string, value interface{}, options ...ContextOption) {
	pp := c.run.pp
	switch {
	case topic == "":
		c.Fail(errors.New("cannot emit to empty topic"))
	case string(topic) == pp.graph.loopTopic:
		c.Fail(errors.New("cannot emit to loop topic (use Loopback instead)"))
	case string(topic) == pp.graph.tableTopic:
		c.Fail(errors.New("cannot emit to table topic (use SetValue instead)"))
	}
	out, ok := pp.outputs[string(topic)]
	if !ok {
		c.Fail(fmt.Errorf("topic %s is not configured for output. Did you specify goka.Output(..) when defining the processor?", topic))
	}
	var data []byte
	if value != nil {
		var err error
		if data, err = out.codec.Encode(value); err != nil {
			c.Fail(fmt.Errorf("error encoding message for topic %s: %w (key %q)", topic, err, key))
		}
	}
	c.send(out, key, data, options)
}

func (c *cbContext) Loopback(key string, value interface{}, options ...ContextOption) {
	out := c.run.pp.loopEdge
	if out == nil {
		c.Fail(errors.New("no loop topic configured"))
	}
	data, err := out.codec.Encode(value)
	if err != nil {
		c.Fail(fmt.Errorf("error encoding message for key %s: %w (topic %s)", key, err, out.topic))
	}
	c.send(out, key, data, options)
}

func (c *cbContext) send(out *output, key string, data []byte, options []ContextOption) {
	o := c.outgoing(out, data)
	o.Partition = AnyPartition
	if key == c.m.key {
		o.Key = c.ownKey()
	} else {
		o.Key = []byte(key)
	}
	if headers := contextHeaders(options); headers == nil {
		o.Headers = c.run.pp.defaultHeaders
	} else {
		o.Headers = c.run.pp.opts.producerDefaultHeaders.Merged(headers).ToSarama()
	}
	c.produce(o)
}

// outgoing prepares an emit that the message waits for.
func (c *cbContext) outgoing(out *output, data []byte) *outgoing {
	if c.m == nil {
		c.Fail(errOutside)
	}
	if c.run.isGone.Load() {
		c.Fail(errors.New("the generation of the group ended while the callback was under way, and the time to finish is over: " +
			"its message is handled again, possibly by another instance, and what this call asks for is not done"))
	}
	out.counter.add(len(data))
	o := c.run.newOutgoing()
	o.Topic, o.Value, o.from, o.table = out.topic, data, c.m, false
	o.owner, o.Done = o, outgoingDone
	o.Source = kafka.Source{Topic: c.topic, Partition: c.run.pp.partition, Offset: kafka.Offset(c.Offset()), N: c.emits}
	c.emits++
	c.m.pending++
	c.run.outstanding++
	return o
}

// outgoingDone takes the result to the goroutine that waits for it. A failure halts that at once.
func outgoingDone(e *Emission, err error) {
	o := e.owner.(*outgoing)
	if o.observed != nil {
		o.observed(err)
		o.observed = nil
	}
	if o.run.isGone.Load() {
		if err == nil && o.table {
			o.run.pp.late(lateRow{storage.Row{Key: string(e.Key), Value: e.Value}, e.Offset})
		}
		return
	}
	o.err = err
	if err != nil {
		o.run.halt()
	} else if o.way.CompareAndSwap(handedOver, arrived) {
		return
	}
	o.run.inbox.push(item{kind: itemResult, out: o})
}

func (c *cbContext) Join(topic Table) interface{} {
	value, err := c.join(topic)
	if err != nil {
		c.Fail(err)
	}
	return value
}

func (c *cbContext) join(topic Table) (interface{}, error) {
	if c.m == nil {
		return nil, errOutside
	}
	join, ok := c.run.pp.joinByTopic[string(topic)]
	if !ok {
		return nil, fmt.Errorf("table %s not subscribed: %w", topic, ErrNotSubscribed)
	}
	data, err := join.table.getFor(c, c.m.key)
	if err != nil {
		return nil, fmt.Errorf("error getting key %s of table %s: %w", c.m.key, topic, err)
	}
	if data == nil {
		return nil, nil
	}
	value, err := join.codec.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("error decoding value of key %s of table %s: %w", c.m.key, topic, err)
	}
	return value, nil
}

func (c *cbContext) Lookup(topic Table, key string) interface{} {
	value, err := c.lookup(topic, key)
	if err != nil {
		c.Fail(err)
	}
	return value
}

func (c *cbContext) lookup(topic Table, key string) (interface{}, error) {
	view, ok := c.run.pp.lookups[string(topic)]
	if !ok {
		return nil, fmt.Errorf("topic %s not subscribed: %w", topic, ErrNotSubscribed)
	}
	value, err := view.getFor(c, key)
	if err != nil {
		return nil, fmt.Errorf("error getting key %s of table %s: %w", key, topic, err)
	}
	return value, nil
}

func (c *cbContext) DeferCommit() func(error) {
	r, m := c.run, c.m
	if m == nil {
		c.Fail(errOutside)
	}
	c.deferred = true
	m.pending++
	r.outstanding++
	deferred := r.deferred.add(c.topic, c.Offset(), m.key)
	var called atomic.Bool
	return func(err error) {
		if called.Swap(true) {
			return
		}
		r.deferred.remove(deferred)
		if err != nil {
			r.halt()
		}
		r.inbox.push(item{kind: itemDeferred, m: m, err: err})
	}
}
