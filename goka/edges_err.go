package goka

// ErrCallback is a ProcessCallback that returns its error. An error fails the message as ctx.Fail does: nothing is
// committed, the processor stops, and the message comes again. What the callback has emitted stays emitted.
type ErrCallback func(ctx Context, msg interface{}) error

func (cb ErrCallback) callback() ProcessCallback {
	if cb == nil {
		return nil
	}
	return func(ctx Context, msg interface{}) {
		if err := cb(ctx, msg); err != nil {
			ctx.Fail(returned{err})
		}
	}
}

// returned is an error that a callback has returned: nothing has panicked.
type returned struct{ error }

func (r returned) Unwrap() error { return r.error }

// InputErr is Input with a callback that returns its error.
func InputErr(topic Stream, c Codec, cb ErrCallback) Edge { return Input(topic, c, cb.callback()) }

// InputsErr is Inputs with a callback that returns its error.
func InputsErr(topics Streams, c Codec, cb ErrCallback) Edge { return Inputs(topics, c, cb.callback()) }

// LoopErr is Loop with a callback that returns its error.
func LoopErr(c Codec, cb ErrCallback) Edge { return Loop(c, cb.callback()) }

// VisitorErr is Visitor with a callback that returns its error.
func VisitorErr(name string, cb ErrCallback) Edge { return Visitor(name, cb.callback()) }
