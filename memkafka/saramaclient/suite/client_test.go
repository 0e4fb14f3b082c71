package suite

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

var clientCases = slices.Concat([]kase{
	{"a client has its configuration", func(e *env) {
		config := e.config(called("me"))
		c, err := e.NewClient(config)
		e.check(err, "NewClient")
		equal(e, "Config", c.Config(), config)
		e.check(c.Close(), "Close")
	}},
	{"a configuration that cannot be is refused", func(e *env) {
		_, err := e.NewClient(e.config(func(c *sarama.Config) { c.Net.MaxOpenRequests = 0 }))
		if !errors.As(err, new(sarama.ConfigurationError)) {
			e.Errorf("NewClient gives %v (%T), want a ConfigurationError", err, err)
		}
	}},
	{"topics and partitions are told", func(e *env) {
		topic := e.topic(3)
		c := e.client()
		topics, err := c.Topics()
		e.check(err, "Topics")
		equal(e, "Topics has the topic", slices.Contains(topics, topic), true)
		for what, f := range map[string]func(string) ([]int32, error){"Partitions": c.Partitions, "WritablePartitions": c.WritablePartitions} {
			ps, err := f(topic)
			e.check(err, "%s", what)
			same(e, what, ps, []int32{0, 1, 2})
		}
	}},
	{"a partition's leader and replicas are told", func(e *env) {
		topic := e.topic(2)
		c := e.client()
		leader, err := c.Leader(topic, 1)
		e.check(err, "Leader")
		again, epoch, err := c.LeaderAndEpoch(topic, 1)
		e.check(err, "LeaderAndEpoch")
		equal(e, "leader", again.ID(), leader.ID())
		equal(e, "epoch", epoch, 0)
		for what, f := range map[string]func(string, int32) ([]int32, error){"Replicas": c.Replicas, "InSyncReplicas": c.InSyncReplicas} {
			ids, err := f(topic, 1)
			e.check(err, "%s", what)
			same(e, what, ids, []int32{leader.ID()})
		}
		ids, err := c.OfflineReplicas(topic, 1)
		e.check(err, "OfflineReplicas")
		equal(e, "OfflineReplicas", len(ids), 0)
		equal(e, "PartitionNotReadable", c.PartitionNotReadable(topic, 1), false)
	}},
	{"a topic that there is not has nothing", func(e *env) {
		topic := e.name("nowhere")
		c := e.client(func(c *sarama.Config) { c.Metadata.AllowAutoTopicCreation = false; c.Metadata.Retry.Max = 1 })
		_, err := c.Partitions(topic)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "Partitions")
		_, err = c.WritablePartitions(topic)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "WritablePartitions")
		e.wants(c.RefreshMetadata(topic), sarama.ErrUnknownTopicOrPartition, "RefreshMetadata")
		_, err = c.Leader(topic, 0)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "Leader")
		_, err = c.GetOffset(topic, 0, sarama.OffsetNewest)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "GetOffset")
		equal(e, "PartitionNotReadable", c.PartitionNotReadable(topic, 0), true)
	}},
	{"a partition that there is not has nothing", func(e *env) {
		topic := e.topic(1)
		c := e.client(func(c *sarama.Config) { c.Metadata.Retry.Max = 1 })
		_, err := c.Leader(topic, 7)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "Leader")
		_, _, err = c.LeaderAndEpoch(topic, 7)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "LeaderAndEpoch")
		_, err = c.Replicas(topic, 7)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "Replicas")
		_, err = c.InSyncReplicas(topic, 7)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "InSyncReplicas")
		_, err = c.OfflineReplicas(topic, 7)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "OfflineReplicas")
		_, err = c.GetOffset(topic, 7, sarama.OffsetNewest)
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "GetOffset")
	}},
	{"an empty topic name is refused", func(e *env) {
		e.wants(e.client().RefreshMetadata(""), sarama.ErrInvalidTopic, "RefreshMetadata")
	}},
	{"a topic comes to be when it is asked for", func(e *env) {
		topic := e.name("auto")
		c := e.client(func(c *sarama.Config) { c.Metadata.Retry.Max, c.Metadata.Retry.Backoff = 20, 5*e.pace.poll })
		ps, err := c.Partitions(topic)
		e.check(err, "Partitions")
		same(e, "Partitions", ps, []int32{0})
		offset, err := c.GetOffset(e.name("auto"), 0, sarama.OffsetNewest)
		e.check(err, "GetOffset")
		equal(e, "GetOffset", offset, 0)
		_, err = c.Leader(e.name("auto"), 0)
		e.check(err, "Leader")
		replicas, err := c.Replicas(e.name("auto"), 0)
		e.check(err, "Replicas")
		equal(e, "Replicas", len(replicas) > 0, true)
	}},
	{"what cannot be made is nothing", func(e *env) {
		wrong := e.config(func(c *sarama.Config) { c.Net.MaxOpenRequests = 0 })
		if c, err := e.NewClient(wrong); c != nil || err == nil {
			e.Errorf("NewClient gives %v, %v", c, err)
		}
		if p, err := e.NewAsyncProducer(wrong); p != nil || err == nil {
			e.Errorf("NewAsyncProducer gives %v, %v", p, err)
		}
		if g, err := e.NewConsumerGroup(e.name("group"), wrong); g != nil || err == nil {
			e.Errorf("NewConsumerGroup gives %v, %v", g, err)
		}
		topic := e.topic(1)
		consumer, err := e.NewConsumer(e.config(func(c *sarama.Config) { c.Metadata.Retry.Max = 1 }))
		e.check(err, "NewConsumer")
		if pc, err := consumer.ConsumePartition(topic, 7, sarama.OffsetOldest); pc != nil || err == nil {
			e.Errorf("ConsumePartition gives %v, %v", pc, err)
		}
		e.check(consumer.Close(), "Close")
		closed := e.client()
		e.check(closed.Close(), "Close")
		if p, err := e.NewAsyncProducerFromClient(closed); p != nil || err == nil {
			e.Errorf("NewAsyncProducerFromClient gives %v, %v", p, err)
		}
	}},
	{"brokers are told", func(e *env) {
		c := e.client()
		e.check(c.RefreshMetadata(), "RefreshMetadata")
		brokers := c.Brokers()
		if len(brokers) == 0 {
			e.Fatalf("Brokers gives none")
		}
		b, err := c.Broker(brokers[0].ID())
		e.check(err, "Broker")
		equal(e, "address", b.Addr(), brokers[0].Addr())
		_, err = c.Broker(4711)
		e.wants(err, sarama.ErrBrokerNotFound, "Broker of an id that there is not")
		if c.LeastLoadedBroker() == nil {
			e.Errorf("LeastLoadedBroker gives none")
		}
	}},
	{"the controller and coordinators are told", func(e *env) {
		c := e.client(func(c *sarama.Config) { c.Metadata.Retry.Max, c.Metadata.Retry.Backoff = 20, 5*e.pace.poll })
		group := e.name("group")
		for _, f := range []struct {
			what string
			ask  func() (*sarama.Broker, error)
		}{
			{"Controller", c.Controller},
			{"RefreshController", c.RefreshController},
			{"Coordinator", func() (*sarama.Broker, error) { return c.Coordinator(group) }},
			{"TransactionCoordinator", func() (*sarama.Broker, error) { return c.TransactionCoordinator(group) }},
		} {
			b, err := f.ask()
			e.check(err, "%s", f.what)
			if b == nil || b.ID() < 1 || b.Addr() == "" {
				e.Errorf("%s gives %+v, want a broker", f.what, b)
			}
		}
		e.check(c.RefreshCoordinator(group), "RefreshCoordinator")
		e.check(c.RefreshTransactionCoordinator(group), "RefreshTransactionCoordinator")
	}},
	{"a producer id is a new one", func(e *env) {
		c := e.client()
		one, err := c.InitProducerID()
		e.check(err, "InitProducerID")
		two, err := c.InitProducerID()
		e.check(err, "InitProducerID")
		equal(e, "error", one.Err, sarama.ErrNoError)
		if one.ProducerID < 0 || one.ProducerID == two.ProducerID {
			e.Errorf("producer ids are %d and %d, want two", one.ProducerID, two.ProducerID)
		}
	}},
	{"a deleted topic is gone", func(e *env) {
		topic := e.topic(1)
		c := e.client(func(c *sarama.Config) { c.Metadata.AllowAutoTopicCreation = false; c.Metadata.Retry.Max = 0 })
		_, err := c.Partitions(topic)
		e.check(err, "Partitions")
		e.check(e.clusterAdmin().DeleteTopic(topic), "DeleteTopic")
		e.until("the client knows", func() bool { return errors.Is(c.RefreshMetadata(topic), sarama.ErrUnknownTopicOrPartition) })
	}},
	{"new partitions are seen once metadata is refreshed", func(e *env) {
		topic := e.topic(1)
		c := e.client()
		_, err := c.Partitions(topic)
		e.check(err, "Partitions")
		e.check(e.clusterAdmin().CreatePartitions(topic, 3, nil, false), "CreatePartitions")
		e.until("there are three partitions", func() bool {
			e.check(c.RefreshMetadata(topic), "RefreshMetadata")
			ps, err := c.Partitions(topic)
			return err == nil && len(ps) == 3
		})
	}},
	{"a closed client does nothing", func(e *env) {
		topic := e.topic(1)
		c := e.client()
		equal(e, "Closed", c.Closed(), false)
		e.check(c.Close(), "Close")
		equal(e, "Closed", c.Closed(), true)
		for what, f := range map[string]func() error{
			"Close":            c.Close,
			"Topics":           func() error { _, err := c.Topics(); return err },
			"Partitions":       func() error { _, err := c.Partitions(topic); return err },
			"Replicas":         func() error { _, err := c.Replicas(topic, 0); return err },
			"Leader":           func() error { _, err := c.Leader(topic, 0); return err },
			"GetOffset":        func() error { _, err := c.GetOffset(topic, 0, sarama.OffsetOldest); return err },
			"RefreshMetadata":  func() error { return c.RefreshMetadata() },
			"Controller":       func() error { _, err := c.Controller(); return err },
			"Coordinator":      func() error { _, err := c.Coordinator("g"); return err },
			"RefreshBrokers":   func() error { return c.RefreshBrokers(nil) },
			"OffsetManager":    func() error { _, err := e.NewOffsetManagerFromClient("g", c); return err },
			"ConsumerFromThis": func() error { _, err := e.NewConsumerFromClient(c); return err },
		} {
			e.wants(f(), sarama.ErrClosedClient, "%s of a closed client", what)
		}
		if _, err := c.InitProducerID(); err == nil {
			e.Errorf("InitProducerID of a closed client gives no error")
		}
		equal(e, "brokers of a closed client", len(c.Brokers()), 0)
		_, err := c.Broker(1)
		e.wants(err, sarama.ErrBrokerNotFound, "Broker of a closed client")
	}},
	{"a broker answers requests", func(e *env) {
		topic := e.topic(2)
		c := e.client()
		b, err := c.Leader(topic, 0)
		e.check(err, "Leader")
		if err := b.Open(c.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
			e.Fatalf("Open: %v", err)
		}
		connected, err := b.Connected()
		e.check(err, "Connected")
		equal(e, "Connected", connected, true)
		m, err := b.GetMetadata(sarama.NewMetadataRequest(c.Config().Version, []string{topic}))
		e.check(err, "GetMetadata")
		equal(e, "partitions in the answer", len(m.Topics[0].Partitions), 2)
		e.wants(b.Open(c.Config()), sarama.ErrAlreadyConnected, "Open again")
	}},
	{"clients closed at any moment end all that stands on them", func(e *env) {
		topic := e.topic(1)
		e.produce(topic, 0, "a")
		c := e.client()
		consumer, err := e.NewConsumerFromClient(c)
		e.check(err, "NewConsumerFromClient")
		pc := e.partition(consumer, topic, 0, sarama.OffsetOldest)
		e.values(pc, 1)
		e.check(c.Close(), "Client.Close")
		e.within("PartitionConsumer.Close", func() { _ = pc.Close() }) // it may say that its client was closed
	}},
}, getOffsetCases())

// getOffsetCases are what GetOffset says of records at the times 1, 2, 2 and 5 seconds after one, the first of them deleted.
func getOffsetCases() (cases []kase) {
	for _, c := range []struct {
		name  string
		at    int64         // sarama.OffsetOldest and its like, or 0
		after time.Duration // else the time
		want  int64
	}{
		{"oldest", sarama.OffsetOldest, 0, 1},
		{"newest", sarama.OffsetNewest, 0, 4},
		{"a time before all", 0, 0, 1},
		{"the time of a record", 0, 2 * time.Second, 1},
		{"a time between records", 0, 3 * time.Second, 3},
		{"a time after all", 0, 6 * time.Second, -1},
	} {
		cases = append(cases, kase{"GetOffset: " + c.name, func(e *env) {
			topic := e.topic(1)
			start := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
			p := e.syncProducer()
			for _, after := range []int{1, 2, 2, 5} {
				m := message(topic, 0, "v")
				m.Timestamp = start.Add(time.Duration(after) * time.Second)
				_, _, err := p.SendMessage(m)
				e.check(err, "SendMessage")
			}
			e.check(e.clusterAdmin().DeleteRecords(topic, map[int32]int64{0: 1}), "DeleteRecords")
			at := c.at
			if at == 0 {
				at = start.Add(c.after).UnixMilli()
			}
			o, err := e.client().GetOffset(topic, 0, at)
			e.check(err, "GetOffset")
			equal(e, fmt.Sprintf("offset at %d", at), o, c.want)
		}})
	}
	return cases
}
