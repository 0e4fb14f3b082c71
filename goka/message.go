package goka

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// handle has a message handled by its input's callback.
func (r *partitionRun) handle(l *lane, msg *sarama.ConsumerMessage) {
	m := r.newInflight()
	m.lane, m.ticket, m.offset, m.key, m.pending = l, l.window.Start(msg.Offset), msg.Offset, string(msg.Key), 1

	delay, at := time.Duration(0), int64(0)
	if !msg.Timestamp.IsZero() {
		if r.now.IsZero() { // the clock is read once for all that came together, and for messages without a time not at all
			r.now = time.Now()
		}
		delay, at = r.now.Sub(msg.Timestamp), r.now.UnixNano()
	}
	l.counter.add(msg.Offset, len(msg.Value), delay)
	l.counter.at.Store(at)

	var value interface{}
	switch {
	case msg.Value == nil && r.pp.opts.nilHandling == NilIgnore:
		r.release(m)
		return
	case msg.Value == nil && r.pp.opts.nilHandling == NilProcess:
	default:
		var err error
		if value, err = decode(l.codec, slices.Clip(msg.Value)); err != nil {
			m.failed = true
			r.fail(r.messageError(m, fmt.Errorf("error decoding message for key %s from %s/%d: %w (offset %d)",
				m.key, l.topic, r.pp.partition, err, msg.Offset)))
			return
		}
	}

	r.cb.begin(m, l.topic, msg)
	r.handling.Store(msg)
	r.call(l.cb, value)
	r.handling.Store(nil)
}

// call runs a callback for the message or row that r.cb is about.
func (r *partitionRun) call(cb ProcessCallback, value interface{}) {
	m, run := r.cb.m, r.guarded
	if r.pp.opts.observer != nil {
		run = r.observed
	}
	if err := run(cb, value); err != nil {
		m.failed = true
		if !r.ownCancellation(err) {
			r.fail(r.messageError(m, err))
		} else {
			r.stopping = true
			r.halt()
		}
	}
	r.endCallback()
	r.release(m)
}

// failure is what Context.Fail panics with.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// guarded runs a callback and turns its panic into an error.
func (r *partitionRun) guarded(cb ProcessCallback, value interface{}) (err error) {
	defer func() {
		switch x := recover().(type) {
		case nil:
		case *failure:
			if r, ok := x.err.(returned); ok { //nolint:errorlint // what wraps it has something to add
				err = r.error
				return
			}
			err = fmt.Errorf("panic in callback: %w\n%s", x, userStack())
		case error:
			err = fmt.Errorf("panic in callback: %w\n%s", x, userStack())
		default:
			err = fmt.Errorf("panic in callback: %v\n%s", x, userStack())
		}
	}()
	var ctx Context = r.cb
	if wrap := r.pp.opts.contextWrapper; wrap != nil {
		ctx = wrap(ctx)
	}
	cb(ctx, value)
	return r.cb.failed // a callback that recovered from Fail has failed all the same
}

// userStack returns the frames between a panic and goka: those of the callback.
func userStack() string {
	var (
		pcs    [64]uintptr
		frames = runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
		b      strings.Builder
		began  bool
	)
	for {
		f, more := frames.Next()
		own := strings.HasPrefix(f.Function, ownFunctions) && !strings.HasSuffix(f.File, "_test.go")
		switch {
		case strings.HasPrefix(f.Function, "runtime."):
		case own && began:
			return b.String()
		case own:
		default:
			began = true
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return b.String()
		}
	}
}

// ownFunctions is what the names of this package's functions begin with.
const ownFunctions = "github.com/gokasim/gokasim/goka."
