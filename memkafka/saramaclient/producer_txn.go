package saramaclient

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/group"
	"github.com/gokasim/gokasim/memkafka/internal/seam"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
)

// transaction is what a transactional producer knows of its transactions (KIP-98): the state that TxnStatus tells, who it
// is, and what belongs to the transaction that is open.
type transaction struct {
	config *sarama.Config
	seam   *seam.Client
	turn   chan struct{} // capacity 1: held by BeginTxn, CommitTxn, AbortTxn and who adds offsets

	mu           sync.Mutex // guards all below; nobody waits, or asks the cluster, while it is held
	status       sarama.ProducerTxnStatusFlag
	lastErr      error
	bump         bool // the epoch has to grow before the next transaction (KIP-360)
	who          seam.Producer
	known        bool // who it is
	partitions   map[kafka.TopicPartition]bool
	offsets      map[groupKey]*groupOffsets
	offsetsAdded bool // the coordinator knows that offsets belong to it
}

// groupKey is the member of a group for which offsets are committed (KIP-447).
type groupKey struct {
	group, member, instance string
	generation              int32
}

// groupOffsets are the offsets that one member commits in a transaction.
type groupOffsets map[kafka.TopicPartition]group.OffsetCommit

func newTransaction(config *sarama.Config, s *seam.Client) *transaction {
	t := &transaction{config: config, seam: s, turn: make(chan struct{}, 1), status: sarama.ProducerTxnFlagUninitialized}
	t.forget()
	return t
}

// forget begins without partitions and offsets.
func (t *transaction) forget() {
	t.partitions, t.offsets, t.offsetsAdded = map[kafka.TopicPartition]bool{}, map[groupKey]*groupOffsets{}, false
}

// What a transaction's errors are.
const (
	fatal     = sarama.ProducerTxnFlagInError | sarama.ProducerTxnFlagFatalError
	abortable = sarama.ProducerTxnFlagInError | sarama.ProducerTxnFlagAbortableError
)

// nextTxnStatus are the moves that sarama allows, by any of the flags that are set now, to any of those that are to be.
var nextTxnStatus = map[sarama.ProducerTxnStatusFlag]sarama.ProducerTxnStatusFlag{
	sarama.ProducerTxnFlagUninitialized:  sarama.ProducerTxnFlagReady | sarama.ProducerTxnFlagInError,
	sarama.ProducerTxnFlagInitializing:   sarama.ProducerTxnFlagInitializing | sarama.ProducerTxnFlagReady | sarama.ProducerTxnFlagInError,
	sarama.ProducerTxnFlagReady:          sarama.ProducerTxnFlagInTransaction,
	sarama.ProducerTxnFlagInTransaction:  sarama.ProducerTxnFlagEndTransaction | sarama.ProducerTxnFlagInError,
	sarama.ProducerTxnFlagEndTransaction: sarama.ProducerTxnFlagInitializing | sarama.ProducerTxnFlagReady | sarama.ProducerTxnFlagInError,
	sarama.ProducerTxnFlagAbortableError: sarama.ProducerTxnFlagAbortingTransaction | sarama.ProducerTxnFlagInError,
	sarama.ProducerTxnFlagFatalError:     sarama.ProducerTxnFlagFatalError,
}

// move changes the status, and returns cause, which is nil unless the status is an error's.
func (t *transaction) move(to sarama.ProducerTxnStatusFlag, cause error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.moveLocked(to, cause)
}

func (t *transaction) moveLocked(to sarama.ProducerTxnStatusFlag, cause error) error {
	allowed := sarama.ProducerTxnStatusFlag(0)
	for from, next := range nextTxnStatus {
		if t.status&from != 0 {
			allowed |= next
		}
	}
	if allowed&to == 0 {
		return sarama.ErrTransitionNotAllowed
	}
	t.status, t.lastErr = to, cause
	return cause
}

func (t *transaction) now() sarama.ProducerTxnStatusFlag {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

// open reports whether messages may be sent.
func (t *transaction) open() bool { return t.now()&sarama.ProducerTxnFlagInTransaction != 0 }

// producer is who sends at present, false before there was an answer.
func (t *transaction) producer() (txn.Producer, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return txn.Producer{ID: t.who.ID, Epoch: int16(t.who.Epoch)}, t.known
}

// has reports whether a partition belongs to the transaction.
func (t *transaction) has(tp kafka.TopicPartition) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.partitions[tp]
}

// ends notes that a transaction is about to end, once its messages have their results.
func (t *transaction) ends(commit bool) {
	to := sarama.ProducerTxnFlagEndTransaction | sarama.ProducerTxnFlagAbortingTransaction
	if commit {
		to = sarama.ProducerTxnFlagEndTransaction | sarama.ProducerTxnFlagCommittingTransaction
	}
	if err := t.move(to, nil); err != nil {
		sarama.Logger.Printf("transaction %s cannot end: %v\n", t.config.Producer.Transaction.ID, err)
	}
}

// failed notes that a message was not sent, which the transaction cannot be committed after.
func (t *transaction) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range []error{
		sarama.ErrClusterAuthorizationFailed, sarama.ErrProducerFenced, sarama.ErrUnsupportedVersion,
		sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrInvalidProducerIDMapping,
	} {
		if errors.Is(err, f) {
			_ = t.moveLocked(fatal, err) // where that is not allowed, nothing changes
			return
		}
	}
	if t.status&sarama.ProducerTxnFlagAbortingTransaction != 0 {
		return
	}
	t.bump = t.bump || t.canBump()
	_ = t.moveLocked(abortable, err) // as above
}

// canBump reports whether the coordinator gives a producer a new epoch after an error (KIP-360).
func (t *transaction) canBump() bool { return t.config.Version.IsAtLeast(sarama.V2_5_0_0) }

// fencedByOldName reports whether a fenced producer is told INVALID_PRODUCER_EPOCH, as clients before KIP-588 are.
func (t *transaction) fencedByOldName() bool { return !t.config.Version.IsAtLeast(sarama.V2_7_0_0) }

func (t *transaction) lose(code kafka.ErrorCode) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.canBump() {
		t.bump = true
		return t.moveLocked(abortable, sarama.KError(code))
	}
	return t.moveLocked(fatal, sarama.KError(code))
}

// retriableTxn are the errors after which a request about a transaction is sent again.
var retriableTxn = map[kafka.ErrorCode]bool{
	kafka.CorruptMessage: true, kafka.UnknownTopicOrPartition: true, kafka.LeaderNotAvailable: true, kafka.NotLeaderOrFollower: true,
	kafka.RequestTimedOut: true, kafka.ReplicaNotAvailable: true, kafka.NetworkException: true, kafka.CoordinatorLoadInProgress: true,
	kafka.CoordinatorNotAvailable: true, kafka.NotCoordinator: true, kafka.NotEnoughReplicas: true, kafka.NotEnoughReplicasAfterAppend: true,
	kafka.NotController: true, kafka.ConcurrentTransactions: true, kafka.KafkaStorageError: true, kafka.UnstableOffsetCommit: true,
	kafka.FencedLeaderEpoch: true, kafka.UnknownLeaderEpoch: true, kafka.OffsetNotAvailable: true, kafka.ThrottlingQuotaExceeded: true,
}

// request asks until there is an answer that counts, up to Producer.Transaction.Retry.Max times more.
func (t *transaction) request(kind seam.Kind, op seam.Op, ask seam.Request, answer func(v any) (again bool, err error)) error {
	op.TransactionalIDs = []string{t.config.Producer.Transaction.ID}
	about := op.TransactionalIDs[0]
	if kind == commitOffsets {
		about = op.Groups[0]
	}
	retry := &t.config.Producer.Transaction.Retry
	for tries := 0; ; tries++ {
		v, err := t.seam.AskOf(context.Background(), kind, about, op, ask)
		again := err != nil && !errors.Is(err, seam.ErrClosed) // nothing was heard
		if err == nil {
			again, err = answer(v)
		} else {
			err = saramaError(err)
		}
		if !again || tries >= retry.Max {
			return err
		}
		pause := retry.Backoff
		if retry.BackoffFunc != nil {
			pause = retry.BackoffFunc(tries, retry.Max)
		}
		if kind == addPartitions && errors.Is(err, sarama.ErrConcurrentTransactions) {
			pause = min(pause, firstPartitionBackoff)
		}
		if !waitOr(t.seam, pause) {
			return sarama.ErrClosedClient
		}
	}
}

const (
	addPartitions seam.Kind = "add partitions to txn"
	commitOffsets seam.Kind = "commit in transaction"

	// firstPartitionBackoff is how long the first partition of a transaction waits at most while the one before is ending.
	firstPartitionBackoff = 20 * time.Millisecond
)

// initialize asks who the producer is, and fences all that were before it.
func (t *transaction) initialize() error {
	id := t.config.Producer.Transaction.ID
	command := txn.InitProducerID{
		Transactional: true, TransactionalID: id, Timeout: millis(t.config.Producer.Transaction.Timeout),
		NoProducerFenced: t.fencedByOldName(),
	}
	if who, known := t.producer(); known && t.canBump() {
		command.Expected = &who
		if err := t.move(sarama.ProducerTxnFlagInitializing, nil); err != nil {
			return err
		}
	}
	err := t.request("init producer id", seam.Op{Name: "init-producer-id"}, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		command.Tag = call
		core.TxnStep(now, command)
	}, func(v any) (bool, error) {
		r := v.(txn.InitProducerIDResponse)
		switch {
		case r.Err == kafka.None:
			who := seam.Producer{ID: r.Producer.ID, Epoch: kafka.Epoch(r.Producer.Epoch), TransactionalID: id}
			t.seam.SetProducer(who)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.who, t.known = who, true
			return false, t.moveLocked(sarama.ProducerTxnFlagReady, nil)
		case retriableTxn[r.Err]:
			return true, sarama.KError(r.Err)
		}
		return false, t.move(fatal, sarama.KError(r.Err))
	})
	if err != nil {
		t.mu.Lock()
		t.bump = true // again with the next transaction
		t.mu.Unlock()
	}
	return err
}

// enlist makes partitions part of the transaction.
func (t *transaction) enlist(tps []kafka.TopicPartition) error {
	t.mu.Lock()
	if t.status&sarama.ProducerTxnFlagInError != 0 {
		defer t.mu.Unlock()
		for _, tp := range tps {
			if !t.partitions[tp] {
				return t.lastErr
			}
		}
		return nil // what was added before can be sent still
	}
	missing := make([]kafka.TopicPartition, 0, len(tps))
	for _, tp := range tps {
		if !t.partitions[tp] && !slices.Contains(missing, tp) {
			missing = append(missing, tp)
		}
	}
	t.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	slices.SortFunc(missing, kafka.TopicPartition.Compare)
	id, who := t.config.Producer.Transaction.ID, t.txnProducer()
	return t.request(addPartitions, seam.Op{Name: "add-partitions-to-txn", Partitions: missing}, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		if r, refused := unknownPartitions(core, missing); refused {
			call.Resolve(r, nil)
			return
		}
		core.TxnStep(now, txn.AddPartitions{
			Tag: call, TransactionalID: id, Producer: who, Partitions: missing, NoProducerFenced: t.fencedByOldName(),
		})
	}, func(v any) (bool, error) { return t.enlisted(v.(txn.AddPartitionsResponse), &missing) })
}

func (t *transaction) txnProducer() txn.Producer {
	who, _ := t.producer()
	return who
}

// unknownPartitions answers for the broker where partitions do not exist: none of the others is added then.
func unknownPartitions(core *cluster.Cluster, tps []kafka.TopicPartition) (txn.AddPartitionsResponse, bool) {
	r, refused := txn.AddPartitionsResponse{}, false
	for _, tp := range tps {
		code := kafka.OperationNotAttempted
		if core.Partition(tp.Topic, tp.Partition) == nil {
			code, refused = kafka.UnknownTopicOrPartition, true
		}
		r.Partitions = append(r.Partitions, txn.PartitionResult{TP: tp, Err: code})
	}
	return r, refused
}

// enlisted takes note of the partitions that were added, and leaves in missing those that were not.
func (t *transaction) enlisted(r txn.AddPartitionsResponse, missing *[]kafka.TopicPartition) (again bool, err error) {
	var errs []error
	for _, p := range r.Partitions {
		switch {
		case p.Err == kafka.None:
			t.mu.Lock()
			t.partitions[p.TP] = true
			t.mu.Unlock()
			*missing = slices.DeleteFunc(slices.Clone(*missing), func(tp kafka.TopicPartition) bool { return tp == p.TP })
			continue
		case p.Err == kafka.OperationNotAttempted, p.Err == kafka.TopicAuthorizationFailed:
			return false, t.move(abortable, sarama.KError(p.Err))
		case p.Err == kafka.UnknownProducerID:
			return false, t.lose(p.Err)
		case !retriableTxn[p.Err]:
			return false, t.move(fatal, sarama.KError(p.Err))
		}
		errs = append(errs, sarama.KError(p.Err))
	}
	if len(*missing) == 0 {
		return false, nil
	}
	return true, sarama.Wrap(sarama.ErrAddPartitionsToTxn, errs...)
}

// addOffsets notes offsets that are to be committed with the transaction. For one group, the last ones count.
func (t *transaction) addOffsets(offsets map[string][]*sarama.PartitionOffsetMetadata, m *sarama.ConsumerGroupMetadata) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status&sarama.ProducerTxnFlagInTransaction == 0 {
		return sarama.ErrTransactionNotReady
	}
	key := groupKey{group: m.GroupID, member: m.MemberID, generation: m.GenerationID}
	if m.GroupInstanceID != nil {
		key.instance = *m.GroupInstanceID
	}
	if t.offsets[key] == nil {
		t.offsets[key] = &groupOffsets{}
	}
	for topic, list := range offsets {
		for _, o := range list {
			tp := kafka.TopicPartition{Topic: topic, Partition: o.Partition}
			for other, of := range t.offsets {
				if other != key && other.group == key.group {
					delete(*of, tp)
					if len(*of) == 0 {
						delete(t.offsets, other)
					}
				}
			}
			commit := group.OffsetCommit{TP: tp, Offset: kafka.Offset(o.Offset), LeaderEpoch: -1}
			if o.LeaderEpoch > 0 && t.config.Version.IsAtLeast(sarama.V2_1_0_0) {
				commit.LeaderEpoch = kafka.Epoch(o.LeaderEpoch)
			}
			if o.Metadata != nil {
				commit.Metadata = *o.Metadata
			}
			(*t.offsets[key])[tp] = commit
		}
	}
	return nil
}

// finish commits or aborts, once all messages have their results.
func (t *transaction) finish(commit bool) error {
	t.mu.Lock()
	status, lastErr, bump := t.status, t.lastErr, t.bump
	nothing := len(t.partitions) == 0 && !t.offsetsAdded && (!commit || len(t.offsets) == 0)
	groups := slices.SortedFunc(maps.Keys(t.offsets), func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.generation, b.generation), cmp.Compare(a.member, b.member), cmp.Compare(a.instance, b.instance))
	})
	t.mu.Unlock()
	switch {
	case commit && status&sarama.ProducerTxnFlagInError != 0, status&sarama.ProducerTxnFlagFatalError != 0:
		return lastErr
	case nothing: // the coordinator knows of no transaction
		if err := t.complete(); err != nil || !bump {
			return err
		}
		return t.initialize()
	}
	if commit {
		for _, g := range groups {
			if err := t.commitOffsets(g); err != nil {
				return err
			}
		}
	}
	if err := t.end(commit); err != nil || !bump {
		return err
	}
	return t.initialize()
}

// commitOffsets sends the offsets of one member to its group, as part of the transaction.
func (t *transaction) commitOffsets(g groupKey) error {
	id, who := t.config.Producer.Transaction.ID, t.txnProducer()
	err := t.request("add offsets to txn", seam.Op{Name: "add-offsets-to-txn", Groups: []string{g.group}}, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		core.TxnStep(now, txn.AddOffsets{
			Tag: call, TransactionalID: id, GroupID: g.group, Producer: who, NoProducerFenced: t.fencedByOldName(),
		})
	}, func(v any) (bool, error) {
		switch code := v.(txn.AddOffsetsResponse).Err; {
		case code == kafka.None:
			return false, nil
		case retriableTxn[code]:
			return true, sarama.KError(code)
		case code == kafka.UnknownProducerID:
			return false, t.lose(code)
		case code == kafka.GroupAuthorizationFailed:
			return false, t.move(abortable, sarama.KError(code))
		default:
			return false, t.move(fatal, sarama.KError(code))
		}
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.offsetsAdded = true
	left := maps.Clone(*t.offsets[g])
	t.mu.Unlock()
	err = t.request(commitOffsets, seam.Op{
		Name: "txn-offset-commit", Groups: []string{g.group}, Partitions: slices.SortedFunc(maps.Keys(left), kafka.TopicPartition.Compare),
	}, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		t.sendOffsets(core, now, call, who, g, left)
	}, func(v any) (bool, error) { return t.offsetsSent(v.(group.CommitResponse), left) })
	if err == nil {
		t.mu.Lock()
		delete(t.offsets, g)
		t.mu.Unlock()
	}
	return err
}

func (t *transaction) sendOffsets(core *cluster.Cluster, now kafka.Millis, call *seam.Call, who txn.Producer, g groupKey, offsets groupOffsets) {
	c := group.TxnCommit{Tag: call, Transaction: group.Transaction{ProducerID: who.ID, ProducerEpoch: who.Epoch}, Generation: -1}
	if t.config.Version.IsAtLeast(sarama.V2_5_0_0) { // KIP-447
		c.MemberID, c.InstanceID, c.Generation = g.member, g.instance, g.generation
	}
	var unknown []group.CommitResult
	for _, tp := range slices.SortedFunc(maps.Keys(offsets), kafka.TopicPartition.Compare) {
		if core.Partition(tp.Topic, tp.Partition) == nil {
			unknown = append(unknown, group.CommitResult{TP: tp, Err: kafka.UnknownTopicOrPartition})
			continue
		}
		c.Offsets = append(c.Offsets, offsets[tp])
	}
	if len(c.Offsets) == 0 {
		call.Resolve(group.CommitResponse{Partitions: unknown}, nil)
		return
	}
	core.TxnOffsetCommit(now, g.group, t.config.Producer.Transaction.ID, c, false)
}

// offsetsSent leaves in offsets those that have to be sent again.
func (t *transaction) offsetsSent(r group.CommitResponse, offsets groupOffsets) (again bool, err error) {
	var errs []error
	for _, p := range r.Partitions {
		switch {
		case p.Err == kafka.None:
			delete(offsets, p.TP)
		case retriableTxn[p.Err]:
			errs = append(errs, sarama.KError(p.Err))
		case p.Err == kafka.IllegalGeneration, p.Err == kafka.UnknownMemberID, p.Err == kafka.FencedInstanceID, p.Err == kafka.GroupAuthorizationFailed:
			return false, t.move(abortable, sarama.KError(p.Err))
		default:
			return false, t.move(fatal, sarama.KError(p.Err))
		}
	}
	if len(offsets) == 0 {
		return false, nil
	}
	return true, sarama.Wrap(sarama.ErrTxnOffsetCommit, errs...)
}

func (t *transaction) end(commit bool) error {
	id, who := t.config.Producer.Transaction.ID, t.txnProducer()
	return t.request("end txn", seam.Op{Name: "end-txn"}, func(core *cluster.Cluster, now kafka.Millis, call *seam.Call) {
		core.TxnStep(now, txn.EndTxn{
			Tag: call, TransactionalID: id, Producer: who, Commit: commit, NoProducerFenced: t.fencedByOldName(),
		})
	}, func(v any) (bool, error) {
		switch code := v.(txn.EndTxnResponse).Err; {
		case code == kafka.None:
			return false, t.complete()
		case retriableTxn[code]:
			return true, sarama.KError(code)
		case code == kafka.UnknownProducerID:
			return false, t.lose(code)
		default:
			return false, t.move(fatal, sarama.KError(code))
		}
	})
}

// complete makes ready for the next transaction.
func (t *transaction) complete() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	to := sarama.ProducerTxnFlagReady
	if t.bump {
		to = sarama.ProducerTxnFlagInitializing
	}
	if err := t.moveLocked(to, nil); err != nil {
		return err
	}
	t.bump = false
	t.forget()
	return nil
}

func (p *asyncProducer) IsTransactional() bool { return p.txn != nil }

func (p *asyncProducer) TxnStatus() sarama.ProducerTxnStatusFlag {
	switch {
	case p.txn != nil:
		return p.txn.now()
	case p.config.Producer.Idempotent:
		return sarama.ProducerTxnFlagReady
	default:
		return sarama.ProducerTxnFlagUninitialized
	}
}

// inTurn runs f for a transactional producer, one call after the other.
func (p *asyncProducer) inTurn(f func(t *transaction) error) error {
	if p.txn == nil {
		return sarama.ErrNonTransactedProducer
	}
	p.txn.turn <- struct{}{}
	defer func() { <-p.txn.turn }()
	return f(p.txn)
}

func (p *asyncProducer) BeginTxn() error {
	return p.inTurn(func(t *transaction) error { return t.move(sarama.ProducerTxnFlagInTransaction, nil) })
}

// CommitTxn waits until all messages of the transaction have their results, and commits it with the offsets that were added.
func (p *asyncProducer) CommitTxn() error { return p.endTxn(true) }

// AbortTxn waits until all messages of the transaction have their results, and aborts it.
func (p *asyncProducer) AbortTxn() error { return p.endTxn(false) }

func (p *asyncProducer) endTxn(commit bool) error {
	return p.inTurn(func(t *transaction) error {
		end := &endOfTxn{commit: commit, settled: make(chan struct{})}
		select {
		case p.endings <- end:
			<-end.settled
		case <-p.ended:
			return sarama.ErrShuttingDown
		}
		return t.finish(commit)
	})
}

func (p *asyncProducer) AddOffsetsToTxn(offsets map[string][]*sarama.PartitionOffsetMetadata, groupID string) error {
	return p.AddOffsetsToTxnWithGroupMetadata(offsets, sarama.NewConsumerGroupMetadata(groupID))
}

func (p *asyncProducer) AddOffsetsToTxnWithGroupMetadata(offsets map[string][]*sarama.PartitionOffsetMetadata, m *sarama.ConsumerGroupMetadata) error {
	return p.inTurn(func(t *transaction) error { return t.addOffsets(offsets, m) })
}

func (p *asyncProducer) AddMessageToTxn(m *sarama.ConsumerMessage, groupID string, metadata *string) error {
	return p.AddMessageToTxnWithGroupMetadata(m, sarama.NewConsumerGroupMetadata(groupID), metadata)
}

func (p *asyncProducer) AddMessageToTxnWithGroupMetadata(m *sarama.ConsumerMessage, of *sarama.ConsumerGroupMetadata, metadata *string) error {
	return p.AddOffsetsToTxnWithGroupMetadata(map[string][]*sarama.PartitionOffsetMetadata{
		m.Topic: {{Partition: m.Partition, Offset: m.Offset + 1, Metadata: metadata}},
	}, of)
}
