package goka

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/door"
	"github.com/gokasim/gokasim/internal/outbox"
)

// networkProducer writes batches of its own making over sarama's connections, since sarama's producers hand each record from
// goroutine to goroutine.
type networkProducer struct {
	records *outbox.Outbox
}

// newNetworkProducer makes a producer with config, which becomes its own and which an outbox serves.
func newNetworkProducer(d door.Door, brokers []string, config *sarama.Config) (*networkProducer, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("error creating Kafka producer: %w", err)
	}
	connecting := readingConfig(config) // requests for metadata need not wait for those of records
	lines := linesOf(connecting)
	client, err := d.NewClient(brokers, connecting)
	if err != nil {
		lines.cut()
		return nil, fmt.Errorf("error creating Kafka producer: %w", err)
	}
	records, err := outbox.New(client, config, lines.cut, settleEmission)
	if err != nil {
		return nil, fmt.Errorf("error creating Kafka producer: %w", err)
	}
	return &networkProducer{records: records}, nil
}

func (p *networkProducer) Emit(topic string, key string, value []byte) *Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

func (p *networkProducer) EmitWithHeaders(topic string, key string, value []byte, headers Headers) *Promise {
	return producePromised(p, topic, key, value, headers)
}

// Produce writes e. After Close it fails with ErrEmitterAlreadyClosed.
func (p *networkProducer) Produce(e *Emission) { p.records.Produce(e.message()) }

// settleEmission tells the emission behind msg how it went.
func settleEmission(msg *sarama.ProducerMessage, failure error) {
	e := msg.Metadata.(*Emission)
	if errors.Is(failure, outbox.ErrClosed) {
		failure = ErrEmitterAlreadyClosed
	}
	e.Partition, e.Offset = msg.Partition, msg.Offset
	e.Done(e, failure)
}

// Close waits up to a minute for outstanding results. What has none by then has failed, and Close says so. A second
// call does nothing.
func (p *networkProducer) Close() error {
	failed, err := p.records.Close(producerCloseTimeout)
	if failed > 0 {
		err = errors.Join(fmt.Errorf("%d messages without a result after %s", failed, producerCloseTimeout), err)
	}
	if err != nil {
		return fmt.Errorf("error closing Kafka producer: %w", err)
	}
	return nil
}
