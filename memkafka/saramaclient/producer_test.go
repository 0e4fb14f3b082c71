package saramaclient_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
	"github.com/gokasim/gokasim/memkafka/saramaclient"
)

func message(topic, key, value string) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)}
}

func asyncProducer(t *testing.T, c *memkafka.Cluster, configure func(*sarama.Config)) sarama.AsyncProducer {
	t.Helper()
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	if configure != nil {
		configure(config)
	}
	p, err := saramaclient.NewAsyncProducer(c, config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func syncProducer(t *testing.T, c *memkafka.Cluster, configure func(*sarama.Config)) sarama.SyncProducer {
	t.Helper()
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	if configure != nil {
		configure(config)
	}
	p, err := saramaclient.NewSyncProducer(c, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestBatchesStayBelowTheLimit has more waiting in Input than one batch may hold.
func TestBatchesStayBelowTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memkafka.New()
		defer c.Close()
		createTopic(t, c, "t", 1)
		p := asyncProducer(t, c, nil)
		go func() {
			for range 100 {
				p.Input() <- message("t", "k", strings.Repeat("x", 50_000))
			}
			p.AsyncClose()
		}()
		acked := 0
		failed := make(chan error, 100)
		go func() {
			defer close(failed)
			for e := range p.Errors() {
				failed <- e
			}
		}()
		for range p.Successes() {
			acked++
		}
		for err := range failed {
			t.Fatalf("after %d records: %v", acked, err)
		}
		if _, high, _ := c.Offsets("t", 0); acked != 100 || high != 100 {
			t.Errorf("%d of 100 records acknowledged, high watermark %d", acked, high)
		}
	})
}

func TestInputOfAClosedProducer(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	p := asyncProducer(t, c, nil)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("Input of a closed producer is open; sarama closes it, so that a late sender fails instead of waiting for ever")
		}
	}()
	select {
	case p.Input() <- message("t", "k", "v"):
	case <-time.After(time.Second):
	}
}

func TestProducerMayBeClosedTwice(t *testing.T) {
	c := memkafka.New()
	p := asyncProducer(t, c, nil)
	c.Close()
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProducerOnAClosedClusterFailsItsMessages(t *testing.T) {
	c := memkafka.New()
	createTopic(t, c, "t", 1)
	p := asyncProducer(t, c, nil)
	c.Close()
	p.Input() <- message("t", "k", "v")
	if e := <-p.Errors(); !errors.Is(e, sarama.ErrClosedClient) {
		t.Errorf("the message failed with %v, want ErrClosedClient", e.Err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// spy notes the metadata that partitioners and interceptors see.
type spy struct {
	sarama.Partitioner
	seen []any
}

func (s *spy) Partition(m *sarama.ProducerMessage, n int32) (int32, error) {
	s.seen = append(s.seen, m.Metadata)
	return 0, nil
}

func (s *spy) RequiresConsistency() bool { return true }

func (s *spy) OnSend(m *sarama.ProducerMessage) { s.seen = append(s.seen, m.Metadata) }

func TestUsersMetadataIsTheirs(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	s := &spy{}
	p := syncProducer(t, c, func(config *sarama.Config) {
		config.Producer.Interceptors = []sarama.ProducerInterceptor{s}
		config.Producer.Partitioner = func(string) sarama.Partitioner { return s }
	})
	m := message("t", "k", "v")
	m.Metadata = "mine"
	if _, _, err := p.SendMessage(m); err != nil {
		t.Fatal(err)
	}
	if len(s.seen) != 2 || s.seen[0] != "mine" || s.seen[1] != "mine" || m.Metadata != "mine" {
		t.Errorf("interceptor and partitioner saw %v, the message has %v; want the user's own", s.seen, m.Metadata)
	}
}

type panics struct{}

func (panics) OnSend(*sarama.ProducerMessage)    { panic("on send") }
func (panics) OnConsume(*sarama.ConsumerMessage) { panic("on consume") }

func TestInterceptorsMayPanic(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	p := syncProducer(t, c, func(config *sarama.Config) { config.Producer.Interceptors = []sarama.ProducerInterceptor{panics{}} })
	if _, _, err := p.SendMessage(message("t", "k", "v")); err != nil {
		t.Fatal(err)
	}
	config := sarama.NewConfig()
	config.Consumer.Interceptors = []sarama.ConsumerInterceptor{panics{}}
	consumer, err := saramaclient.NewConsumer(c, config)
	if err != nil {
		t.Fatal(err)
	}
	pc, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	if m := <-pc.Messages(); string(m.Value) != "v" {
		t.Errorf("got %s", m.Value)
	}
	if err := consumer.Close(); err != nil {
		t.Error(err)
	}
}

func TestProducerOutcomes(t *testing.T) {
	at := time.Date(2020, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	for _, tc := range []struct {
		name      string
		topic     []memkafka.TopicOption
		configure func(*sarama.Config)
		message   *sarama.ProducerMessage
		partition int32
		wantErr   error
		check     func(t *testing.T, m *sarama.ProducerMessage, r memkafka.Record)
	}{
		{
			name: "a message without a time gets the broker's, and is not changed", message: message("t", "k", "v"),
			check: func(t *testing.T, m *sarama.ProducerMessage, r memkafka.Record) {
				if !m.Timestamp.IsZero() || time.Since(r.Timestamp.Time()).Abs() > time.Minute {
					t.Errorf("the message has the time %v, the record %v", m.Timestamp, r.Timestamp)
				}
			},
		},
		{
			name:    "a message keeps its time, to the millisecond",
			message: &sarama.ProducerMessage{Topic: "t", Value: sarama.StringEncoder("v"), Timestamp: at},
			check: func(t *testing.T, m *sarama.ProducerMessage, r memkafka.Record) {
				if !m.Timestamp.Equal(at) || !r.Timestamp.Time().Equal(at.Truncate(time.Millisecond)) {
					t.Errorf("the message has the time %v, the record %v; want %v", m.Timestamp, r.Timestamp.Time(), at)
				}
			},
		},
		{
			name: "the broker's time is told with LogAppendTime", topic: []memkafka.TopicOption{memkafka.WithConfig("message.timestamp.type", "LogAppendTime")},
			message: &sarama.ProducerMessage{Topic: "t", Value: sarama.StringEncoder("v"), Timestamp: at},
			check: func(t *testing.T, m *sarama.ProducerMessage, r memkafka.Record) {
				if m.Timestamp.Equal(at) || !m.Timestamp.Equal(r.Timestamp.Time()) {
					t.Errorf("the message has the time %v, the record %v", m.Timestamp, r.Timestamp.Time())
				}
			},
		},
		{
			name: "a tombstone on a compacted topic", topic: []memkafka.TopicOption{memkafka.WithConfig("cleanup.policy", "compact")},
			message: &sarama.ProducerMessage{Topic: "t", Key: sarama.StringEncoder("k")},
			check: func(t *testing.T, _ *sarama.ProducerMessage, r memkafka.Record) {
				if r.Value != nil {
					t.Errorf("the value is %q, want null", r.Value)
				}
			},
		},
		{
			name: "a null key on a compacted topic", topic: []memkafka.TopicOption{memkafka.WithConfig("cleanup.policy", "compact")},
			message: &sarama.ProducerMessage{Topic: "t", Value: sarama.StringEncoder("v")}, wantErr: sarama.ErrInvalidRecord,
		},
		{
			name: "a topic that cannot be made", configure: func(c *sarama.Config) { c.Metadata.AllowAutoTopicCreation = false },
			message: message("other", "k", "v"), wantErr: sarama.ErrUnknownTopicOrPartition,
		},
		{
			name: "an invalid topic", message: message("no topic", "k", "v"), wantErr: sarama.ErrInvalidTopic,
		},
		{
			name: "a partition that does not exist", configure: func(c *sarama.Config) { c.Producer.Partitioner = sarama.NewManualPartitioner },
			message: &sarama.ProducerMessage{Topic: "t", Partition: 3}, wantErr: sarama.ErrInvalidPartition,
		},
		{
			name: "the partition that was asked for", configure: func(c *sarama.Config) { c.Producer.Partitioner = sarama.NewManualPartitioner },
			message: &sarama.ProducerMessage{Topic: "t", Partition: 2, Value: sarama.StringEncoder("v")}, partition: 2,
		},
		{
			name: "more than Producer.MaxMessageBytes", configure: func(c *sarama.Config) { c.Producer.MaxMessageBytes = 100 },
			message: message("t", "k", strings.Repeat("x", 100)), wantErr: sarama.ConfigurationError(""),
		},
		{
			name: "more than max.message.bytes", topic: []memkafka.TopicOption{memkafka.WithConfig("max.message.bytes", "100")},
			message: message("t", "k", strings.Repeat("x", 100)), wantErr: sarama.ErrMessageSizeTooLarge,
		},
		{
			name: "without acknowledgement nobody hears of the broker's refusal", topic: []memkafka.TopicOption{memkafka.WithConfig("max.message.bytes", "100")},
			configure: func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.NoResponse },
			message:   message("t", "k", strings.Repeat("x", 100)), partition: -1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := memkafka.New()
			defer c.Close()
			if err := c.CreateTopic("t", 3, tc.topic...); err != nil {
				t.Fatal(err)
			}
			p := asyncProducer(t, c, func(config *sarama.Config) {
				config.Producer.Partitioner = func(string) sarama.Partitioner { return first{} }
				if tc.configure != nil {
					tc.configure(config)
				}
			})
			defer p.Close()
			p.Input() <- tc.message
			select {
			case e := <-p.Errors():
				var wrong sarama.ConfigurationError
				if !errors.Is(e, tc.wantErr) && !(errors.As(tc.wantErr, &wrong) && errors.As(e, &wrong)) {
					t.Errorf("failed with %v, want %v", e.Err, tc.wantErr)
				}
				if e.Msg != tc.message {
					t.Error("the error speaks of another message")
				}
			case m := <-p.Successes():
				if tc.wantErr != nil {
					t.Fatalf("succeeded, want %v", tc.wantErr)
				}
				if tc.partition < 0 {
					return
				}
				records, err := c.Fetch("t", tc.partition, 0, 10)
				if err != nil || len(records) != 1 || m.Partition != tc.partition || m.Offset != 0 {
					t.Fatalf("the message is at %d/%d, and there are %d records (%v)", m.Partition, m.Offset, len(records), err)
				}
				if tc.check != nil {
					tc.check(t, m, records[0])
				}
			}
		})
	}
}

// first is a partitioner that takes the first partition.
type first struct{}

func (first) Partition(*sarama.ProducerMessage, int32) (int32, error) { return 0, nil }
func (first) RequiresConsistency() bool                               { return true }

func TestHashPartitionerFollowsNewPartitions(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	createTopic(t, c, "t", 1)
	p := syncProducer(t, c, nil)
	if _, _, err := p.SendMessage(message("t", "k", "v")); err != nil {
		t.Fatal(err)
	}
	admin, err := saramaclient.NewClusterAdmin(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.CreatePartitions("t", 7, nil, false); err != nil {
		t.Fatal(err)
	}
	want, err := sarama.NewHashPartitioner("t").Partition(message("t", "k", "v"), 7)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := p.SendMessage(message("t", "k", "v")); err != nil || got != want {
		t.Errorf("partition %d (%v), want %d", got, err, want)
	}
	if err := admin.Close(); err != nil {
		t.Error(err)
	}
}

func TestSyncProducerReportsEachFailure(t *testing.T) {
	c := memkafka.New()
	defer c.Close()
	createTopic(t, c, "t", 1)
	p := syncProducer(t, c, func(config *sarama.Config) { config.Metadata.AllowAutoTopicCreation = false })
	bad := message("other", "k", "v")
	err := p.SendMessages([]*sarama.ProducerMessage{message("t", "k", "1"), bad, message("t", "k", "2")})
	var errs sarama.ProducerErrors
	if !errors.As(err, &errs) || len(errs) != 1 || errs[0].Msg != bad || !errors.Is(errs[0], sarama.ErrUnknownTopicOrPartition) {
		t.Errorf("the failures are %v, want one for the message of the unknown topic", err)
	}
	if _, high, _ := c.Offsets("t", 0); high != 2 {
		t.Errorf("%d records were written, want 2", high)
	}
}
