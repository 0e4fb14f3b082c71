package goka_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
)

// passing is an interceptor that lets records pass.
type passing struct{}

func (passing) OnSend(*sarama.ProducerMessage) {}

// What goka's own producers do, they do with settings for which sarama's producer does the work, too.
func TestProducersAreAlikeOverANetwork(t *testing.T) {
	for name, change := range map[string]func(*sarama.Config){
		"by default":       func(*sarama.Config) {},
		"not idempotent":   func(c *sarama.Config) { c.Producer.Idempotent, c.Net.MaxOpenRequests = false, 5 },
		"batches wait":     func(c *sarama.Config) { c.Producer.Flush.Frequency = time.Millisecond },
		"intercepted":      func(c *sarama.Config) { c.Producer.Interceptors = []sarama.ProducerInterceptor{passing{}} },
		"bounded retrying": func(c *sarama.Config) { c.Producer.Retry.MaxBufferLength = 5000 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onWire(t, func(p *place) {
				p.check(p.cluster.CreateTopic("t", 4))
				config := p.config()
				config.Producer.MaxMessageBytes = 1000
				change(config)
				producer, err := goka.ProducerBuilderWithConfig(config)(p.brokers, "a", goka.DefaultHasher())
				p.check(err)

				hashed, err := goka.PartitionForKey(goka.DefaultHasher(), []byte("k"), 4)
				p.check(err)
				headers := goka.Headers{"h": []byte("1")}
				msg, err := wait(producer.EmitWithHeaders("t", "k", []byte("v"), headers))
				if err != nil || msg.Partition != hashed || msg.Offset != 0 {
					t.Errorf("it is at %d/%d: %v", msg.Partition, msg.Offset, err)
				}
				if _, err := wait(producer.Emit("t", "k", nil)); err != nil {
					t.Error(err)
				}
				records, err := p.cluster.Fetch("t", hashed, 0, 10)
				p.check(err)
				if len(records) != 2 || string(records[0].Value) != "v" || string(records[0].Headers[0].Value) != "1" || records[1].Value != nil {
					t.Errorf("there is %+v", records)
				}

				done := make(chan error, 1)
				e := &goka.Emission{Topic: "t", Partition: (hashed + 1) % 4, Done: func(_ *goka.Emission, err error) { done <- err }}
				producer.(goka.EmissionProducer).Produce(e)
				if err := <-done; err != nil || e.Partition != (hashed+1)%4 || e.Offset != 0 {
					t.Errorf("it is at %d/%d: %v", e.Partition, e.Offset, err)
				}
				e.Partition = 4
				producer.(goka.EmissionProducer).Produce(e)
				if err := <-done; !errors.Is(err, sarama.ErrInvalidPartition) || !strings.Contains(err.Error(), "which has 4 partitions") {
					t.Error(err)
				}

				if _, err := wait(producer.Emit("t", "k", make([]byte, 2000))); err == nil || !strings.Contains(err.Error(), "MaxMessageBytes") {
					t.Error(err)
				}
				if _, err := wait(producer.Emit("nowhere!", "k", nil)); !errors.Is(err, sarama.ErrInvalidTopic) {
					t.Error(err)
				}
				last := producer.Emit("t", "k", []byte("last"))
				p.check(producer.Close())
				if _, err := wait(last); err != nil {
					t.Error(err)
				}
				if _, err := wait(producer.Emit("t", "k", nil)); !errors.Is(err, goka.ErrEmitterAlreadyClosed) {
					t.Error(err)
				}
				p.check(producer.Close())
			})
		})
	}
}

// wait returns what became of a promise.
func wait(promise *goka.Promise) (msg *sarama.ProducerMessage, err error) {
	done := make(chan struct{})
	promise.ThenWithMessage(func(m *sarama.ProducerMessage, e error) {
		msg, err = m, e
		close(done)
	})
	<-done
	return msg, err
}

func TestAProducerThatCannotBeMade(t *testing.T) {
	p := &place{T: t, brokers: []string{"127.0.0.1:1"}, log: new(logLines)}
	config := p.config()
	config.Metadata.Retry.Max = 0
	_, err := goka.NewProducer(p.brokers, config)
	refused(t, err, "error creating Kafka producer", "127.0.0.1:1")
	config.Producer.RequiredAcks = sarama.WaitForLocal
	_, err = goka.NewProducer(p.brokers, config)
	refused(t, err, "error creating Kafka producer", "Idempotent producer requires")
}
