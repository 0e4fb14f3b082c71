package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/storage"
)

// patience is how long a table may stand still before the application gives up on it.
const patience = 30 * time.Second

// counted is a view of a table whose rows count flights. It knows how many flights all rows have together.
type counted struct {
	view  *goka.View
	codec goka.Codec
	count func(row any) int64

	changed chan struct{} // holds one token when the sum changed
	mu      sync.Mutex    // guards the rest
	flights map[string]int64
	sum     int64
}

func (a app) openCounted(group goka.Group, codec goka.Codec, count func(row any) int64) (*counted, error) {
	c := &counted{codec: codec, count: count, changed: make(chan struct{}, 1), flights: map[string]int64{}}
	var err error
	c.view, err = goka.NewView(a.brokers, goka.GroupTable(group), codec,
		goka.WithViewCallback(c.update),
		goka.WithViewTopicManagerBuilder(topicManager),
		goka.WithViewStorageBuilder(storage.MemoryBuilder()),
		goka.WithViewLogger(a.log),
	)
	return c, err
}

// update is called for each change of the table, for several partitions at once.
func (c *counted) update(s storage.Storage, partition int32, key string, value []byte) error {
	if err := goka.DefaultUpdate(s, partition, key, value); err != nil {
		return err
	}
	var flights int64
	if value != nil {
		row, err := c.codec.Decode(value)
		if err != nil {
			return err
		}
		flights = c.count(row)
	}
	c.mu.Lock()
	c.sum += flights - c.flights[key]
	c.flights[key] = flights
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

func (c *counted) total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum
}

// wait returns once the rows together have n flights, or with an error when nothing has changed for a while.
func (c *counted) wait(ctx context.Context, n int64) error {
	idle := time.NewTimer(patience)
	defer idle.Stop()
	for c.total() < n {
		select {
		case <-c.changed:
			idle.Reset(patience)
		case <-idle.C:
			return fmt.Errorf("%s stands at %d of %d flights for %s; look at the processors' log", c.view.Topic(), c.total(), n, patience)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// rows returns the content of view, whose codec decodes to *T.
func rows[T any](view *goka.View) (map[string]T, error) {
	it, err := view.Iterator()
	if err != nil {
		return nil, err
	}
	defer it.Release()
	content := map[string]T{}
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return nil, err
		}
		content[it.Key()] = *value.(*T)
	}
	return content, it.Err()
}
