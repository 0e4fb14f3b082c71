package goka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/memkafka"
)

// place is a cluster behind one of the doors, and what a scenario runs on it. Everything goes through sarama's
// interfaces, so that the same scenario runs on all of them.
type place struct {
	*testing.T
	cluster  *memkafka.Cluster // nil where it is Apache Kafka
	brokers  []string
	virtual  bool
	unique   string // goes before names of topics and groups
	admin    sarama.ClusterAdmin
	client   sarama.Client
	producer sarama.SyncProducer
	log      *logLines
}

// onEveryDoor runs a scenario on the direct door, in virtual time; on the wire door, with real clients of sarama; and on
// Apache Kafka where GOKASIM_BROKERS says where it is.
func onEveryDoor(t *testing.T, f func(p *place)) {
	t.Helper()
	t.Parallel()
	t.Run("direct", func(t *testing.T) {
		inWorld(t, func(w *world) {
			p := &place{T: w.T, cluster: w.cluster, brokers: w.brokers, virtual: true, log: w.log}
			p.open()
			f(p)
		})
	})
	t.Run("wire", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes real time")
		}
		t.Parallel()
		onWire(t, f)
	})
	if brokers := os.Getenv("GOKASIM_BROKERS"); brokers != "" {
		t.Run("kafka", func(t *testing.T) {
			p := &place{T: t, brokers: strings.Split(brokers, ","), log: new(logLines)}
			p.unique = fmt.Sprintf("t%d-", time.Now().UnixNano())
			p.open()
			f(p)
		})
	}
}

// onWire runs a scenario on the wire door of a cluster of its own.
func onWire(t *testing.T, f func(p *place), options ...memkafka.Option) {
	t.Helper()
	c := memkafka.New(append([]memkafka.Option{memkafka.WithInitialRebalanceDelay(0)}, options...)...)
	t.Cleanup(c.Close)
	l, err := c.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, cluster: c, brokers: l.Addrs(), log: new(logLines)}
	p.open()
	f(p)
}

// config is what all clients of a scenario use: goka's own, reading from the oldest, and quick to hear of a rebalance.
func (p *place) config() *sarama.Config {
	c := goka.DefaultConfig()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Interval = 100 * time.Millisecond
	c.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	c.Consumer.Group.Session.Timeout = 6 * time.Second
	c.Consumer.Group.Rebalance.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.MaxWaitTime = 50 * time.Millisecond
	return c
}

func (p *place) open() {
	p.Helper()
	d, err := door.For(p.brokers)
	p.check(err)
	c := p.config()
	c.Producer.Partitioner = sarama.NewManualPartitioner
	p.admin, err = d.NewClusterAdmin(p.brokers, c)
	p.check(err)
	p.client, err = d.NewClient(p.brokers, c)
	p.check(err)
	p.producer, err = d.NewSyncProducer(p.brokers, c)
	p.check(err)
	p.Cleanup(func() { p.check(errors.Join(p.producer.Close(), p.client.Close(), p.admin.Close())) })
}

func (p *place) check(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *place) group(name string) goka.Group { return goka.Group(p.unique + name) }

func (p *place) stream(name string) goka.Stream { return goka.Stream(p.unique + name) }

func (p *place) topic(name goka.Stream, partitions int32) {
	p.Helper()
	p.check(p.admin.CreateTopic(string(name), &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
	p.until("topic "+string(name)+" is there", func() bool {
		ps, err := p.client.Partitions(string(name))
		if err != nil || len(ps) != int(partitions) {
			_ = p.client.RefreshMetadata(string(name))
			return false
		}
		return true
	})
}

func (p *place) table(name goka.Table, partitions int32) {
	p.Helper()
	compact := "compact"
	p.check(p.admin.CreateTopic(string(name), &sarama.TopicDetail{
		NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"cleanup.policy": &compact},
	}, false))
}

// send sends messages to where their key belongs.
func (p *place) send(topic goka.Stream, keys ...string) {
	p.Helper()
	partitions, err := p.client.Partitions(string(topic))
	p.check(err)
	messages := make([]*sarama.ProducerMessage, len(keys))
	for i, key := range keys {
		at, err := goka.PartitionForKey(goka.DefaultHasher(), []byte(key), int32(len(partitions)))
		p.check(err)
		messages[i] = &sarama.ProducerMessage{Topic: string(topic), Partition: at, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder("v")}
	}
	p.check(p.producer.SendMessages(messages))
}

// until waits for a condition: in virtual time where it is, and for at most a minute elsewhere.
func (p *place) until(what string, cond func() bool) {
	p.Helper()
	if p.virtual {
		for range 100_000 {
			synctest.Wait()
			if cond() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	} else {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
			if cond() {
				return
			}
		}
	}
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	p.Fatalf("waited in vain for this: %s; the log:\n%s", what, strings.Join(p.log.lines, "\n"))
}

// committed is the sum of what a group has committed for a topic.
func (p *place) committed(group goka.Group, topic goka.Stream) int64 {
	p.Helper()
	partitions, err := p.client.Partitions(string(topic))
	p.check(err)
	response, err := p.admin.ListConsumerGroupOffsets(string(group), map[string][]int32{string(topic): partitions})
	p.check(err)
	sum := int64(0)
	for _, partition := range partitions {
		if b := response.GetBlock(string(topic), partition); b != nil && b.Offset > 0 {
			sum += b.Offset
		}
	}
	return sum
}

// running is a processor or a view that runs.
type running struct {
	*goka.Processor
	p      *place
	cancel context.CancelFunc
	result chan error
	ended  atomic.Bool
}

// run starts a processor, which has to end without an error when the scenario is over.
func (p *place) run(clientID string, gg *goka.GroupGraph, options ...goka.ProcessorOption) *running {
	p.Helper()
	proc, err := goka.NewProcessor(p.brokers, gg, slices.Concat([]goka.ProcessorOption{
		goka.WithConfig(p.config()), goka.WithClientID(clientID), goka.WithLogger(p.log),
	}, options)...)
	p.check(err)
	r := &running{Processor: proc, p: p, result: make(chan error, 1)}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	go func() { r.result <- proc.Run(ctx) }()
	p.Cleanup(func() {
		if !r.ended.Load() {
			if err := r.stop(); err != nil {
				p.Errorf("processor %s: %v", clientID, err)
			}
		}
	})
	return r
}

// stop ends the processor and returns what Run did.
func (r *running) stop() error {
	r.cancel()
	return r.wait()
}

func (r *running) wait() error {
	r.p.Helper()
	r.ended.Store(true)
	select {
	case err := <-r.result:
		return err
	case <-time.After(2 * time.Minute):
		r.p.Fatalf("Run of %s has not returned for two minutes", r.Graph().Group())
		return nil
	}
}

func (r *running) ready() *running {
	r.p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r.p.check(r.WaitForReadyContext(ctx))
	return r
}

// view starts a view, which has to end without an error when the scenario is over.
func (p *place) view(table goka.Table, c goka.Codec, options ...goka.ViewOption) *goka.View {
	p.Helper()
	v, err := goka.NewView(p.brokers, table, c, slices.Concat([]goka.ViewOption{goka.WithViewConfig(p.config()), goka.WithViewLogger(p.log)}, options)...)
	p.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	p.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			p.Errorf("view of %s: %v", table, err)
		}
	})
	return v
}
