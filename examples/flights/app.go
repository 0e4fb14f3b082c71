package main

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/storage"
)

// app is the whole application, and where it runs.
type app struct {
	brokers    []string // Apache Kafka's, or mem://NAME
	partitions int      // of topics that are not there yet
	instances  int      // of each group's processor
	log        goka.Logger
}

// tables is what the two groups know when every flight of a recording was processed.
type tables struct {
	aircraft map[string]aircraft
	carriers map[string]carrier
}

// run brings the application up, writes the recording into its topics, and returns the tables when both groups have seen
// every flight. On a cluster that has seen flights before, the new ones come on top.
func (a app) run(ctx context.Context, records recording) (_ tables, err error) {
	if err := createTopics(a.brokers, a.partitions); err != nil {
		return tables{}, err
	}
	feed, err := openFeed(a.brokers)
	if err != nil {
		return tables{}, err
	}
	defer func() {
		if cerr := feed.close(); err == nil {
			err = cerr
		}
	}()
	before, moving := records.split()
	if err := feed.write(before); err != nil {
		return tables{}, err
	}

	ctx, stop := context.WithCancel(ctx)
	running, ctx := errgroup.WithContext(ctx)
	defer func() {
		stop()
		if rerr := running.Wait(); rerr != nil {
			err = rerr // the cause, where others only saw it end
		}
	}()
	if err := a.process(ctx, running); err != nil {
		return tables{}, err
	}
	byTail, byCarrier, err := a.watch(ctx, running)
	if err != nil {
		return tables{}, err
	}

	flights, keyed := moving.flights()
	flights += byCarrier.total()
	keyed += byTail.total()
	if err := feed.write(moving); err != nil {
		return tables{}, err
	}
	if err := byTail.wait(ctx, keyed); err != nil {
		return tables{}, err
	}
	if err := byCarrier.wait(ctx, flights); err != nil {
		return tables{}, err
	}
	var t tables
	if t.aircraft, err = rows[aircraft](byTail.view); err != nil {
		return tables{}, err
	}
	t.carriers, err = rows[carrier](byCarrier.view)
	return t, err
}

// process starts the processors of both groups and waits until all are ready.
func (a app) process(ctx context.Context, running *errgroup.Group) error {
	var processors []*goka.Processor
	for i := range a.instances {
		for _, graph := range []*goka.GroupGraph{Aircraft(), Carriers()} {
			p, err := goka.NewProcessor(a.brokers, graph,
				goka.WithClientID(fmt.Sprintf("%s-%d", graph.Group(), i)),
				goka.WithTopicManagerBuilder(topicManager),
				goka.WithConsumerGroupBuilder(consumerGroup),
				goka.WithStorageBuilder(storage.MemoryBuilder()), // a year fits; it is read back from Kafka at each start
				goka.WithLogger(a.log),
			)
			if err != nil {
				return err
			}
			running.Go(func() error { return p.Run(ctx) })
			processors = append(processors, p)
		}
	}
	for _, p := range processors {
		if err := p.WaitForReadyContext(ctx); err != nil {
			return err
		}
	}
	return nil
}

// consumerGroup opens a group that begins with the first record of its topics, and not with the next one to come: what is
// written while the group comes up counts too.
func consumerGroup(brokers []string, group, clientID string) (sarama.ConsumerGroup, error) {
	config := goka.DefaultConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	return goka.ConsumerGroupBuilderWithConfig(config)(brokers, group, clientID)
}

// watch starts a view of each table and waits until both have caught up.
func (a app) watch(ctx context.Context, running *errgroup.Group) (byTail, byCarrier *counted, err error) {
	byTail, err = a.openCounted("aircraft", jsonCodec[aircraft]{}, func(row any) int64 { return row.(*aircraft).Flights })
	if err != nil {
		return nil, nil, err
	}
	byCarrier, err = a.openCounted("carriers", jsonCodec[carrier]{}, func(row any) int64 { return row.(*carrier).Flights })
	if err != nil {
		return nil, nil, err
	}
	for _, c := range []*counted{byTail, byCarrier} {
		running.Go(func() error { return c.view.Run(ctx) })
		select {
		case <-c.view.WaitRunning():
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	return byTail, byCarrier, nil
}
