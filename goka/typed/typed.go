// Package typed describes the topics of a group together with the Go types of their values, so that processors, views and
// emitters need no type assertions. It is a cover over package goka: the edges that it makes go into goka.DefineGroup like
// any others, beside untyped ones, and run in the same processor.
package typed

import (
	"fmt"

	"github.com/gokasim/gokasim/goka"
)

// Stream is a stream whose messages are of type M.
type Stream[M any] struct {
	name  goka.Stream
	codec goka.Codec
}

// NewStream describes a stream. The codec has to encode and decode values of type M.
func NewStream[M any](name goka.Stream, codec goka.Codec) Stream[M] { return Stream[M]{name, codec} }

// Name is the name of the topic.
func (s Stream[M]) Name() goka.Stream { return s.name }

// Codec is the codec of the messages.
func (s Stream[M]) Codec() goka.Codec { return s.codec }

// Emit sends a message from a callback of a group that has the stream as an Output. See goka.Context.Emit.
func (s Stream[M]) Emit(ctx Emitting, key string, msg M, options ...goka.ContextOption) {
	ctx.Emit(s.name, key, msg, options...)
}

// Delete sends a message without a value, a tombstone, from a callback.
func (s Stream[M]) Delete(ctx Emitting, key string, options ...goka.ContextOption) {
	ctx.Emit(s.name, key, nil, options...)
}

// Emitting is the part of a context that emits; both goka.Context and Context have it.
type Emitting interface {
	// Emit is goka.Context.Emit.
	Emit(topic goka.Stream, key string, value interface{}, options ...goka.ContextOption)
}

// Table is a table whose values are of type V.
type Table[V any] struct {
	name  goka.Table
	codec goka.Codec
}

// NewTable describes a table. The codec has to encode and decode values of type V.
func NewTable[V any](name goka.Table, codec goka.Codec) Table[V] { return Table[V]{name, codec} }

// TableOf describes the table of a group, by the name that goka.GroupTable returns. A group with a goka.TableSuffix needs NewTable.
func TableOf[V any](group goka.Group, codec goka.Codec) Table[V] {
	return NewTable[V](goka.GroupTable(group), codec)
}

// Name is the name of the topic.
func (t Table[V]) Name() goka.Table { return t.name }

// Codec is the codec of the values.
func (t Table[V]) Codec() goka.Codec { return t.codec }

// Reading is the part of a context that reads other tables; both goka.Context and Context have it.
type Reading interface {
	// Join is goka.Context.Join.
	Join(topic goka.Table) interface{}
	// Lookup is goka.Context.Lookup.
	Lookup(topic goka.Table, key string) interface{}
	// Fail is goka.Context.Fail.
	Fail(err error)
}

// Joined returns the value of the message's key, and whether there is one, in a group that has the table as a Join. See
// goka.Context.Join.
func (t Table[V]) Joined(ctx Reading) (value V, found bool) {
	return known[V](ctx, string(t.name), ctx.Join(t.name))
}

// LookedUp returns the value of any key, and whether there is one, in a group that has the table as a Lookup. See
// goka.Context.Lookup.
func (t Table[V]) LookedUp(ctx Reading, key string) (value V, found bool) {
	return known[V](ctx, string(t.name), ctx.Lookup(t.name, key))
}

// known is a value that goka has decoded, if there is one. A codec of another type fails the callback.
func known[V any](ctx interface{ Fail(err error) }, topic string, value interface{}) (V, bool) {
	v, found, err := as[V](topic, value)
	if err != nil {
		ctx.Fail(err)
	}
	return v, found
}

// as is a value that goka has decoded, if there is one.
func as[V any](topic string, value interface{}) (v V, found bool, err error) {
	if value == nil {
		return v, false, nil
	}
	v, ok := value.(V)
	if !ok {
		return v, false, fmt.Errorf("the codec of %s decodes to %T, and the program says that it is %T", topic, value, v)
	}
	return v, true, nil
}
