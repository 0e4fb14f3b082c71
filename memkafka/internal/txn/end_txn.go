package txn

import (
	"fmt"
	"math"

	"github.com/gokasim/gokasim/internal/kafka"
)

// EndTxn commits or aborts a producer's transaction. The answer comes as soon as the decision is recorded; markers are
// written after that. Its reply is an [EndTxnResponse].
type EndTxn struct {
	Tag             any
	TransactionalID string
	Producer        Producer
	Commit          bool // or else abort
	// V2 says that the client follows transaction.version 2 (version 5 and later of the request, KIP-890): every
	// transaction ends with a bump of the epoch, and one to which nothing was added can be aborted.
	V2 bool
	// NoProducerFenced says that the client gets INVALID_PRODUCER_EPOCH instead of PRODUCER_FENCED (before version 2 of
	// the request).
	NoProducerFenced bool
}

// EndTxnResponse answers an [EndTxn]. Producer is who the client is from now on if it follows transaction.version 2, and
// otherwise [NoProducer].
type EndTxnResponse struct {
	Err      kafka.ErrorCode
	Producer Producer
}

func (EndTxn) command() {}

func (c *Coordinator) endTxn(cmd EndTxn) {
	t := c.ids[cmd.TransactionalID]
	var d decision
	switch {
	case cmd.TransactionalID == "":
		d = refuse(kafka.InvalidRequest)
	case t == nil:
		d = refuse(kafka.InvalidProducerIDMapping)
	case cmd.V2:
		d = t.endV2(cmd.Producer, cmd.Commit)
	default:
		d = t.endV1(cmd.Producer, cmd.Commit)
	}
	response := EndTxnResponse{Err: fenced(d.err, cmd.NoProducerFenced), Producer: NoProducer}
	if d.end != 0 {
		var version int16
		if cmd.V2 {
			version = 2
		}
		c.prepare(t, d.end, version)
	}
	if cmd.V2 && d.err == kafka.None {
		response.Producer = t.afterEnd()
	}
	c.reply(cmd.Tag, response)
	if d.end != 0 {
		c.writeMarkers(t)
	}
}

// decision is what a request to end a transaction leads to: an error, an answer that changes nothing, or an end.
type decision struct {
	err kafka.ErrorCode
	end State // PrepareCommit or PrepareAbort, or zero
}

func refuse(err kafka.ErrorCode) decision { return decision{err: err} }

// repeated answers a request that has been carried out.
var repeated = decision{}

// outcomes names the states on the way to an end.
func outcomes(commit bool) (prepare, complete State) {
	if commit {
		return PrepareCommit, CompleteCommit
	}
	return PrepareAbort, CompleteAbort
}

// endV1 decides in the way of KIP-98. A transaction that has ended accepts the same end again.
func (t *transaction) endV1(p Producer, commit bool) decision {
	prepare, complete := outcomes(commit)
	switch {
	case t.producer.ID != p.ID:
		return refuse(kafka.InvalidProducerIDMapping)
	case t.producer.Epoch != p.Epoch:
		return refuse(kafka.ProducerFenced)
	case t.state.ending():
		return refuse(kafka.ConcurrentTransactions)
	case t.state == Ongoing:
		return decision{end: prepare}
	case t.state == complete:
		return repeated
	}
	return refuse(kafka.InvalidTxnState)
}

// endV2 decides in the way of KIP-890. As every end bumps the epoch, a request with the epoch before is one that comes
// again, and one with the present epoch is for the next transaction, which may be empty: the producer cannot know
// whether what it wrote arrived, so it may abort nothing.
func (t *transaction) endV2(p Producer, commit bool) decision {
	prepare, complete := outcomes(commit)
	bumped := p.ID == t.producer.ID && p.Epoch+1 == t.producer.Epoch
	replaced := p.ID == t.previousID && p.Epoch == math.MaxInt16-1 && t.producer.Epoch == 0 && p.ID != t.producer.ID
	again := (bumped || replaced) && (t.state == CompleteCommit || t.state == CompleteAbort)
	switch {
	case t.state.ending():
		return refuse(kafka.ConcurrentTransactions)
	case t.producer.ID != p.ID && !replaced:
		return refuse(kafka.InvalidProducerIDMapping)
	case t.producer.Epoch != p.Epoch && !again:
		return refuse(kafka.ProducerFenced)
	case t.state == Ongoing:
		return decision{end: prepare}
	case again && t.state == complete:
		return repeated
	case again || commit:
		return refuse(kafka.InvalidTxnState)
	}
	return decision{end: PrepareAbort}
}

// prepare records how the transaction ends. version is the transaction.version by which it ends.
func (c *Coordinator) prepare(t *transaction, end State, version int16) {
	n := *t
	if t.state != Ongoing {
		n.start = c.now
	}
	n.state, n.updated, n.version, n.nextID = end, c.now, version, noProducerID
	if version == 2 {
		if epochExhausted(t.producer.Epoch) {
			n.nextID = c.newProducerID()
		}
		n.producer.Epoch, n.lastEpoch = bump(t.producer.Epoch), t.producer.Epoch
	}
	c.put(t, n)
}

// bump is the epoch after this one. Only a coordinator uses the largest one, to fence the last producer of an id.
func bump(epoch int16) int16 {
	if epoch == math.MaxInt16 {
		return epoch
	}
	return epoch + 1
}

// fence locks out the producer whose transaction is open, by a bump of its epoch, and aborts the transaction. The new
// epoch is given to no one.
func (c *Coordinator) fence(t *transaction) {
	if !t.mayMove(PrepareEpochFence) {
		panic(fmt.Sprintf("transactional id %q is %s and has nothing to fence", t.id, t.state))
	}
	if c.cfg.Version < 2 {
		t.producer.Epoch, t.lastEpoch = bump(t.producer.Epoch), noEpoch
		c.prepare(t, PrepareAbort, 0)
	} else {
		c.prepare(t, PrepareAbort, 2)
	}
	c.writeMarkers(t)
}

// afterEnd is the producer that goes on when the markers are written.
func (t *transaction) afterEnd() Producer {
	if t.version == 2 && t.nextID != noProducerID {
		return Producer{ID: t.nextID}
	}
	return t.producer
}
