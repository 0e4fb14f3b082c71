package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

var producerCases = slices.Concat([]kase{
	{"a synchronous producer tells partition and offset", func(e *env) {
		topic := e.topic(3)
		p := e.syncProducer(manual)
		for want := range int64(3) {
			m := message(topic, 2, "v")
			partition, offset, err := p.SendMessage(m)
			e.check(err, "SendMessage")
			equal(e, "partition", partition, 2)
			equal(e, "offset", offset, want)
			equal(e, "offset of the message", m.Offset, want)
		}
	}},
	{"key, value, headers and timestamp arrive", func(e *env) {
		topic := e.topic(1)
		at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
		_, _, err := e.syncProducer().SendMessage(&sarama.ProducerMessage{
			Topic: topic, Key: sarama.StringEncoder("k"), Value: sarama.ByteEncoder("v"), Timestamp: at,
			Headers: []sarama.RecordHeader{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("a"), Value: []byte("2")}, {Key: []byte("b")}},
		})
		e.check(err, "SendMessage")
		m := e.read(topic, 0, 1)[0]
		equal(e, "message", fmt.Sprintf("%s/%d@%d %s=%s", m.Topic, m.Partition, m.Offset, m.Key, m.Value), topic+"/0@0 k=v")
		if !m.Timestamp.Equal(at) {
			e.Errorf("timestamp is %v, want %v", m.Timestamp, at)
		}
		var hs []string
		for _, h := range m.Headers {
			hs = append(hs, fmt.Sprintf("%s=%s/%v", h.Key, h.Value, h.Value == nil))
		}
		same(e, "headers", hs, []string{"a=1/false", "a=2/false", "b=/true"})
	}},
	{"a message without a time has the time at which it was sent", func(e *env) {
		topic := e.topic(1)
		before := time.Now().Truncate(time.Millisecond)
		m := message(topic, 0, "v")
		_, _, err := e.syncProducer().SendMessage(m)
		e.check(err, "SendMessage")
		got := e.read(topic, 0, 1)[0]
		if got.Timestamp.Before(before) || got.Timestamp.After(time.Now()) {
			e.Errorf("timestamp is %v, want one from %v on", got.Timestamp, before)
		}
	}},
	{"a topic may have the time of the broker", func(e *env) {
		topic := e.topic(1, "message.timestamp.type", "LogAppendTime")
		before := time.Now().Truncate(time.Millisecond)
		m := message(topic, 0, "v")
		m.Timestamp = time.UnixMilli(1_000_000)
		_, _, err := e.syncProducer().SendMessage(m)
		e.check(err, "SendMessage")
		if m.Timestamp.Before(before) {
			e.Errorf("the producer is told %v, want the time of the broker", m.Timestamp)
		}
		if got := e.read(topic, 0, 1)[0].Timestamp; got.Before(before) {
			e.Errorf("the consumer is told %v, want the time of the broker", got)
		}
	}},
	{"nothing, nil and empty are values", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer()
		for _, v := range []sarama.Encoder{nil, sarama.ByteEncoder(nil), sarama.StringEncoder(""), sarama.ByteEncoder{}} {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Key: v, Value: v})
			e.check(err, "SendMessage of %#v", v)
		}
		var got []string
		for _, m := range e.read(topic, 0, 4) {
			got = append(got, fmt.Sprint(m.Key == nil, m.Value == nil, len(m.Key), len(m.Value)))
		}
		same(e, "null and length of key and value", got, []string{"true true 0 0", "true true 0 0", "false false 0 0", "false false 0 0"})
	}},
	{"several messages are sent at once, each with its place", func(e *env) {
		topic := e.topic(2)
		ms := []*sarama.ProducerMessage{message(topic, 0, "a"), message(topic, 1, "b"), message(topic, 0, "c")}
		e.check(e.syncProducer(manual).SendMessages(ms), "SendMessages")
		for i, want := range []string{"0@0", "1@0", "0@1"} {
			equal(e, "place", fmt.Sprintf("%d@%d", ms[i].Partition, ms[i].Offset), want)
		}
	}},
	{"of several messages the failed ones are named", func(e *env) {
		topic := e.topic(1)
		bad := message(topic, 7, "b")
		err := e.syncProducer(manual).SendMessages([]*sarama.ProducerMessage{message(topic, 0, "a"), bad, message(topic, 0, "c")})
		var failed sarama.ProducerErrors
		if !errors.As(err, &failed) || len(failed) != 1 || failed[0].Msg != bad || !errors.Is(failed[0], sarama.ErrInvalidPartition) {
			e.Errorf("SendMessages gives %v (%T), want the one message whose partition there is not", err, err)
		}
		equal(e, "messages", len(e.read(topic, 0, 2)), 2)
	}},
	{"an asynchronous producer reports success with place and metadata", func(e *env) {
		topic := e.topic(2)
		p := e.asyncProducer(manual)
		m := message(topic, 1, "v")
		m.Metadata = "mine"
		p.Input() <- m
		got := receive(e, p.Successes(), "a success")
		if got != m || got.Partition != 1 || got.Offset != 0 || got.Metadata != "mine" {
			e.Errorf("success is %+v", got)
		}
		e.check(p.Close(), "Close")
	}},
	{"an asynchronous producer reports failures with the message", func(e *env) {
		topic := e.topic(1)
		p := e.asyncProducer(manual)
		m := message(topic, 4, "v")
		p.Input() <- m
		got := receive(e, p.Errors(), "an error")
		if got.Msg != m || !errors.Is(got, sarama.ErrInvalidPartition) {
			e.Errorf("error is %+v", got)
		}
		e.check(p.Close(), "Close")
	}},
	{"Close sends what was put in", func(e *env) {
		topic := e.topic(1)
		p := e.asyncProducer()
		for range 100 {
			p.Input() <- message(topic, 0, "v")
		}
		e.within("Close", func() { e.wants(p.Close(), nil, "Close") })
		equal(e, "messages", len(e.read(topic, 0, 100)), 100)
	}},
	{"Close returns the errors that nobody read", func(e *env) {
		topic := e.topic(1)
		p := e.asyncProducer(manual)
		p.Input() <- message(topic, 4, "a")
		p.Input() <- message(topic, 5, "b")
		e.within("Close", func() {
			var failed sarama.ProducerErrors
			if err := p.Close(); !errors.As(err, &failed) || len(failed) != 2 {
				e.Errorf("Close gives %v (%T), want two ProducerErrors", err, err)
			}
		})
	}},
	{"AsyncClose closes the channels after the last result", func(e *env) {
		topic := e.topic(1)
		p := e.asyncProducer()
		for range 10 {
			p.Input() <- message(topic, 0, "v")
		}
		p.AsyncClose()
		equal(e, "successes", len(ended(e, p.Successes(), "Successes")), 10)
		equal(e, "errors", len(ended(e, p.Errors(), "Errors")), 0)
	}},
	{"a producer that returns nothing still sends", func(e *env) {
		topic := e.topic(1)
		p := e.asyncProducer(func(c *sarama.Config) { c.Producer.Return.Successes, c.Producer.Return.Errors = false, false })
		for range 10 {
			p.Input() <- message(topic, 0, "v")
		}
		e.within("Close", func() { e.wants(p.Close(), nil, "Close") })
		equal(e, "messages", len(e.read(topic, 0, 10)), 10)
	}},
	{"messages of a partition keep their order", func(e *env) {
		topic := e.topic(1)
		p := e.asyncProducer(func(c *sarama.Config) { c.Producer.Flush.MaxMessages = 7 })
		go func() {
			for i := range 200 {
				p.Input() <- message(topic, 0, fmt.Sprint(i))
			}
		}()
		for i := range 200 {
			m := receive(e, p.Successes(), "a success")
			equal(e, "offset", m.Offset, int64(i))
		}
		e.check(p.Close(), "Close")
		for i, m := range e.read(topic, 0, 200) {
			equal(e, "value", string(m.Value), fmt.Sprint(i))
		}
	}},
	{"interceptors change messages before they are sent", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(func(c *sarama.Config) {
			c.Producer.Interceptors = []sarama.ProducerInterceptor{suffix("1"), panics{}, suffix("2")}
		})
		_, _, err := p.SendMessage(message(topic, 0, "v"))
		e.check(err, "SendMessage")
		equal(e, "value", string(e.read(topic, 0, 1)[0].Value), "v12")
	}},
	{"a null key is refused by a compacted topic", func(e *env) {
		topic := e.topic(1, "cleanup.policy", "compact")
		_, _, err := e.syncProducer().SendMessage(message(topic, 0, "v"))
		e.wants(err, sarama.ErrInvalidRecord, "SendMessage without a key")
	}},
	{"a time too far ahead is refused", func(e *env) {
		topic := e.topic(1)
		m := message(topic, 0, "v")
		m.Timestamp = time.Now().Add(48 * time.Hour)
		_, _, err := e.syncProducer().SendMessage(m)
		e.wants(err, sarama.ErrInvalidTimestamp, "SendMessage")
	}},
	{"a topic asks for no more replicas in sync than it has", func(e *env) {
		topic := e.topic(1, "min.insync.replicas", "2")
		_, _, err := e.syncProducer(func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.WaitForAll }).SendMessage(message(topic, 0, "v"))
		e.check(err, "SendMessage")
	}},
	{"a message above the producer's bound is refused by it", func(e *env) {
		topic := e.topic(1)
		p := e.syncProducer(func(c *sarama.Config) { c.Producer.MaxMessageBytes = 200 })
		_, _, err := p.SendMessage(message(topic, 0, strings.Repeat("v", 300)))
		var ce sarama.ConfigurationError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), "MaxMessageBytes") {
			e.Errorf("SendMessage gives %v (%T), want a ConfigurationError of MaxMessageBytes", err, err)
		}
		_, offset, err := p.SendMessage(message(topic, 0, "v"))
		e.check(err, "SendMessage")
		equal(e, "offset", offset, 0)
	}},
	{"a message above the topic's bound is refused by the broker", func(e *env) {
		topic := e.topic(1, "max.message.bytes", "500")
		_, _, err := e.syncProducer().SendMessage(message(topic, 0, strings.Repeat("v", 600)))
		e.wants(err, sarama.ErrMessageSizeTooLarge, "SendMessage")
	}},
	{"a topic that there is not is an error", func(e *env) {
		p := e.syncProducer(func(c *sarama.Config) { c.Metadata.AllowAutoTopicCreation = false; c.Metadata.Retry.Max = 1 })
		_, _, err := p.SendMessage(message(e.name("nowhere"), 0, "v"))
		e.wants(err, sarama.ErrUnknownTopicOrPartition, "SendMessage")
	}},
	{"a topic that may not be is an error", func(e *env) {
		p := e.syncProducer(func(c *sarama.Config) { c.Metadata.Retry.Max = 1 })
		_, _, err := p.SendMessage(message("no topic", 0, "v"))
		e.wants(err, sarama.ErrInvalidTopic, "SendMessage")
	}},
	{"a topic comes to be when it is sent to", func(e *env) {
		topic := e.name("auto")
		p := e.syncProducer(func(c *sarama.Config) { c.Metadata.Retry.Max, c.Metadata.Retry.Backoff = 20, 5*e.pace.poll })
		_, offset, err := p.SendMessage(message(topic, 0, "v"))
		e.check(err, "SendMessage")
		equal(e, "offset", offset, 0)
	}},
	{"an idempotent producer writes each message once", func(e *env) {
		topic := e.topic(1)
		p := e.asyncProducer(idempotent)
		for i := range 50 {
			p.Input() <- message(topic, 0, fmt.Sprint(i))
			receive(e, p.Successes(), "a success")
		}
		e.check(p.Close(), "Close")
		ms := e.read(topic, 0, 50)
		for i, m := range ms {
			equal(e, "message", fmt.Sprintf("%d %s", m.Offset, m.Value), fmt.Sprintf("%d %d", i, i))
		}
	}},
	{"without a transactional id there are no transactions", func(e *env) {
		sp, ap := e.syncProducer(), e.asyncProducer()
		for what, p := range map[string]interface {
			IsTransactional() bool
			BeginTxn() error
			CommitTxn() error
			AbortTxn() error
			AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata, string) error
			AddMessageToTxn(*sarama.ConsumerMessage, string, *string) error
		}{"SyncProducer": sp, "AsyncProducer": ap} {
			equal(e, what+".IsTransactional", p.IsTransactional(), false)
			e.wants(p.BeginTxn(), sarama.ErrNonTransactedProducer, "%s.BeginTxn", what)
			e.wants(p.CommitTxn(), sarama.ErrNonTransactedProducer, "%s.CommitTxn", what)
			e.wants(p.AbortTxn(), sarama.ErrNonTransactedProducer, "%s.AbortTxn", what)
			e.wants(p.AddOffsetsToTxn(nil, "g"), sarama.ErrNonTransactedProducer, "%s.AddOffsetsToTxn", what)
			e.wants(p.AddMessageToTxn(&sarama.ConsumerMessage{Topic: "t"}, "g", nil), sarama.ErrNonTransactedProducer, "%s.AddMessageToTxn", what)
		}
		e.check(ap.Close(), "Close")
	}},
	{"a producer on a client leaves the client open", func(e *env) {
		topic := e.topic(1)
		c := e.client()
		for range 2 {
			p, err := e.NewSyncProducerFromClient(c)
			e.check(err, "NewSyncProducerFromClient")
			_, _, err = p.SendMessage(message(topic, 0, "v"))
			e.check(err, "SendMessage")
			e.check(p.Close(), "Close")
			a, err := e.NewAsyncProducerFromClient(c)
			e.check(err, "NewAsyncProducerFromClient")
			a.Input() <- message(topic, 0, "v")
			receive(e, a.Successes(), "a success")
			e.check(a.Close(), "Close")
		}
		equal(e, "the client is closed", c.Closed(), false)
		e.check(c.Close(), "Client.Close")
		_, err := e.NewAsyncProducerFromClient(c)
		e.wants(err, sarama.ErrClosedClient, "NewAsyncProducerFromClient of a closed client")
	}},
}, ackCases(), partitionerCases(), compressionCases(), flushCases(), configurationCases())

func idempotent(c *sarama.Config) {
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Net.MaxOpenRequests = 1
	c.Producer.Retry.Backoff = time.Millisecond
}

// suffix appends itself to values.
type suffix string

func (s suffix) OnSend(m *sarama.ProducerMessage) {
	v, _ := m.Value.Encode() // a string
	m.Value = sarama.StringEncoder(string(v) + string(s))
}

func (s suffix) OnConsume(m *sarama.ConsumerMessage) { m.Value = append(slices.Clone(m.Value), s...) }

type panics struct{}

func (panics) OnSend(*sarama.ProducerMessage)      { panic("an interceptor of the test") }
func (panics) OnConsume(m *sarama.ConsumerMessage) { panic("an interceptor of the test") }

func ackCases() (cases []kase) {
	for _, c := range []struct {
		name string
		acks sarama.RequiredAcks
		want int64 // the offset of the second message, where it is told
	}{
		{"nobody", sarama.NoResponse, 0},
		{"the leader", sarama.WaitForLocal, 1},
		{"all", sarama.WaitForAll, 1},
	} {
		cases = append(cases, kase{"messages are acknowledged by " + c.name, func(e *env) {
			topic := e.topic(1)
			p := e.syncProducer(func(config *sarama.Config) { config.Producer.RequiredAcks = c.acks })
			for i := range int64(2) {
				_, offset, err := p.SendMessage(message(topic, 0, "v"))
				e.check(err, "SendMessage")
				equal(e, "offset", offset, min(i, c.want))
			}
			equal(e, "messages", len(e.read(topic, 0, 2)), 2)
		}})
	}
	return cases
}

// fixed is a user-written partitioner.
type fixed struct {
	partition int32
	err       error
}

var errNoPartition = errors.New("no partition is good enough")

func (f fixed) Partition(*sarama.ProducerMessage, int32) (int32, error) { return f.partition, f.err }
func (fixed) RequiresConsistency() bool                                 { return true }

func partitionerCases() (cases []kase) {
	user := func(f fixed) sarama.PartitionerConstructor {
		return func(string) sarama.Partitioner { return f }
	}
	for _, c := range []struct {
		name        string
		partitioner sarama.PartitionerConstructor
		want        []int32 // of the keys "", a, b, c, d; -1 for any partition
		err         error
	}{
		{"manual", sarama.NewManualPartitioner, []int32{3, 3, 3, 3, 3}, nil},
		{"roundrobin", sarama.NewRoundRobinPartitioner, []int32{0, 1, 2, 3, 4}, nil},
		{"hash", sarama.NewHashPartitioner, []int32{-1, 1, 4, 3, 3}, nil},
		{"reference hash", sarama.NewReferenceHashPartitioner, []int32{-1, 2, 4, 0, 0}, nil},
		{"consistent CRC", sarama.NewConsistentCRCHashPartitioner, []int32{-1, 2, 1, 0, 1}, nil},
		{"murmur2", sarama.NewMurmur2Partitioner, []int32{-1, 4, 1, 4, 3}, nil},
		{"random", sarama.NewRandomPartitioner, []int32{-1, -1, -1, -1, -1}, nil},
		{"user-written", user(fixed{partition: 4}), []int32{4, 4, 4, 4, 4}, nil},
		{"user-written out of range", user(fixed{partition: 5}), nil, sarama.ErrInvalidPartition},
		{"user-written below zero", user(fixed{partition: -1}), nil, sarama.ErrInvalidPartition},
		{"user-written failing", user(fixed{err: errNoPartition}), nil, errNoPartition},
	} {
		cases = append(cases, kase{"partitioner " + c.name, func(e *env) {
			topic := e.topic(5)
			p := e.syncProducer(func(config *sarama.Config) { config.Producer.Partitioner = c.partitioner })
			for i, key := range []string{"", "a", "b", "c", "d"} {
				m := message(topic, 3, "v")
				if key != "" {
					m.Key = sarama.StringEncoder(key)
				}
				partition, _, err := p.SendMessage(m)
				e.wants(err, c.err, "SendMessage")
				switch {
				case c.err != nil:
				case partition < 0 || partition > 4:
					e.Errorf("partition of %q is %d", key, partition)
				case c.want[i] >= 0:
					equal(e, "partition of "+key, partition, c.want[i])
				}
			}
		}})
	}
	return cases
}

func compressionCases() (cases []kase) {
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		cases = append(cases, kase{"messages arrive through " + codec.String(), func(e *env) {
			topic := e.topic(1)
			p := e.syncProducer(func(c *sarama.Config) { c.Producer.Compression = codec })
			value := strings.Repeat("compress me ", 100)
			e.check(p.SendMessages([]*sarama.ProducerMessage{message(topic, 0, value), message(topic, 0, "b")}), "SendMessages")
			ms := e.read(topic, 0, 2)
			equal(e, "value", string(ms[0].Value), value)
			equal(e, "value", string(ms[1].Value), "b")
		}})
	}
	return cases
}

func flushCases() (cases []kase) {
	for _, c := range []struct {
		name string
		set  func(e *env, c *sarama.Config)
	}{
		{"after so many messages", func(_ *env, c *sarama.Config) { c.Producer.Flush.Messages = 5 }},
		{"after a time", func(e *env, c *sarama.Config) { c.Producer.Flush.Frequency = e.pace.poll }},
		{"after so many bytes", func(_ *env, c *sarama.Config) { c.Producer.Flush.Bytes = 10 }},
	} {
		cases = append(cases, kase{"messages are flushed " + c.name, func(e *env) {
			topic := e.topic(1)
			p := e.asyncProducer(func(config *sarama.Config) { c.set(e, config) })
			for range 5 {
				p.Input() <- message(topic, 0, "v")
			}
			for i := range 5 {
				equal(e, "offset", receive(e, p.Successes(), "a success").Offset, int64(i))
			}
			e.check(p.Close(), "Close")
		}})
	}
	return cases
}

// configurationCases are settings that no producer takes.
func configurationCases() (cases []kase) {
	for _, c := range []struct {
		name string
		set  func(*sarama.Config)
	}{
		{"no successes", func(c *sarama.Config) { c.Producer.Return.Successes = false }},
		{"no errors", func(c *sarama.Config) { c.Producer.Return.Errors = false }},
		{"idempotence without all acknowledgements", func(c *sarama.Config) { idempotent(c); c.Producer.RequiredAcks = sarama.WaitForLocal }},
		{"idempotence with several requests at once", func(c *sarama.Config) { idempotent(c); c.Net.MaxOpenRequests = 2 }},
		{"transactions without idempotence", func(c *sarama.Config) { c.Producer.Transaction.ID = "x" }},
		{"no messages of any size", func(c *sarama.Config) { c.Producer.MaxMessageBytes = 0 }},
		{"no partitioner", func(c *sarama.Config) { c.Producer.Partitioner = nil }},
	} {
		cases = append(cases, kase{"a synchronous producer refuses to be configured with " + c.name, func(e *env) {
			_, err := e.NewSyncProducer(e.config(c.set))
			if !errors.As(err, new(sarama.ConfigurationError)) {
				e.Errorf("NewSyncProducer gives %v (%T), want a ConfigurationError", err, err)
			}
		}})
	}
	return cases
}
