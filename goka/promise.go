package goka

import (
	"sync"

	"github.com/IBM/sarama"
)

// Promise is the result of an emit that is yet to come. All methods may be called from any goroutine, also from within
// callbacks.
type Promise struct {
	mu        sync.Mutex // guards what follows
	callbacks []func(msg *sarama.ProducerMessage, err error)
	finished  bool // msg and err are set
	settled   bool // all callbacks added before were called; later ones are called at once
	msg       *sarama.ProducerMessage
	err       error
	emitter   *Emitter // told first; nil where no emitter waits
}

// PromiseFinisher finishes the promise that it was made with.
type PromiseFinisher func(msg *sarama.ProducerMessage, err error) *Promise

// NewPromise returns a promise that Finish has yet to finish. So is the zero value.
func NewPromise() *Promise { return new(Promise) }

// NewPromiseWithFinisher returns a promise, and the function that finishes it.
func NewPromiseWithFinisher() (*Promise, PromiseFinisher) {
	p := NewPromise()
	return p, p.Finish
}

// Then has callback called with the error of the emit, nil when Kafka has the message. See ThenWithMessage.
func (p *Promise) Then(callback func(err error)) *Promise {
	return p.ThenWithMessage(func(_ *sarama.ProducerMessage, err error) { callback(err) })
}

// ThenWithMessage has callback called with the message and the error of the emit, once the promise is finished: by
// whoever finishes it, or before ThenWithMessage returns when it was. Callbacks are called in the order in which they
// were added. Whoever finishes a promise of an emitter is its producer, which waits for the callback: it must not block, as
// EmitSync does. It may emit about as much as it was told of; an emit that finds too much under way, or any with a producer
// of sarama's (see NewProducer), belongs into a goroutine of its own. The message may be nil; its partition and offset count if there
// is no error. It returns p.
func (p *Promise) ThenWithMessage(callback func(msg *sarama.ProducerMessage, err error)) *Promise {
	p.mu.Lock()
	if !p.settled {
		p.callbacks = append(p.callbacks, callback)
		p.mu.Unlock()
		return p
	}
	p.mu.Unlock()
	callback(p.msg, p.err)
	return p
}

// ofEmitter has an emitter told of the result, before all callbacks. It returns p.
func (p *Promise) ofEmitter(e *Emitter) *Promise {
	p.mu.Lock()
	finished := p.finished
	if !finished {
		p.emitter = e
	}
	p.mu.Unlock()
	if finished {
		e.end(nil)
	}
	return p
}

// Finish gives the promise its result, and calls the callbacks. The first result counts: later calls change nothing.
// It returns p.
func (p *Promise) Finish(msg *sarama.ProducerMessage, err error) *Promise {
	p.mu.Lock()
	if p.finished {
		p.mu.Unlock()
		return p
	}
	p.finished, p.msg, p.err = true, msg, err
	if e := p.emitter; e != nil {
		p.emitter = nil
		p.mu.Unlock()
		e.end(nil)
		p.mu.Lock()
	}
	for len(p.callbacks) > 0 {
		callbacks := p.callbacks
		p.callbacks = nil
		p.mu.Unlock()
		for _, callback := range callbacks {
			callback(msg, err)
		}
		p.mu.Lock()
	}
	p.settled = true
	p.mu.Unlock()
	return p
}
