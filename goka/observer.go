package goka

import (
	"context"
	"errors"

	"github.com/IBM/sarama"
)

// Observer is told what callbacks and emitters do, while they do it: what metrics and traces are made of. Its methods are
// called from many goroutines at once, those of callbacks and of producers among them, which wait for them.
type Observer interface {
	// Callback is called before a callback or a visitor runs, in its goroutine. In a visitor the context's topic is the
	// visitor's name, and its offset 0. The context that it returns is what Context.Context returns inside of the callback;
	// it has to be ctx.Context or made from it. Ended, unless it is nil, is called when the callback is over, with what it
	// failed with.
	Callback(ctx Context) (inside context.Context, ended func(err error))
	// Emit is called before a record is sent, with the context of the callback that sends it, or the one that WithEmitContext
	// gave to an emitter. It may add headers, in a slice of its own, and must not keep e. Acknowledged, unless it is nil, is
	// called when Kafka has the record, or with what went wrong.
	Emit(ctx context.Context, e *Emission) (acknowledged func(err error))
}

// WithObserver has an observer told about callbacks and what they send. It may be given several times; headers that the
// first adds are seen by the next.
func WithObserver(observer Observer) ProcessorOption {
	return func(o *poptions, _ *GroupGraph) { o.observer = observedBy(o.observer, observer) }
}

// WithEmitterObserver has an observer told about what an emitter sends. It may be given several times.
func WithEmitterObserver(observer Observer) EmitterOption {
	return func(o *eoptions, _ Stream, _ Codec) { o.observer = observedBy(o.observer, observer) }
}

// WithEmitContext sets the context that observers of an emitter get, as one that carries a trace:
// context.Background unless set.
func WithEmitContext(ctx context.Context) EmitOption {
	return func(o *emitOptions) { o.ctx = ctx }
}

// observedBy returns an observer that tells both. Either may be nil.
func observedBy(first, second Observer) Observer {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return observers{first, second}
}

// observers are two observers in the order in which they are told of a beginning; they hear of ends the other way round.
type observers [2]Observer

// nested is the context of a callback inside of another observer's.
type nested struct {
	callbackContext
	ctx context.Context
}

type callbackContext = Context // by another name, since Context has a method of its own name

func (n nested) Context() context.Context { return n.ctx }

func (o observers) Callback(ctx Context) (context.Context, func(error)) {
	outer, outerEnded := o[0].Callback(ctx)
	inner, innerEnded := o[1].Callback(nested{ctx, outer})
	return inner, inTurn(innerEnded, outerEnded)
}

func (o observers) Emit(ctx context.Context, e *Emission) func(error) {
	first := o[0].Emit(ctx, e)
	return inTurn(o[1].Emit(ctx, e), first)
}

func inTurn(first, second func(error)) func(error) {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return func(err error) {
		first(err)
		second(err)
	}
}

// observed calls a callback between its observer's calls.
func (r *partitionRun) observed(cb ProcessCallback, value interface{}) error {
	inside, ended := r.pp.opts.observer.Callback(r.cb)
	r.cb.inside = inside
	err := r.guarded(cb, value)
	if ended != nil {
		ended(err)
	}
	return err
}

// produce hands over a record, and tells the observer. A result that is there at once is noted at once.
func (c *cbContext) produce(o *outgoing) {
	if observer := c.run.pp.opts.observer; observer != nil {
		o.observed = c.announce(observer, o)
	}
	o.way.Store(handedOver)
	c.run.pp.producer.Produce(&o.Emission)
	if !o.way.CompareAndSwap(handedOver, onItsWay) {
		c.run.result(o)
	}
}

// announce tells an observer of an emit. Where that panics, the callback ends there, and nobody waits for the emit.
func (c *cbContext) announce(observer Observer, o *outgoing) (acknowledged func(error)) {
	told := false
	defer func() {
		if !told {
			outgoingDone(&o.Emission, errors.New("the observer did not return"))
		}
	}()
	acknowledged = observer.Emit(c.Context(), &o.Emission)
	told = true
	return acknowledged
}

// observe tells the emitter's observer of a record. It returns the headers to send, and what wants to know how it went.
func (e *Emitter) observe(ctx context.Context, emission Emission) (Headers, func(error)) {
	emission.Headers = emission.Headers[:len(emission.Headers):len(emission.Headers)]
	acknowledged := e.observer.Emit(ctx, &emission)
	var headers Headers
	for _, h := range emission.Headers {
		if headers == nil {
			headers = make(Headers, len(emission.Headers))
		}
		headers[string(h.Key)] = h.Value
	}
	if acknowledged == nil {
		acknowledged = func(error) {}
	}
	return headers, acknowledged
}

// AddHeader adds a header to an emission, unless it has one of that name. It leaves the slice that it had as it was.
func (e *Emission) AddHeader(name string, value []byte) {
	for _, h := range e.Headers {
		if string(h.Key) == name {
			return
		}
	}
	n := len(e.Headers)
	e.Headers = append(e.Headers[:n:n], sarama.RecordHeader{Key: []byte(name), Value: value})
}
