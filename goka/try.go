package goka

import (
	"errors"
	"fmt"

	"github.com/gokasim/gokasim/storage"
)

// callbackKey is where the context that Context.Context returns has the run whose callback is under way, however often the
// callback's own Context was wrapped.
type callbackKey struct{}

// ErrNoCallback reports a Context that does not come from a processor's callback.
var ErrNoCallback = errors.New("the context is not that of a callback under way")

// ErrNotSubscribed reports a table that the group graph does not name as a Join or Lookup.
var ErrNotSubscribed = errors.New("the group graph does not name this table; add it as a goka.Join or a goka.Lookup")

func callback(ctx Context) (*cbContext, error) {
	r, ok := ctx.Context().Value(callbackKey{}).(*partitionRun)
	if !ok || r.cb.m == nil {
		return nil, ErrNoCallback
	}
	return r.cb, nil
}

// TryJoin is ctx.Join that returns its error: a table that is not in the graph (ErrNotSubscribed), or a value that
// cannot be read or decoded. The callback goes on.
func TryJoin(ctx Context, topic Table) (interface{}, error) {
	c, err := callback(ctx)
	if err != nil {
		return nil, err
	}
	return c.join(topic)
}

// TryLookup is ctx.Lookup that returns its error: a table that is not in the graph (ErrNotSubscribed), one that cannot
// be read now (ErrNotRunning), or a value that cannot be decoded. The callback goes on.
func TryLookup(ctx Context, topic Table, key string) (interface{}, error) {
	c, err := callback(ctx)
	if err != nil {
		return nil, err
	}
	return c.lookup(topic, key)
}

// IterateTable iterates over the rows of the group's table in the partition of the message, as they are in Kafka: what
// callbacks have written, and Kafka has not acknowledged yet, is not among them. Release the iterator before the
// callback ends.
func IterateTable(ctx Context) (Iterator, error) {
	c, err := callback(ctx)
	if err != nil {
		return nil, err
	}
	if c.run.pp.table == nil {
		return nil, errors.New(errStateless)
	}
	it, err := c.run.pp.table.Iterator()
	return iterate(c.run.pp.table, c.run.pp.tableEdge.codec, it, err)
}

// IterateJoin iterates over the rows of a joined table in the partition of the message. Release the iterator before the
// callback ends.
func IterateJoin(ctx Context, topic Table) (Iterator, error) {
	c, err := callback(ctx)
	if err != nil {
		return nil, err
	}
	join, ok := c.run.pp.joinByTopic[string(topic)]
	if !ok {
		return nil, fmt.Errorf("table %s not subscribed: %w", topic, ErrNotSubscribed)
	}
	it, err := join.table.iteratorFor(c)
	return iterate(join.table, join.codec, it, err)
}

func iterate(table *PartitionTable, codec Codec, it storage.Iterator, err error) (Iterator, error) {
	if err != nil {
		return nil, fmt.Errorf("error iterating over %s/%d: %w", table.topic, table.partition, err)
	}
	return &iterator{it, codec}, nil
}
