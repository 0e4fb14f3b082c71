package saramaclient

import "github.com/IBM/sarama"

// told is what is told of a message.
type told struct {
	message *sarama.ProducerMessage
	failure error // nil, or a *sarama.ProducerError
}

// TellTo implements door.Telling, for clusters that are driven: whoever sends is never kept waiting there. Elsewhere, and with settings of
// Producer.Flush or in transactions, messages are worth a goroutine that takes many of them at once.
func (p *asyncProducer) TellTo(settle func(msg *sarama.ProducerMessage, failure error)) bool {
	if !p.driven || !p.asap || p.txn != nil {
		return false
	}
	p.turn.Lock()
	p.tellTo = settle
	p.turn.Unlock()
	return true
}

// Send implements door.Telling.
func (p *asyncProducer) Send(m *sarama.ProducerMessage) {
	p.turn.Lock()
	p.take(m)
	p.flushReady()
	refused := len(p.done) > 0
	p.turn.Unlock()
	if refused {
		signal(p.answered)
	}
}

func (p *asyncProducer) resultOf(o *outbound) told {
	if err := p.outcome(&o.emit, o.message); err != nil {
		return told{o.message, &sarama.ProducerError{Msg: o.message, Err: err}}
	}
	return told{o.message, nil}
}
