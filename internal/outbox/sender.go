package outbox

import (
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// sender sends the batches of the partitions that one broker leads, one request after the other.
type sender struct {
	outbox  *Outbox
	answers chan answer // to the request that is under way
	flight  []*partition

	// Outbox.mu guards these.
	broker *sarama.Broker // as the client has known it last; nil once its connection broke
	ready  []*partition   // that have something to send, in the order in which they came
	more   sync.Cond      // on mu: ready has grown, or the outbox is stopped
}

type answer struct {
	response *sarama.ProduceResponse
	err      error
}

// senderOf returns the sender of a broker. Brokers of the same id share one.
func (o *Outbox) senderOf(broker *sarama.Broker) *sender {
	s, ok := o.senders[broker.ID()]
	if !ok {
		s = &sender{outbox: o, answers: make(chan answer, 1)}
		s.more.L = &o.mu
		o.senders[broker.ID()] = s
		o.working.Go(s.run)
	}
	s.broker = broker
	return s
}

func (s *sender) push(p *partition) {
	s.ready = append(s.ready, p)
	if len(s.ready) == 1 {
		s.more.Signal()
	}
}

// run sends until the outbox is stopped. What came of a request is told when the next one is under way, so that the broker works meanwhile.
func (s *sender) run() {
	var results []result
	for {
		broker := s.load(len(results) == 0)
		if broker == nil && len(results) == 0 {
			return
		}
		if broker != nil {
			s.send(broker)
		}
		s.outbox.tell(results)
		clear(results)
		results = results[:0]
		if broker != nil {
			results = s.receive(broker, results)
		}
	}
}

// load takes the batches for the next request, and returns the broker it goes to. It waits for some when told to, until the outbox
// is stopped. Without any it returns nil.
func (s *sender) load(wait bool) *sarama.Broker {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	clear(s.flight)
	s.flight = s.flight[:0]
	for {
		if s.broker == nil {
			s.turnAway()
		}
		s.loadReady()
		if len(s.flight) > 0 {
			return s.broker
		}
		if !wait || s.outbox.stopped {
			return nil
		}
		s.more.Wait()
	}
}

// turnAway has the leaders of the ready partitions looked for, which makes the client connect again.
func (s *sender) turnAway() {
	for _, p := range s.ready {
		s.outbox.working.Go(func() { s.outbox.seek(p) })
	}
	clear(s.ready)
	s.ready = s.ready[:0]
}

// loadReady takes as many of the ready partitions as go into one request.
func (s *sender) loadReady() {
	bytes, n := 0, 0
	for _, p := range s.ready {
		b := p.head()
		if b != nil && len(s.flight) > 0 && bytes+batchOverhead+b.bytes > s.outbox.requestLimit {
			break
		}
		n++
		if b == nil {
			p.inHand = false // Close has failed what there was
			continue
		}
		p.ledger.enter(b)
		s.flight = append(s.flight, p)
		bytes += batchOverhead + b.bytes
	}
	s.ready = slices.Delete(s.ready, 0, n)
}

func (s *sender) send(broker *sarama.Broker) {
	config := &s.outbox.config.Producer
	request := &sarama.ProduceRequest{
		Version: version(s.outbox.config.Version), RequiredAcks: config.RequiredAcks, Timeout: int32(config.Timeout.Milliseconds()),
	}
	for _, p := range s.flight {
		b := p.current
		b.seal(config.Compression, config.CompressionLevel)
		b.wire.ProducerID, b.wire.ProducerEpoch, b.wire.FirstSequence = b.stamp.id, b.stamp.epoch, b.stamp.sequence
		request.AddBatch(p.topic.name, p.id, &b.wire)
	}
	err := broker.AsyncProduce(request, func(response *sarama.ProduceResponse, err error) { s.answers <- answer{response, err} })
	if err != nil {
		s.answers <- answer{err: err} // and the function above is not called
	}
}

// receive waits for the answer, and appends to results what is done.
func (s *sender) receive(broker *sarama.Broker, results []result) []result {
	a := <-s.answers
	broke := a.err != nil && kind(a.err) != unsendable
	if broke {
		_ = broker.Close() // so that the client connects again
	}
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	if broke && s.broker == broker {
		s.broker = nil
	}
	for _, p := range s.flight {
		err, offset := a.err, int64(-1)
		if err == nil {
			switch block := a.response.GetBlock(p.topic.name, p.id); {
			case block == nil:
				err = sarama.ErrIncompleteResponse
			case block.Err != sarama.ErrNoError:
				err = block.Err
			default:
				offset = block.Offset
				p.current.appended = block.Timestamp
			}
		}
		if r, done := s.outbox.conclude(p, err, offset); done {
			results = append(results, r)
		}
	}
	return results
}

// version returns the version of the produce request that clients for a version of Kafka send. A broker that has only older ones gets these.
func version(v sarama.KafkaVersion) int16 {
	for _, since := range produceVersions {
		if v.IsAtLeast(since.kafka) {
			return since.request
		}
	}
	return 3
}

var produceVersions = []struct {
	kafka   sarama.KafkaVersion
	request int16
}{
	{sarama.V3_7_0_0, 10},
	{sarama.V2_8_0_0, 9},
	{sarama.V2_4_0_0, 8},
	{sarama.V2_1_0_0, 7},
	{sarama.V2_0_0_0, 6},
	{sarama.V1_0_0_0, 5},
	{sarama.V0_11_0_0, 3},
}
