package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
)

var consumerCases = slices.Concat([]kase{
	{"messages come in order, from several partitions", func(e *env) {
		topic := e.topic(3)
		c := e.consumer()
		for p := range int32(3) {
			e.produce(topic, p, fmt.Sprint(p, "a"), fmt.Sprint(p, "b"))
		}
		for p := range int32(3) {
			pc := e.partition(c, topic, p, sarama.OffsetOldest)
			same(e, "values", e.values(pc, 2), []string{fmt.Sprint(p, "a"), fmt.Sprint(p, "b")})
		}
	}},
	{"a message comes as soon as it is written", func(e *env) {
		topic := e.topic(1)
		pc := e.partition(e.consumer(), topic, 0, sarama.OffsetNewest)
		nothing(e, pc.Messages(), "Messages of an empty partition")
		for i := range 3 {
			e.produce(topic, 0, fmt.Sprint(i))
			same(e, "values", e.values(pc, 1), []string{fmt.Sprint(i)})
		}
	}},
	{"two consumers read the same", func(e *env) {
		topic := e.topic(1)
		e.produce(topic, 0, "a", "b")
		for range 2 {
			pc := e.partition(e.consumer(), topic, 0, sarama.OffsetOldest)
			same(e, "values", e.values(pc, 2), []string{"a", "b"})
		}
	}},
	{"a partition is consumed once by one consumer", func(e *env) {
		topic := e.topic(1)
		c := e.consumer()
		pc := e.partition(c, topic, 0, sarama.OffsetOldest)
		_, err := c.ConsumePartition(topic, 0, sarama.OffsetOldest)
		if !errors.As(err, new(sarama.ConfigurationError)) {
			e.Errorf("ConsumePartition again gives %v (%T), want a ConfigurationError", err, err)
		}
		e.check(pc.Close(), "Close")
		var again sarama.PartitionConsumer
		e.until("the partition can be consumed again", func() bool {
			again, err = c.ConsumePartition(topic, 0, sarama.OffsetOldest)
			return err == nil
		})
		e.check(again.Close(), "Close")
	}},
	{"the high watermark is told", func(e *env) {
		topic := e.topic(2)
		e.produce(topic, 0, "a", "b", "c")
		c := e.consumer()
		pc := e.partition(c, topic, 0, sarama.OffsetOldest)
		e.values(pc, 3)
		equal(e, "HighWaterMarkOffset", pc.HighWaterMarkOffset(), 3)
		equal(e, "HighWaterMarks", c.HighWaterMarks()[topic][0], 3)
		e.produce(topic, 0, "d")
		e.values(pc, 1)
		equal(e, "HighWaterMarkOffset", pc.HighWaterMarkOffset(), 4)
		_, other := c.HighWaterMarks()[topic][1]
		equal(e, "HighWaterMarks has a partition that nobody consumes", other, false)
	}},
	{"topics and partitions are told", func(e *env) {
		topic := e.topic(3)
		c := e.consumer()
		topics, err := c.Topics()
		e.check(err, "Topics")
		equal(e, "Topics has the topic", slices.Contains(topics, topic), true)
		partitions, err := c.Partitions(topic)
		e.check(err, "Partitions")
		same(e, "Partitions", partitions, []int32{0, 1, 2})
	}},
	{"a paused partition waits, and goes on where it was", func(e *env) {
		topic := e.topic(2)
		c := e.consumer()
		pc := e.partition(c, topic, 0, sarama.OffsetOldest)
		other := e.partition(c, topic, 1, sarama.OffsetOldest)
		e.produce(topic, 0, "a")
		e.values(pc, 1)
		equal(e, "IsPaused", pc.IsPaused(), false)
		pc.Pause()
		equal(e, "IsPaused", pc.IsPaused(), true)
		e.settle(topic, 1, other)
		e.produce(topic, 0, "b")
		e.produce(topic, 1, "c")
		same(e, "values of the other", e.values(other, 1), []string{"c"})
		nothing(e, pc.Messages(), "Messages of a paused partition")
		pc.Resume()
		equal(e, "IsPaused", pc.IsPaused(), false)
		same(e, "values", e.values(pc, 1), []string{"b"})
	}},
	{"a consumer pauses some of its partitions, or all", func(e *env) {
		topic := e.topic(2)
		c := e.consumer()
		a, b := e.partition(c, topic, 0, sarama.OffsetOldest), e.partition(c, topic, 1, sarama.OffsetOldest)
		paused := func(what string, wantA, wantB bool) {
			e.Helper()
			equal(e, what+" pauses partition 0", a.IsPaused(), wantA)
			equal(e, what+" pauses partition 1", b.IsPaused(), wantB)
		}
		c.Pause(map[string][]int32{topic: {1, 7}, "nowhere": {0}})
		paused("Pause", false, true)
		c.Resume(map[string][]int32{topic: {1}})
		paused("Resume", false, false)
		c.PauseAll()
		paused("PauseAll", true, true)
		c.ResumeAll()
		paused("ResumeAll", false, false)
		e.produce(topic, 0, "a")
		e.produce(topic, 1, "b")
		e.values(a, 1)
		e.values(b, 1)
	}},
	{"records that were deleted under a consumer end it", func(e *env) {
		topic := e.topic(2)
		e.produce(topic, 0, "a", "b", "c")
		c := e.consumer()
		pc := e.partition(c, topic, 0, sarama.OffsetNewest)
		other := e.partition(c, topic, 1, sarama.OffsetOldest)
		pc.Pause()
		e.settle(topic, 1, other)
		e.produce(topic, 0, "d", "e")
		e.check(e.clusterAdmin().DeleteRecords(topic, map[int32]int64{0: 5}), "DeleteRecords")
		pc.Resume()
		err := receive(e, pc.Errors(), "an error")
		if !errors.Is(err, sarama.ErrOffsetOutOfRange) || err.Topic != topic || err.Partition != 0 {
			e.Errorf("the error is %v, want ErrOffsetOutOfRange of %s/0", err, topic)
		}
		equal(e, "messages", len(ended(e, pc.Messages(), "Messages")), 0)
	}},
	{"large and small messages come", func(e *env) {
		topic := e.topic(1)
		e.produce(topic, 0, "a", strings.Repeat("b", 100_000), "c")
		c := e.consumer(func(c *sarama.Config) { c.Consumer.Fetch.Default = 1000 })
		var got []int
		for _, v := range e.values(e.partition(c, topic, 0, sarama.OffsetOldest), 3) {
			got = append(got, len(v))
		}
		same(e, "lengths", got, []int{1, 100_000, 1})
	}},
	{"a slow reader gets everything", func(e *env) {
		topic := e.topic(1)
		for range 10 {
			e.produce(topic, 0, "v")
		}
		c := e.consumer(func(c *sarama.Config) { c.ChannelBufferSize = 0; c.Consumer.MaxProcessingTime = e.pace.poll })
		pc := e.partition(c, topic, 0, sarama.OffsetOldest)
		for i := range 10 {
			if i%4 == 3 {
				e.rest(4)
			}
			equal(e, "offset", receive(e, pc.Messages(), "a message").Offset, int64(i))
		}
	}},
	{"interceptors change messages before they are received", func(e *env) {
		topic := e.topic(1)
		e.produce(topic, 0, "v")
		ms := e.read(topic, 0, 1, func(c *sarama.Config) {
			c.Consumer.Interceptors = []sarama.ConsumerInterceptor{suffix("1"), panics{}, suffix("2")}
		})
		equal(e, "value", string(ms[0].Value), "v12")
	}},
	{"closing a partition consumer closes its channels, also with messages in them", func(e *env) {
		topic := e.topic(1)
		e.produce(topic, 0, "a", "b", "c")
		pc := e.partition(e.consumer(), topic, 0, sarama.OffsetOldest)
		e.values(pc, 1)
		e.within("Close", func() { e.wants(pc.Close(), nil, "Close") })
		ended(e, pc.Messages(), "Messages")
		ended(e, pc.Errors(), "Errors")
		e.within("Close again", func() { e.wants(pc.Close(), nil, "Close again") })
	}},
	{"AsyncClose returns at once, and the channels end", func(e *env) {
		topic := e.topic(1)
		e.produce(topic, 0, "a", "b", "c")
		pc := e.partition(e.consumer(), topic, 0, sarama.OffsetOldest)
		e.values(pc, 1)
		pc.AsyncClose()
		ended(e, pc.Messages(), "Messages")
		ended(e, pc.Errors(), "Errors")
	}},
	{"a closed consumer consumes nothing", func(e *env) {
		topic := e.topic(1)
		c := e.consumer()
		e.check(c.Close(), "Close")
		_, err := c.ConsumePartition(topic, 0, sarama.OffsetOldest)
		e.wants(err, sarama.ErrClosedClient, "ConsumePartition of a closed consumer")
		_, err = c.Topics()
		e.wants(err, sarama.ErrClosedClient, "Topics of a closed consumer")
		_, err = c.Partitions(topic)
		e.wants(err, sarama.ErrClosedClient, "Partitions of a closed consumer")
		e.wants(c.Close(), sarama.ErrClosedClient, "Close again")
	}},
	{"a consumer on a client leaves the client open", func(e *env) {
		topic := e.topic(1)
		e.produce(topic, 0, "a")
		client := e.client()
		for range 2 {
			c, err := e.NewConsumerFromClient(client)
			e.check(err, "NewConsumerFromClient")
			pc := e.partition(c, topic, 0, sarama.OffsetOldest)
			e.values(pc, 1)
			e.check(pc.Close(), "PartitionConsumer.Close")
			e.check(c.Close(), "Consumer.Close")
		}
		equal(e, "the client is closed", client.Closed(), false)
		e.check(client.Close(), "Client.Close")
		_, err := e.NewConsumerFromClient(client)
		e.wants(err, sarama.ErrClosedClient, "NewConsumerFromClient of a closed client")
	}},
}, startCases())

// settle writes to a partition and receives it, so that fetches that were under way are over.
func (e *env) settle(topic string, partition int32, pc sarama.PartitionConsumer) {
	e.Helper()
	for range 2 {
		e.produce(topic, partition, "settle")
		e.values(pc, 1)
	}
}

// rest lets time pass, as a reader does that is busy elsewhere.
func (e *env) rest(polls int) {
	e.Helper()
	left := polls
	e.until("time has passed", func() bool { left--; return left < 0 })
}

// startCases are where a partition consumer may begin: at records a (deleted), b and c, and one that is written later.
func startCases() (cases []kase) {
	for _, c := range []struct {
		name      string
		offset    int64
		partition int32
		want      string
		err       error
	}{
		{"oldest", sarama.OffsetOldest, 0, "b", nil},
		{"newest", sarama.OffsetNewest, 0, "new", nil},
		{"an offset", 2, 0, "c", nil},
		{"the first offset", 1, 0, "b", nil},
		{"the end", 3, 0, "new", nil},
		{"an offset that was deleted", 0, 0, "", sarama.ErrOffsetOutOfRange},
		{"an offset past the end", 4, 0, "", sarama.ErrOffsetOutOfRange},
		{"no offset at all", -7, 0, "", sarama.ErrOffsetOutOfRange},
		{"a partition that there is not", sarama.OffsetOldest, 1, "", sarama.ErrUnknownTopicOrPartition},
	} {
		cases = append(cases, kase{"a partition consumer starts at " + c.name, func(e *env) {
			topic := e.topic(1)
			e.produce(topic, 0, "a", "b", "c")
			e.check(e.clusterAdmin().DeleteRecords(topic, map[int32]int64{0: 1}), "DeleteRecords")
			pc, err := e.consumer().ConsumePartition(topic, c.partition, c.offset)
			e.wants(err, c.err, "ConsumePartition")
			if err != nil {
				return
			}
			e.closing(pc)
			e.produce(topic, 0, "new")
			same(e, "first value", e.values(pc, 1), []string{c.want})
		}})
	}
	return cases
}
