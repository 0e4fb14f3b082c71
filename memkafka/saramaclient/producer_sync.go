package saramaclient

import (
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/memkafka"
)

// syncProducer is a sarama.SyncProducer on top of an asynchronous one.
type syncProducer struct {
	sarama.SyncProducer
	p      *asyncProducer
	closed atomic.Bool
}

// NewSyncProducer mirrors sarama.NewSyncProducer: Return.Successes and Return.Errors must be set. A nil config is
// sarama's default with both.
func NewSyncProducer(c *memkafka.Cluster, config *sarama.Config) (sarama.SyncProducer, error) {
	if config == nil {
		config = sarama.NewConfig()
		config.Producer.Return.Successes = true
	}
	if err := checkSyncProducer(config); err != nil {
		return nil, err
	}
	p, err := newAsyncProducer(c, config, true)
	if err != nil {
		return nil, err
	}
	return &syncProducer{p: p}, nil
}

// NewSyncProducerFromClient mirrors sarama.NewSyncProducerFromClient: closing the producer does not close the client. A
// client of another make gets sarama's own producer.
func NewSyncProducerFromClient(c sarama.Client) (sarama.SyncProducer, error) {
	own, ok := c.(*client)
	if !ok {
		return sarama.NewSyncProducerFromClient(c)
	}
	if err := checkSyncProducer(own.config); err != nil {
		return nil, err
	}
	p, err := newAsyncProducerFrom(own, true)
	if err != nil {
		return nil, err
	}
	return &syncProducer{p: p}, nil
}

func checkSyncProducer(config *sarama.Config) error {
	if !config.Producer.Return.Errors {
		return sarama.ConfigurationError("Producer.Return.Errors must be true to be used in a SyncProducer")
	}
	if !config.Producer.Return.Successes {
		return sarama.ConfigurationError("Producer.Return.Successes must be true to be used in a SyncProducer")
	}
	return nil
}

// waiting is the Metadata of a message that somebody waits for, until the producer takes it and puts the user's own back.
type waiting struct {
	metadata any
	result   chan error // of capacity 1, so that the result never waits
}

// give puts a message into Input.
func (s *syncProducer) give(m *sarama.ProducerMessage) (*waiting, error) {
	if s.closed.Load() {
		return nil, sarama.ErrShuttingDown
	}
	w := &waiting{metadata: m.Metadata, result: make(chan error, 1)}
	m.Metadata = w
	select {
	case s.p.input <- m:
		return w, nil
	case <-s.p.ended:
		m.Metadata = w.metadata
		return nil, sarama.ErrShuttingDown
	}
}

// result waits for what became of a message.
func (s *syncProducer) result(w *waiting) error {
	select {
	case err := <-w.result:
		return err
	case <-s.p.reported:
	}
	select {
	case err := <-w.result:
		return err
	default: // it came too late to be sent
		return sarama.ErrShuttingDown
	}
}

func (s *syncProducer) SendMessage(m *sarama.ProducerMessage) (partition int32, offset int64, err error) {
	w, err := s.give(m)
	if err == nil {
		err = s.result(w)
	}
	if err != nil {
		return -1, -1, err
	}
	return m.Partition, m.Offset, nil
}

func (s *syncProducer) SendMessages(ms []*sarama.ProducerMessage) error {
	ws := make([]*waiting, len(ms))
	var errs sarama.ProducerErrors
	for i, m := range ms {
		var err error
		if ws[i], err = s.give(m); err != nil {
			errs = append(errs, &sarama.ProducerError{Msg: m, Err: err})
		}
	}
	for i, m := range ms {
		if ws[i] == nil {
			continue
		}
		if err := s.result(ws[i]); err != nil {
			errs = append(errs, &sarama.ProducerError{Msg: m, Err: err})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func (s *syncProducer) Close() error {
	s.closed.Store(true)
	return s.p.Close()
}

func (s *syncProducer) IsTransactional() bool { return s.p.IsTransactional() }

func (s *syncProducer) TxnStatus() sarama.ProducerTxnStatusFlag { return s.p.TxnStatus() }

func (s *syncProducer) BeginTxn() error { return s.p.BeginTxn() }

func (s *syncProducer) CommitTxn() error { return s.p.CommitTxn() }

func (s *syncProducer) AbortTxn() error { return s.p.AbortTxn() }

func (s *syncProducer) AddOffsetsToTxn(offsets map[string][]*sarama.PartitionOffsetMetadata, groupID string) error {
	return s.p.AddOffsetsToTxn(offsets, groupID)
}

func (s *syncProducer) AddOffsetsToTxnWithGroupMetadata(offsets map[string][]*sarama.PartitionOffsetMetadata, m *sarama.ConsumerGroupMetadata) error {
	return s.p.AddOffsetsToTxnWithGroupMetadata(offsets, m)
}

func (s *syncProducer) AddMessageToTxn(m *sarama.ConsumerMessage, groupID string, metadata *string) error {
	return s.p.AddMessageToTxn(m, groupID, metadata)
}

func (s *syncProducer) AddMessageToTxnWithGroupMetadata(m *sarama.ConsumerMessage, of *sarama.ConsumerGroupMetadata, metadata *string) error {
	return s.p.AddMessageToTxnWithGroupMetadata(m, of, metadata)
}
