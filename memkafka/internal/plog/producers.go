package plog

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
)

// windowBatches is how many batches of a producer the broker remembers, and so how many an idempotent producer may
// have in flight (max.in.flight.requests.per.connection).
const windowBatches = 5

// producers is what a log knows of the idempotent producers that wrote to it, by producer id.
type producers map[int64]*producer

// producer is one of them.
type producer struct {
	id               int64
	epoch            kafka.Epoch
	coordinatorEpoch int32        // of its last marker, -1 before there was one
	lastTimestamp    kafka.Millis // of its last batch or marker: its expiry counts from it
	txnFirst         kafka.Offset // where its open transaction begins, NoOffset if none is open

	// sent is the last batches of this epoch, oldest first. A new epoch begins with none.
	sent  [windowBatches]SentBatch
	count int
}

// SentBatch is what a log remembers of a batch, to know it when its producer sends it again.
type SentBatch struct {
	FirstSequence, LastSequence int32
	Base, Last                  kafka.Offset
	Timestamp                   kafka.Millis // the largest of the batch
}

// appended is the answer to a producer that sends a batch again.
func (s *SentBatch) appended() Appended {
	return Appended{Base: s.Base, Last: s.Last, LogAppendTime: s.Timestamp, Duplicate: true}
}

// lastSeq is the sequence number that the producer used last, batch.NoSequence in a new epoch.
func (p *producer) lastSeq() int32 {
	if p.count == 0 {
		return batch.NoSequence
	}
	return p.sent[p.count-1].LastSequence
}

func (p *producer) note(s SentBatch) {
	if p.count == windowBatches {
		copy(p.sent[:], p.sent[1:])
		p.count--
	}
	p.sent[p.count] = s
	p.count++
}

// enter moves the producer into an epoch.
func (p *producer) enter(epoch kafka.Epoch) {
	if p.epoch != epoch {
		p.epoch, p.count = epoch, 0
	}
}

// checkProducer refuses a batch that does not follow what its producer sent before. It returns the earlier try if the
// batch is a duplicate of one of the last five.
func (l *Log) checkProducer(origin Origin, b *batch.Batch) (before *SentBatch, err error) {
	p := l.producers[b.ProducerID()]
	if b.IsControl() {
		return nil, l.checkMarker(p, b)
	}
	if p == nil {
		return nil, nil
	}
	if origin == Client {
		if before := p.find(b); before != nil {
			return before, nil
		}
	}
	if b.ProducerEpoch() < p.epoch {
		return nil, refuse(kafka.InvalidProducerEpoch, "producer %d sent epoch %d, which is older than its last, %d", p.id, b.ProducerEpoch(), p.epoch)
	}
	if origin == Client {
		if err := p.checkSequence(b); err != nil {
			return nil, err
		}
	}
	if p.txnFirst != kafka.NoOffset && !b.IsTransactional() {
		return nil, refuse(kafka.InvalidTxnState, "expected a transactional write from producer %d, whose transaction is open since offset %d", p.id, p.txnFirst)
	}
	return nil, nil
}

// find is the batch among the last five that b repeats.
func (p *producer) find(b *batch.Batch) *SentBatch {
	if p.epoch != b.ProducerEpoch() {
		return nil
	}
	first, last := b.BaseSequence(), b.LastSequence()
	for i := range p.sent[:p.count] {
		if s := &p.sent[i]; s.FirstSequence == first && s.LastSequence == last {
			return s
		}
	}
	return nil
}

func (p *producer) checkSequence(b *batch.Batch) error {
	first := b.BaseSequence()
	if b.ProducerEpoch() != p.epoch {
		if first != 0 {
			return refuse(kafka.OutOfOrderSequenceNumber, "producer %d begins epoch %d with sequence number %d instead of 0; its last epoch is %d", p.id, b.ProducerEpoch(), first, p.epoch)
		}
		return nil
	}
	if next := batch.AddSequence(p.lastSeq(), 1); first != next {
		return refuse(kafka.OutOfOrderSequenceNumber, "producer %d sent sequence number %d, expected is %d", p.id, first, next)
	}
	return nil
}

// noteProducer remembers a batch that is in the log now.
func (l *Log) noteProducer(b *batch.Batch) {
	id := b.ProducerID()
	if b.IsControl() {
		l.noteMarker(b)
		return
	}
	p := l.producer(id)
	p.enter(b.ProducerEpoch())
	p.lastTimestamp = b.MaxTimestamp()
	p.note(SentBatch{
		FirstSequence: b.BaseSequence(),
		LastSequence:  b.LastSequence(),
		Base:          b.BaseOffset(),
		Last:          b.LastOffset(),
		Timestamp:     b.MaxTimestamp(),
	})
	if b.IsTransactional() && p.txnFirst == kafka.NoOffset {
		l.beginTxn(p, b.BaseOffset())
	}
}

func (l *Log) producer(id int64) *producer {
	if p := l.producers[id]; p != nil {
		return p
	}
	if l.producers == nil {
		l.producers = producers{}
	}
	p := &producer{id: id, epoch: batch.NoProducerEpoch, coordinatorEpoch: -1, txnFirst: kafka.NoOffset}
	l.producers[id] = p
	return p
}

// ExpireProducers forgets the producers that have written nothing for producer.id.expiration.ms and have no open
// transaction. Kafka does this every 10 minutes (producer.id.expiration.check.interval.ms).
func (l *Log) ExpireProducers(now kafka.Millis) (expired int) {
	for id, p := range l.producers {
		if p.txnFirst == kafka.NoOffset && int64(now-p.lastTimestamp) >= l.cfg.ProducerIDExpirationMs {
			delete(l.producers, id)
			expired++
		}
	}
	return expired
}

// ProducerInfo is what the log knows of one producer (DescribeProducers, KIP-664).
type ProducerInfo struct {
	ID               int64
	Epoch            kafka.Epoch
	LastSequence     int32 // batch.NoSequence if it wrote nothing in this epoch
	LastTimestamp    kafka.Millis
	CoordinatorEpoch int32        // -1 if no transaction of it has ended
	TxnFirst         kafka.Offset // where its open transaction begins, NoOffset if none is open
}

// Producers describes the producers that the log remembers, by id.
func (l *Log) Producers() []ProducerInfo {
	infos := make([]ProducerInfo, 0, len(l.producers))
	for _, p := range l.producers {
		infos = append(infos, p.info())
	}
	slices.SortFunc(infos, func(a, b ProducerInfo) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return infos
}

// Producer describes one producer. ok is false if the log does not know it.
func (l *Log) Producer(id int64) (info ProducerInfo, ok bool) {
	p := l.producers[id]
	if p == nil {
		return ProducerInfo{}, false
	}
	return p.info(), true
}

func (p *producer) info() ProducerInfo {
	return ProducerInfo{
		ID:               p.id,
		Epoch:            p.epoch,
		LastSequence:     p.lastSeq(),
		LastTimestamp:    p.lastTimestamp,
		CoordinatorEpoch: p.coordinatorEpoch,
		TxnFirst:         p.txnFirst,
	}
}
