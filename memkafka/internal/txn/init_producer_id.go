package txn

import "github.com/gokasim/gokasim/internal/kafka"

// InitProducerID asks for a producer id and an epoch that fences all earlier producers with the same transactional id
// (KIP-98, KIP-360). If one of those left a transaction open, that is aborted first: the answer is then
// CONCURRENT_TRANSACTIONS, and the client asks again. Its reply is an [InitProducerIDResponse].
type InitProducerID struct {
	Tag any
	// Transactional is false for a null transactional id: an idempotent producer without transactions, which gets a new
	// producer id from any broker.
	Transactional   bool
	TransactionalID string
	Timeout         kafka.Millis // transaction.timeout.ms: an open transaction is aborted after that
	// Expected is the producer that the client has been so far, if it wants to go on after an error; it is fenced if
	// another one came meanwhile. Nil before version 3 of the request, or for a producer that starts.
	Expected *Producer
	// NoProducerFenced says that the client gets INVALID_PRODUCER_EPOCH instead of PRODUCER_FENCED (before version 4 of
	// the request).
	NoProducerFenced bool
}

// InitProducerIDResponse answers an [InitProducerID]. Producer is [NoProducer] if Err is set.
type InitProducerIDResponse struct {
	Err      kafka.ErrorCode
	Producer Producer
}

func (InitProducerID) command() {}

func (c *Coordinator) initProducerID(cmd InitProducerID) {
	producer, err := c.nextProducer(cmd)
	if err != kafka.None {
		producer = NoProducer
	}
	c.reply(cmd.Tag, InitProducerIDResponse{Err: fenced(err, cmd.NoProducerFenced), Producer: producer})
}

func (c *Coordinator) nextProducer(cmd InitProducerID) (Producer, kafka.ErrorCode) {
	switch {
	case !cmd.Transactional:
		return Producer{ID: c.newProducerID()}, kafka.None
	case cmd.TransactionalID == "":
		return NoProducer, kafka.InvalidRequest
	case cmd.Timeout <= 0 || cmd.Timeout > c.cfg.MaxTimeout:
		return NoProducer, kafka.InvalidTransactionTimeout
	}
	t := c.ids[cmd.TransactionalID]
	if t == nil {
		t = c.newTransaction(cmd.TransactionalID)
		c.ids[t.id] = t
	}
	switch {
	case t.state.ending():
		return NoProducer, kafka.ConcurrentTransactions
	case cmd.Expected != nil && !t.maybe(*cmd.Expected):
		return NoProducer, kafka.ProducerFenced
	case t.state == Ongoing:
		c.fence(t)
		return NoProducer, kafka.ConcurrentTransactions
	}
	n := *t
	n.state, n.partitions, n.start = Empty, nil, kafka.NoTimestamp
	n.timeout, n.updated = cmd.Timeout, c.now
	switch epoch := t.producer.Epoch; {
	case epochExhausted(epoch) && (cmd.Expected == nil || cmd.Expected.Epoch == epoch):
		n.producer, n.lastEpoch = Producer{ID: c.newProducerID()}, noEpoch
		if cmd.Expected != nil {
			n.lastEpoch = epoch
		}
	case epochExhausted(epoch):
		return NoProducer, kafka.UnknownServerError // Kafka's own slip: the producer is fenced
	case cmd.Expected == nil:
		n.producer.Epoch, n.lastEpoch = epoch+1, noEpoch
	case cmd.Expected.Epoch == epoch || epoch == noEpoch:
		n.producer.Epoch, n.lastEpoch = epoch+1, epoch
	case cmd.Expected.Epoch == t.lastEpoch:
		// The client did not hear the answer and asks once more. No other producer can have come in between, since that
		// would have cleared lastEpoch.
	default:
		return NoProducer, kafka.ProducerFenced
	}
	c.put(t, n)
	return n.producer, kafka.None
}

func (c *Coordinator) newTransaction(id string) *transaction {
	return &transaction{
		id: id, producer: Producer{ID: c.newProducerID(), Epoch: noEpoch}, start: kafka.NoTimestamp, updated: c.now,
		previousID: noProducerID, nextID: noProducerID, lastEpoch: noEpoch,
	}
}

// maybe is false for a producer that is fenced whatever its epoch. A producer id that was replaced because its epochs
// were used up may come again, if the answer with the new one was lost.
func (t *transaction) maybe(p Producer) bool {
	return t.producer.Epoch == noEpoch || p.ID == t.producer.ID || p.ID == t.previousID && epochExhausted(p.Epoch)
}

// fenced is PRODUCER_FENCED in the words of old clients (KIP-360).
func fenced(err kafka.ErrorCode, old bool) kafka.ErrorCode {
	if old && err == kafka.ProducerFenced {
		return kafka.InvalidProducerEpoch
	}
	return err
}
