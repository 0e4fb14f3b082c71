package saramaclient

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
)

// sending is what whoever sends has at hand.
type sending struct {
	topics    map[string]*producerTopic
	last      *producerTopic // of the message before
	free      []*outbound    // to be used again
	buffers   []*buffer      // messages that wait for more, for one broker each
	batches   []*outBatch    // about to be sent
	emits     [][]*seam.Emit // of batches that are sent
	spent     []*outBatch    // to be used again
	done      []*outbound    // about to be handed over
	unsettled int            // messages taken and not done
	noAnswers []*seam.Emit   // answers that were taken, to be used again
	timer     *time.Timer    // for what is due next
	closed    bool           // Close was called
	reports   bool           // report runs in a goroutine
	told      []told         // about to be told
	ending    *endOfTxn      // a transaction is to end when all is settled
}

// outBatch is messages for one partition that are sent at once.
type outBatch struct {
	at       *producerPartition
	out      []*outbound
	emits    []*seam.Emit
	bytes    int
	awaiting int // emits whose result is to come
}

// buffer is the batches that wait for more messages for a broker.
type buffer struct {
	filling []*producerPartition // with a batch that is being filled
	count   int
	bytes   int
	due     time.Time // when to wait no longer; zero for never
}

// endOfTxn is the end of a transaction: all that was put into Input before is to have its result.
type endOfTxn struct {
	commit  bool
	begun   bool
	settled chan struct{} // closed then
}

// send moves messages from Input to the cluster until the producer is closed and all have their results.
func (p *asyncProducer) send() {
	defer close(p.ended)
	closing := p.closing
	endings := p.endings
	for {
		var m *sarama.ProducerMessage
		timer := p.nextTimer()
		select {
		case m = <-p.input:
		case <-p.answered:
		case <-timer:
		case p.ending = <-endings:
		case <-closing:
			closing, p.closed = nil, true
		}
		// Whatever was ready, all that is ready is looked at, in this order.
		p.turn.Lock()
		p.takeAnswers()
		p.takeDue()
		p.takeQueue()
		p.takeInput(m)
		if p.ending != nil && !p.ending.begun {
			p.ending.begun = true
			p.txn.ends(p.ending.commit)
			endings = nil
		}
		if p.ending != nil || p.closed {
			p.flushBuffers()
		}
		if p.ending != nil && p.unsettled == 0 {
			close(p.ending.settled)
			p.ending, endings = nil, p.endings
		}
		results := p.takeDone()
		over := p.closed && p.unsettled == 0 && len(p.input) == 0 && p.queue.isEmpty()
		p.turn.Unlock()
		for _, r := range results {
			p.tell(r)
		}
		clear(results)
		if over {
			p.finish()
			return
		}
	}
}

// finish ends what hands out results, after the last one.
func (p *asyncProducer) finish() {
	p.mu.Lock()
	p.finished = true
	p.mu.Unlock()
	signal(p.ready)
	if !p.reports {
		p.report()
	}
}

// takeDone hands over what is done, or returns what is to be told of that, which is the sending goroutine's until it comes again.
func (p *asyncProducer) takeDone() []told {
	if len(p.done) == 0 {
		return nil
	}
	p.told = p.told[:0]
	if p.tellTo == nil || !p.driven {
		p.handOver(p.done)
	} else {
		for _, o := range p.done {
			p.told = append(p.told, p.resultOf(o))
			*o = outbound{}
			p.free = append(p.free, o)
		}
	}
	clear(p.done)
	p.done = p.done[:0]
	return p.told
}

// takeInput sends m, unless it is nil, and what waits in Input, but not without end if there is always more.
func (p *asyncProducer) takeInput(m *sarama.ProducerMessage) {
	if p.seam.Engine().Driven() { // whether whoever sent m sends another one by now is chance
		if m != nil {
			p.take(m)
		}
		p.flushReady()
		return
	}
	for n := range max(sendAtOnce, cap(p.input)+1) {
		if m == nil {
			select {
			case m = <-p.input:
			default:
				p.flushReady()
				return
			}
			if m == nil {
				continue // sarama ignores them, too
			}
		}
		p.take(m)
		m = nil
		if p.asap && n%p.once == p.once-1 {
			p.flushReady()
		}
	}
	p.flushReady()
}

// take puts a message into the batch of its partition, lets it wait until its topic is known, or gives it its error.
func (p *asyncProducer) take(m *sarama.ProducerMessage) {
	p.unsettled++
	o := p.outbound()
	o.message = m
	if w, ok := m.Metadata.(*waiting); ok {
		o.awaited, m.Metadata = w.result, w.metadata // interceptors and partitioners see the user's own
	}
	e := &o.emit
	e.Tag, e.Done, e.All = o, p.doneOne, p.config.Producer.RequiredAcks == sarama.WaitForAll
	if err := p.prepare(o, m); err != nil {
		p.refuse(o, err)
		return
	}
	t, err := p.topic(m.Topic)
	switch {
	case err != nil:
		p.refuse(o, err)
	case t.asking:
		t.waiting = append(t.waiting, o)
	default:
		p.place(t, o)
	}
}

// place puts a message into the batch of its partition.
func (p *asyncProducer) place(t *producerTopic, o *outbound) {
	at, err := t.choose(o.message)
	if err != nil {
		p.refuse(o, err)
		return
	}
	o.emit.TP = at.tp
	p.add(at, o)
}

// refuse gives a message that is not sent its error.
func (p *asyncProducer) refuse(o *outbound, err error) {
	p.failed(err)
	if p.seam.Refuse(&o.emit, o.message.Topic, err) {
		p.settled(o)
	}
}

func (p *asyncProducer) outbound() *outbound {
	if n := len(p.free); n > 0 {
		o := p.free[n-1]
		p.free = p.free[:n-1]
		return o
	}
	return new(outbound)
}

// prepare makes an emit of a message, all but its partition.
func (p *asyncProducer) prepare(o *outbound, m *sarama.ProducerMessage) error {
	if p.txn != nil && !p.txn.open() {
		return sarama.ErrTransactionNotReady
	}
	for _, i := range p.config.Producer.Interceptors {
		intercept(i.OnSend, m)
	}
	version := 1
	if p.config.Version.IsAtLeast(sarama.V0_11_0_0) {
		version = 2
	} else if m.Headers != nil {
		return sarama.ConfigurationError("Producing headers requires Kafka at least v0.11")
	}
	o.size = m.ByteSize(version)
	if o.size > p.config.Producer.MaxMessageBytes {
		return sarama.ConfigurationError(fmt.Sprintf(
			"Attempt to produce message larger than configured Producer.MaxMessageBytes: %d > %d", o.size, p.config.Producer.MaxMessageBytes))
	}
	e := &o.emit
	e.Record.Timestamp = kafka.MillisOf(m.Timestamp)
	var err error
	if m.Key != nil {
		if e.Record.Key, err = m.Key.Encode(); err != nil {
			return err
		}
	}
	if m.Value != nil {
		if e.Record.Value, err = m.Value.Encode(); err != nil {
			return err
		}
	}
	for _, h := range m.Headers {
		e.Record.Headers = append(e.Record.Headers, kafka.Header{Key: string(h.Key), Value: h.Value})
	}
	if s, ok := m.Metadata.(kafka.Sourced); ok {
		e.Source = s.KafkaSource()
	}
	return nil
}

// intercept shows a message to an interceptor, whose panics are not the client's.
func intercept[M any](interceptor func(M), m M) {
	defer func() {
		if r := recover(); r != nil {
			sarama.Logger.Printf("an interceptor panicked: %v\n", r)
		}
	}()
	interceptor(m)
}

// add puts a message into the batch that is being filled for its partition. What does not fit goes first.
func (p *asyncProducer) add(at *producerPartition, o *outbound) {
	flush := &p.config.Producer.Flush
	b := p.bufferFor(at)
	if at.filling != nil && at.filling.bytes+o.size >= p.config.Producer.MaxMessageBytes ||
		flush.MaxMessages > 0 && b.count >= flush.MaxMessages || p.driven && at.filling != nil {
		p.flush(b)
	}
	if at.filling == nil {
		at.filling = p.newBatch(at)
		b.filling = append(b.filling, at)
		b.bytes += batchOverhead
	}
	o.batch = at.filling
	at.filling.out = append(at.filling.out, o)
	at.filling.emits = append(at.filling.emits, &o.emit)
	at.filling.bytes += o.size
	b.count++
	b.bytes += o.size
	switch {
	case p.asap:
	case flush.Messages > 0 && b.count >= flush.Messages, flush.Bytes > 0 && b.bytes >= flush.Bytes:
		p.flush(b)
	case flush.Frequency > 0 && b.due.IsZero():
		b.due = time.Now().Add(flush.Frequency)
	}
}

// batchOverhead is the bytes of a batch beside its records, as sarama counts them.
const batchOverhead = 49

func (p *asyncProducer) newBatch(at *producerPartition) *outBatch {
	if n := len(p.spent); n > 0 {
		b := p.spent[n-1]
		p.spent = p.spent[:n-1]
		b.at, b.bytes = at, batchOverhead
		return b
	}
	return &outBatch{at: at, bytes: batchOverhead}
}

// recycle makes a batch that is settled ready to be used again.
func (p *asyncProducer) recycle(b *outBatch) {
	clear(b.out)
	clear(b.emits)
	*b = outBatch{out: b.out[:0], emits: b.emits[:0]}
	p.spent = append(p.spent, b)
}

// bufferFor is where messages for a partition wait: with those for the same broker, if they wait at all.
func (p *asyncProducer) bufferFor(at *producerPartition) *buffer {
	i := 0
	if !p.asap {
		i = int(at.leader) // from 1; none is as good as any
	}
	i = max(i, 0)
	for len(p.buffers) <= i {
		p.buffers = append(p.buffers, &buffer{})
	}
	return p.buffers[i]
}

// flushReady sends what waits, if there is no setting that lets it wait.
func (p *asyncProducer) flushReady() {
	if p.asap {
		p.flushBuffers()
	}
}

func (p *asyncProducer) flushBuffers() {
	for _, b := range p.buffers {
		p.flush(b)
	}
}

// flush sends what waits in a buffer.
func (p *asyncProducer) flush(b *buffer) {
	if len(b.filling) == 0 {
		return
	}
	for _, at := range b.filling {
		p.batches = append(p.batches, at.filling)
		at.filling = nil
	}
	clear(b.filling)
	*b = buffer{filling: b.filling[:0]}
	p.sendBatches()
}

// sendBatches sends p.batches, and settles those that have their results at once.
func (p *asyncProducer) sendBatches() {
	if p.txn != nil {
		p.batches = p.enlist(p.batches)
	}
	p.emits = p.emits[:0]
	for _, b := range p.batches {
		b.awaiting = len(b.emits)
		p.emits = append(p.emits, b.emits)
	}
	if len(p.batches) > 0 && p.seam.Produce(p.emits...) {
		for _, b := range p.batches {
			p.settle(b)
		}
	}
	clear(p.batches)
	p.batches = p.batches[:0]
}

// enlist makes the partitions of batches part of the transaction, and fails those for which that does not succeed.
func (p *asyncProducer) enlist(batches []*outBatch) []*outBatch {
	tps := make([]kafka.TopicPartition, len(batches))
	for i, b := range batches {
		tps[i] = b.at.tp
	}
	err := p.txn.enlist(tps)
	return slices.DeleteFunc(batches, func(b *outBatch) bool {
		switch {
		case err != nil:
			p.fail(b, err)
		case !p.txn.has(b.at.tp):
			p.fail(b, sarama.ErrTransactionNotReady)
		default:
			return false
		}
		return true
	})
}

// takeAnswers settles the batches whose results came, and sends the messages whose topics are known now.
func (p *asyncProducer) takeAnswers() {
	p.mu.Lock()
	answers, learned := p.answers, p.learned
	p.answers, p.learned = p.noAnswers, nil
	p.mu.Unlock()
	for _, l := range learned {
		p.learn(l)
	}
	for _, e := range answers {
		o := e.Tag.(*outbound)
		b := o.batch
		if b == nil { // refused
			p.settled(o)
			continue
		}
		b.awaiting--
		if b.awaiting == 0 {
			p.settle(b)
		}
	}
	clear(answers)
	p.noAnswers = answers[:0]
}

// settle looks at the result of a batch.
func (p *asyncProducer) settle(b *outBatch) {
	if err := b.emits[0].Err; err != nil {
		p.fail(b, err)
		return
	}
	for _, o := range b.out {
		p.settled(o)
	}
	p.recycle(b)
}

// takeDue sends what has waited long enough for more messages.
func (p *asyncProducer) takeDue() {
	if p.config.Producer.Flush.Frequency == 0 {
		return
	}
	now := time.Now()
	for _, b := range p.buffers {
		if !b.due.IsZero() && !now.Before(b.due) {
			p.flush(b)
		}
	}
}

// nextTimer fires when something is due; nil when nothing is.
func (p *asyncProducer) nextTimer() <-chan time.Time {
	if p.config.Producer.Flush.Frequency == 0 {
		return nil
	}
	var next time.Time
	for _, b := range p.buffers {
		if !b.due.IsZero() && (next.IsZero() || b.due.Before(next)) {
			next = b.due
		}
	}
	if next.IsZero() {
		return nil
	}
	if p.timer == nil {
		p.timer = time.NewTimer(time.Until(next))
	} else {
		p.timer.Reset(time.Until(next))
	}
	return p.timer.C
}

func (p *asyncProducer) fail(b *outBatch, err error) {
	p.failed(err)
	b.at.topic.stale = true
	for _, o := range b.out {
		if o.emit.Err = err; b.at.leader == cluster.NoLeader && errors.Is(err, kafka.NotLeaderOrFollower) {
			o.emit.Err = kafka.LeaderNotAvailable // sarama does not get as far as to send anything
		}
		p.settled(o)
	}
	p.recycle(b)
}

// failed tells the transaction, if there is one, that something of it was not sent.
func (p *asyncProducer) failed(err error) {
	if p.txn != nil {
		p.txn.failed(saramaError(err))
	}
}

func (p *asyncProducer) settled(o *outbound) {
	p.unsettled--
	p.done = append(p.done, o)
}
