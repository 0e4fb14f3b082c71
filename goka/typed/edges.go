package typed

import "github.com/gokasim/gokasim/goka"

// None is the type of the values of a group without a table.
type None struct{}

// inner has a name of its own, since a field called Context would hide the method.
type inner = goka.Context

// Context is what a callback gets whose group has a table with values of type S; None where it has no table. It has all
// methods of goka.Context, with these types.
type Context[S any] struct{ inner }

// Untyped returns the context underneath, for functions as goka.TryJoin.
func (c Context[S]) Untyped() goka.Context { return c.inner }

// Value returns the value of the message's key in the group's table, and whether there is one.
func (c Context[S]) Value() (value S, found bool) {
	return known[S](c, "the group's table", c.inner.Value())
}

// SetValue sets the value of the message's key in the group's table.
func (c Context[S]) SetValue(value S, options ...goka.ContextOption) {
	c.inner.SetValue(value, options...)
}

// Callback handles a message. An error that it returns ends the processor, like goka.Context.Fail. A message without a
// value, where goka.NilProcess lets it through, arrives as the zero value.
type Callback[S, M any] func(ctx Context[S], msg M) error

func (cb Callback[S, M]) untyped() goka.ErrCallback {
	if cb == nil {
		return nil
	}
	return func(ctx goka.Context, msg interface{}) error {
		m, _, err := as[M](string(ctx.Topic()), msg)
		if err != nil {
			return err
		}
		return cb(Context[S]{ctx}, m)
	}
}

// Input has cb called for the messages of a stream. See goka.Input.
func Input[S, M any](stream Stream[M], cb Callback[S, M]) goka.Edge {
	return goka.InputErr(stream.name, stream.codec, cb.untyped())
}

// Output lets callbacks emit to a stream. See goka.Output.
func Output[M any](stream Stream[M]) goka.Edge { return goka.Output(stream.name, stream.codec) }

// Loop is the loop of a group: messages of type M that it sends to itself.
type Loop[M any] struct{ codec goka.Codec }

// NewLoop describes a loop. The codec has to encode and decode values of type M.
func NewLoop[M any](codec goka.Codec) Loop[M] { return Loop[M]{codec} }

// Send sends a message into the loop from a callback. See goka.Context.Loopback.
func (l Loop[M]) Send(ctx Looping, key string, msg M, options ...goka.ContextOption) {
	ctx.Loopback(key, msg, options...)
}

// Looping is the part of a context that sends into the loop; both goka.Context and Context have it.
type Looping interface {
	// Loopback is goka.Context.Loopback.
	Loopback(key string, value interface{}, options ...goka.ContextOption)
}

// Looped has cb called for the messages of a loop. See goka.Loop.
func Looped[S, M any](loop Loop[M], cb Callback[S, M]) goka.Edge {
	return goka.LoopErr(loop.codec, cb.untyped())
}

// Persist gives the group a table with values as table has them. The name of its topic is the group's, whatever the one
// of table is. See goka.Persist.
func Persist[S any](table Table[S]) goka.Edge { return goka.Persist(table.codec) }

// Join lets callbacks read table.Joined. See goka.Join.
func Join[V any](table Table[V]) goka.Edge { return goka.Join(table.name, table.codec) }

// Lookup lets callbacks read table.LookedUp. See goka.Lookup.
func Lookup[V any](table Table[V]) goka.Edge { return goka.Lookup(table.name, table.codec) }

// Visitor names a callback that goka.Processor.VisitAll calls for each row of the group's table, with its meta, which has
// to be of type M or nil. See goka.Visitor.
func Visitor[S, M any](name string, cb Callback[S, M]) goka.Edge {
	return goka.VisitorErr(name, cb.untyped())
}
