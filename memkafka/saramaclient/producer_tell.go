package saramaclient

import (
	"sync"

	"github.com/IBM/sarama"
)

// told is what is told of a message.
type told struct {
	message *sarama.ProducerMessage
	failure error // nil, or a *sarama.ProducerError
}

// TellTo implements door.Telling, but not with settings of Producer.Flush, in transactions, and where somebody does by hand what
// happens.
func (p *asyncProducer) TellTo(settle func(msg *sarama.ProducerMessage, failure error)) bool {
	if !p.asap || p.txn != nil || !p.driven && p.seam.Engine().OneByOne() {
		return false
	}
	p.turn.Lock()
	p.tellTo = settle
	p.turn.Unlock()
	return true
}

// Send implements door.Telling. Driven, it sends at once. Else it leaves the message to the goroutine that sends, to which many at once are
// worth a change of goroutines.
func (p *asyncProducer) Send(m *sarama.ProducerMessage) {
	if !p.driven {
		if p.queue.put(m) {
			signal(p.answered)
		}
		return
	}
	p.turn.Lock()
	p.take(m)
	p.flushReady()
	refused := len(p.done) > 0
	p.turn.Unlock()
	if refused {
		signal(p.answered)
	}
}

// takeQueue sends what Send left.
func (p *asyncProducer) takeQueue() {
	for _, m := range p.queue.take() {
		p.take(m)
	}
	p.flushReady()
}

// queue is messages that wait for the goroutine that sends. That never waits for those who put them, nor for whoever is told of results,
// who may put one, too.
type queue struct {
	mu       sync.Mutex // guards messages
	room     *sync.Cond // there may be room for one more
	messages []*sarama.ProducerMessage

	taken []*sarama.ProducerMessage // last, by the goroutine that sends, whose they are until it takes more
}

func newQueue() *queue {
	q := new(queue)
	q.room = sync.NewCond(&q.mu)
	return q
}

// put adds a message, and waits for room if need be. It reports whether it is the first one, of which the goroutine that sends has to be told.
func (q *queue) put(m *sarama.ProducerMessage) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.messages) == sendAtOnce {
		q.room.Wait()
	}
	q.messages = append(q.messages, m)
	return len(q.messages) == 1
}

// take returns all messages in the order in which they came.
func (q *queue) take() []*sarama.ProducerMessage {
	clear(q.taken)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages, q.taken = q.taken[:0], q.messages
	if len(q.taken) == sendAtOnce {
		q.room.Broadcast()
	}
	return q.taken
}

func (q *queue) isEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages) == 0
}

func (p *asyncProducer) tell(t told) { p.tellTo(t.message, t.failure) }

func (p *asyncProducer) resultOf(o *outbound) told {
	if err := p.outcome(&o.emit, o.message); err != nil {
		return told{o.message, &sarama.ProducerError{Msg: o.message, Err: err}}
	}
	return told{o.message, nil}
}
