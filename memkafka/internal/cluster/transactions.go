package cluster

import (
	"fmt"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// TransactionStateTopic is the internal topic that holds the state of the transaction coordinators.
const TransactionStateTopic = "__transaction_state"

// Owners of timers, beside the groups, none of which has such a name.
const (
	transactions = "\x00transactions"
	markers      = "\x00markers"
)

// Transactions is the transaction coordinator of the cluster. Only its queries may be called: TxnStep steps it.
func (c *Cluster) Transactions() *txn.Coordinator { return c.txns }

// TxnStep applies one command to the transaction coordinator. The answer comes by Take.
func (c *Cluster) TxnStep(now kafka.Millis, cmd txn.Command) {
	if c.refusing != nil {
		if r, _, asks := refuseTxn(cmd, c.refusing.code); asks {
			c.carryOutTxn(now, []txn.Effect{r})
			return
		}
	}
	if len(c.down) > 0 {
		if r, id, asks := refuseTxn(cmd, kafka.NotCoordinator); asks && c.absent(cmd, id) {
			c.carryOutTxn(now, []txn.Effect{r})
			return
		}
	}
	effects, err := c.txns.Step(now+c.txnSkew, cmd)
	if err != nil {
		panic(fmt.Sprintf("memkafka: the transaction coordinator refused %T: %v", cmd, err)) // the shell made a command that cannot be
	}
	c.carryOutTxn(now, effects)
}

func (c *Cluster) carryOutTxn(now kafka.Millis, effects []txn.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case txn.Reply:
			if mine, ok := e.Tag.(*ownRequest); ok {
				mine.response = e.Response
				continue
			}
			c.replies = append(c.replies, Reply{e.Tag, e.Response})
		case txn.SetTimer:
			c.timers.set(timerID{transactions, e.Key}, e.At-c.txnSkew)
		case txn.StopTimer:
			c.timers.stop(timerID{transactions, e.Key})
		case txn.AppendState:
			c.appendState(now, TransactionStateTopic, c.settings.TransactionTopicPartitions, func(r kafka.Record) string {
				id, _, _ := txn.IDOf(r) // our own record
				return id
			}, e.Records)
		case txn.WriteMarkers:
			c.queueMarkers(now, e)
		default:
			panic(fmt.Sprintf("memkafka: unknown effect %T of the transaction coordinator", e))
		}
	}
}

// ownRequest is the tag of a request that the cluster makes to its own coordinator.
type ownRequest struct{ response any }

// queueMarkers writes the markers of an ended transaction, at once or after the delay of the settings. Until then further
// requests for the transaction are answered with CONCURRENT_TRANSACTIONS.
func (c *Cluster) queueMarkers(now kafka.Millis, m txn.WriteMarkers) {
	if c.settings.MarkerDelay <= 0 {
		c.writeMarkers(now, m)
		return
	}
	if c.unwritten == nil {
		c.unwritten = map[string]txn.WriteMarkers{}
	}
	c.unwritten[m.TransactionalID] = m
	c.timers.set(timerID{markers, m.TransactionalID}, now+c.settings.MarkerDelay)
}

func (c *Cluster) writeQueuedMarkers(now kafka.Millis, transactionalID string) {
	if m, ok := c.unwritten[transactionalID]; ok {
		delete(c.unwritten, transactionalID)
		c.writeMarkers(now, m)
	}
}

func (c *Cluster) writeMarkers(now kafka.Millis, m txn.WriteMarkers) {
	written := make([]kafka.TopicPartition, 0, len(m.Partitions))
	for _, tp := range m.Partitions {
		if c.writeMarker(now, tp, m) {
			written = append(written, tp)
		} else {
			c.owed = append(c.owed, owedMarker{tp, m})
		}
	}
	c.TxnStep(now, txn.MarkersWritten{TransactionalID: m.TransactionalID, Producer: m.Producer, Partitions: written})
}

// owedMarker is a marker whose partition has no leader. The transaction has not ended before it is written.
type owedMarker struct {
	tp      kafka.TopicPartition
	markers txn.WriteMarkers
}

// writeOwedMarkers writes the markers whose partitions have a leader now.
func (c *Cluster) writeOwedMarkers(now kafka.Millis) {
	owed := c.owed
	c.owed = nil
	for _, o := range owed {
		if !c.writeMarker(now, o.tp, o.markers) {
			c.owed = append(c.owed, o)
			continue
		}
		c.TxnStep(now, txn.MarkersWritten{
			TransactionalID: o.markers.TransactionalID, Producer: o.markers.Producer, Partitions: []kafka.TopicPartition{o.tp},
		})
	}
}

// writeMarker ends a transaction in one partition, if that has a leader. One that was deleted meanwhile needs no marker.
func (c *Cluster) writeMarker(now kafka.Millis, tp kafka.TopicPartition, m txn.WriteMarkers) bool {
	if tp.Topic == txn.OffsetsTopic {
		if len(c.down) > 0 && c.coordinator(tp.Topic, tp.Partition) == NoLeader {
			return false
		}
		c.endGroupTxns(now, tp.Partition, m)
		return true
	}
	p := c.Partition(tp.Topic, tp.Partition)
	switch {
	case p == nil:
	case p.Leader == NoLeader:
		return false
	default:
		c.appendMarker(now, p, m)
	}
	return true
}

func (c *Cluster) appendMarker(now kafka.Millis, p *Partition, m txn.WriteMarkers) {
	_, err := p.Log.AppendMarker(now, plog.Marker{
		ProducerID:    m.Producer.ID,
		ProducerEpoch: kafka.Epoch(m.Producer.Epoch),
		Marker:        batch.Marker{Commit: m.Commit, CoordinatorEpoch: m.CoordinatorEpoch},
		TxnVersion:    int8(m.Version),
	})
	if err == nil { // or else the log knows a younger producer, and this marker comes too late to matter
		c.touch(now, p)
	}
}

// endGroupTxns tells the groups of one partition of __consumer_offsets how a transaction ended, by a marker in it and by
// word.
func (c *Cluster) endGroupTxns(now kafka.Millis, partition int32, m txn.WriteMarkers) {
	if p := c.Partition(GroupMetadataTopic, partition); p != nil {
		c.appendMarker(now, p, m)
	}
	for _, id := range c.Groups() {
		if CoordinatorPartition(id, c.settings.OffsetsTopicPartitions) == partition {
			if j := c.journals[id]; j != nil && j.open(m.Producer.ID) {
				j.add(group.Entry{Transaction: &group.Transaction{ProducerID: m.Producer.ID, ProducerEpoch: m.Producer.Epoch}, Marker: markerOf(m.Commit)})
			}
			c.step(now, id, c.groups[id], group.EndTxn{ProducerID: m.Producer.ID, Commit: m.Commit})
			c.forgetDead(id)
		}
	}
}

func markerOf(commit bool) group.Marker {
	if commit {
		return group.CommitMarker
	}
	return group.AbortMarker
}

// ProduceTransactional appends a batch of a transactional producer after it asked the coordinator whether the partition is
// part of the transaction; with transaction.version 2 (Produce from version 12 on) the partition is added then (KIP-890).
func (c *Cluster) ProduceTransactional(now kafka.Millis, p *Partition, b *batch.Batch, transactionalID string, v2 bool) (plog.Appended, error) {
	if !openInLog(p, b) {
		asked := &ownRequest{}
		c.TxnStep(now, txn.AddPartitions{
			Tag: asked, TransactionalID: transactionalID, Producer: txn.Producer{ID: b.ProducerID(), Epoch: int16(b.ProducerEpoch())},
			Partitions: []kafka.TopicPartition{p.TP}, VerifyOnly: !v2, V2: v2, NoProducerFenced: true,
		})
		r := asked.response.(txn.AddPartitionsResponse)
		if code := r.Partitions[0].Err; code == kafka.TransactionAbortable {
			return plog.Appended{}, errorf(kafka.InvalidTxnState, "%s is not part of the transaction of %q", p.TP, transactionalID)
		} else if code != kafka.None {
			return plog.Appended{}, errorf(code, "%s, transaction of %q", p.TP, transactionalID)
		}
	}
	return c.Produce(now, p, b)
}

// openInLog reports whether the batch goes on with a transaction that its producer, in its present epoch, began in the
// log. While the markers of the transaction before are missing, that is not so.
func openInLog(p *Partition, b *batch.Batch) bool {
	_, open := p.Log.OpenTxn(b.ProducerID())
	if !open {
		return false
	}
	info, known := p.Log.Producer(b.ProducerID())
	return known && info.Epoch == b.ProducerEpoch()
}

// TxnOffsetCommit commits a group's offsets as part of a transaction. With transaction.version 2 (the request from version
// 5 on) the group is added to the transaction first. The answer, a group.CommitResponse, comes by Take.
func (c *Cluster) TxnOffsetCommit(now kafka.Millis, groupID, transactionalID string, cmd group.TxnCommit, v2 bool) {
	if code := c.admitOffsets(now, groupID, transactionalID, cmd.Transaction, v2); code != kafka.None {
		r := group.CommitResponse{Err: code}
		for _, o := range cmd.Offsets {
			r.Partitions = append(r.Partitions, group.CommitResult{TP: o.TP, Err: code})
		}
		c.replies = append(c.replies, Reply{cmd.Tag, r})
		return
	}
	c.GroupStep(now, groupID, cmd)
}

// admitOffsets asks the coordinator whether a group's offsets are part of the transaction, or adds them to it.
func (c *Cluster) admitOffsets(now kafka.Millis, groupID, transactionalID string, t group.Transaction, v2 bool) kafka.ErrorCode {
	asked := &ownRequest{}
	producer := txn.Producer{ID: t.ProducerID, Epoch: t.ProducerEpoch}
	if v2 {
		c.TxnStep(now, txn.AddOffsets{Tag: asked, TransactionalID: transactionalID, GroupID: groupID, V2: true, Producer: producer})
		return asked.response.(txn.AddOffsetsResponse).Err
	}
	at := kafka.TopicPartition{Topic: GroupMetadataTopic, Partition: CoordinatorPartition(groupID, c.settings.OffsetsTopicPartitions)}
	c.TxnStep(now, txn.AddPartitions{
		Tag: asked, TransactionalID: transactionalID, Producer: producer, Partitions: []kafka.TopicPartition{at}, VerifyOnly: true, NoProducerFenced: true,
	})
	if code := asked.response.(txn.AddPartitionsResponse).Partitions[0].Err; code != kafka.TransactionAbortable {
		return code
	}
	return kafka.InvalidTxnState // older producers do not know TRANSACTION_ABORTABLE
}

// NewProducerID gives out a producer id that nobody has.
func (c *Cluster) NewProducerID() int64 { return c.newProducerID() }

// newProducerID gives out producer ids as the controller does, from 0 on.
func (c *Cluster) newProducerID() int64 {
	id := c.nextProducerID
	c.nextProducerID++
	c.keepProducerIDs()
	return id
}

// touch notes that a partition has more to read, for those who wait for records.
func (c *Cluster) touch(now kafka.Millis, p *Partition) {
	c.wake(now, p)
	c.watchLag(now, p)
	c.touched = append(c.touched, p)
}

// TakeTouched returns the partitions that changed since the last call. The slice is valid until the next method call.
func (c *Cluster) TakeTouched() []*Partition {
	t := c.touched
	c.touched = c.touched[:0]
	return t
}
