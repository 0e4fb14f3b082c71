package txn

import (
	"math"
	"slices"
	"unicode/utf16"

	"github.com/gokasim/gokasim/internal/kafka"
)

// AddPartitions is AddPartitionsToTxn: it makes partitions part of a producer's transaction, and begins one if none is
// open. Its reply is an [AddPartitionsResponse].
type AddPartitions struct {
	Tag             any
	TransactionalID string
	Producer        Producer
	Partitions      []kafka.TopicPartition
	// VerifyOnly asks whether the partitions are part of the open transaction, and adds none; those that are not get
	// TRANSACTION_ABORTABLE. It is how brokers check what old producers send (KIP-890).
	VerifyOnly bool
	// V2 says that the client follows transaction.version 2 (version 4 and later of the request).
	V2 bool
	// NoProducerFenced says that the client gets INVALID_PRODUCER_EPOCH instead of PRODUCER_FENCED (before version 2 of
	// the request).
	NoProducerFenced bool
}

// AddPartitionsResponse answers an [AddPartitions]: an error, or none, for each partition, in the order of the request.
type AddPartitionsResponse struct{ Partitions []PartitionResult }

// PartitionResult is what became of one partition of a request.
type PartitionResult struct {
	TP  kafka.TopicPartition
	Err kafka.ErrorCode
}

// AddOffsets is AddOffsetsToTxn: it makes the offsets of a group part of a producer's transaction, as the partition of
// __consumer_offsets that holds them. Its reply is an [AddOffsetsResponse].
type AddOffsets struct {
	Tag              any
	TransactionalID  string
	Producer         Producer
	GroupID          string
	V2               bool // the client follows transaction.version 2 (version 4 and later of the request)
	NoProducerFenced bool // as in [AddPartitions] (before version 2 of the request)
}

// AddOffsetsResponse answers an [AddOffsets].
type AddOffsetsResponse struct{ Err kafka.ErrorCode }

func (AddPartitions) command() {}
func (AddOffsets) command()    {}

// OffsetsTopic is where the offsets of groups are kept. Its partitions get markers like any other.
const OffsetsTopic = "__consumer_offsets"

// PartitionFor is the partition, of so many, of __transaction_state or __consumer_offsets that holds a transactional id or
// a group: by the hash code that Java gives the string.
func PartitionFor(id string, partitions int32) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(id)) {
		hash = 31*hash + int32(unit)
	}
	switch {
	case hash == math.MinInt32:
		return 0
	case hash < 0:
		hash = -hash
	}
	return hash % partitions
}

func (c *Coordinator) addPartitions(cmd AddPartitions) {
	if cmd.VerifyOnly {
		c.reply(cmd.Tag, AddPartitionsResponse{Partitions: c.verify(cmd)})
		return
	}
	t, err := c.check(cmd.TransactionalID, cmd.Producer)
	if err == kafka.None {
		c.add(t, cmd.Partitions, cmd.V2)
	}
	c.reply(cmd.Tag, AddPartitionsResponse{Partitions: cmd.results(func(kafka.TopicPartition) kafka.ErrorCode { return err })})
}

// results answers for each partition of the request.
func (cmd AddPartitions) results(of func(kafka.TopicPartition) kafka.ErrorCode) []PartitionResult {
	results := make([]PartitionResult, len(cmd.Partitions))
	for i, tp := range cmd.Partitions {
		results[i] = PartitionResult{TP: tp, Err: fenced(of(tp), cmd.NoProducerFenced)}
	}
	return results
}

func (c *Coordinator) addOffsets(cmd AddOffsets) {
	t, err := c.check(cmd.TransactionalID, cmd.Producer)
	if err == kafka.None {
		offsets := kafka.TopicPartition{Topic: OffsetsTopic, Partition: PartitionFor(cmd.GroupID, c.cfg.OffsetsTopicPartitions)}
		c.add(t, []kafka.TopicPartition{offsets}, cmd.V2)
	}
	c.reply(cmd.Tag, AddOffsetsResponse{Err: fenced(err, cmd.NoProducerFenced)})
}

// check finds the transactional id of a request that belongs to a transaction, and whether its sender may go on.
func (c *Coordinator) check(id string, p Producer) (*transaction, kafka.ErrorCode) {
	if id == "" {
		return nil, kafka.InvalidRequest
	}
	t := c.ids[id]
	switch {
	case t == nil:
		return nil, kafka.InvalidProducerIDMapping
	case t.state.ending():
		// Before the producer is looked at: it may already be the one that takes over when the markers are written.
		return nil, kafka.ConcurrentTransactions
	}
	return t, t.checkProducer(p)
}

func (t *transaction) checkProducer(p Producer) kafka.ErrorCode {
	switch {
	case t.producer.ID != p.ID:
		return kafka.InvalidProducerIDMapping
	case t.producer.Epoch != p.Epoch:
		return kafka.ProducerFenced
	}
	return kafka.None
}

// verify answers a request that adds nothing.
func (c *Coordinator) verify(cmd AddPartitions) []PartitionResult {
	t := c.ids[cmd.TransactionalID]
	var err kafka.ErrorCode
	switch {
	case cmd.TransactionalID == "":
		err = kafka.InvalidRequest
	case t == nil:
		err = kafka.InvalidProducerIDMapping
	default:
		err = t.checkProducer(cmd.Producer)
		if err == kafka.None && t.state.ending() {
			err = kafka.ConcurrentTransactions
		}
	}
	return cmd.results(func(tp kafka.TopicPartition) kafka.ErrorCode {
		if err != kafka.None {
			return err
		}
		if _, added := t.find(tp); !added {
			return kafka.TransactionAbortable
		}
		return kafka.None
	})
}

// find is where a partition is, or would be, among those of the transaction.
func (t *transaction) find(tp kafka.TopicPartition) (int, bool) {
	return slices.BinarySearchFunc(t.partitions, tp, kafka.TopicPartition.Compare)
}

func (c *Coordinator) add(t *transaction, partitions []kafka.TopicPartition, v2 bool) {
	n := *t
	n.partitions = union(t.partitions, partitions)
	if t.state == Ongoing && len(n.partitions) == len(t.partitions) {
		return
	}
	n.state, n.updated, n.version = Ongoing, c.now, 0
	if v2 {
		n.version = 2
	}
	if t.state != Ongoing {
		n.start = c.now
	}
	c.put(t, n)
	c.setTimerBefore(timerAbort, c.abortAt(t))
}

// union is a new sorted slice of the partitions in either.
func union(a, b []kafka.TopicPartition) []kafka.TopicPartition {
	all := slices.Concat(a, b)
	slices.SortFunc(all, kafka.TopicPartition.Compare)
	return slices.Compact(all)
}
