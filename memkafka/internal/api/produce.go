package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// produce is Produce: one batch for each partition. Version 7 takes zstd (KIP-110), 8 says which records are at fault
// (KIP-467), 10 who leads instead (KIP-951), 12 adds partitions to transactions by itself (KIP-890), 13 names topics by id
// (KIP-516). What precedes version 3 is gone since Kafka 4.0 (KIP-896).
var produce = serving(0, 3, 13, serveProduce)

const (
	acksNone   = 0
	acksLeader = 1
	acksAll    = -1
)

func serveProduce(c *call, request *kmsg.ProduceRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ProduceResponse)
	appends := c.readBatches(request)
	if i := slices.IndexFunc(appends, frameless); i >= 0 {
		for j := range appends {
			appends[j].err = appends[i].err // Kafka gives up the whole request
		}
	}
	if request.Acks != acksNone && request.Acks != acksLeader && request.Acks != acksAll {
		for i := range appends {
			appends[i].err = kafka.InvalidRequiredAcks
		}
	}
	if !c.do(func(core *cluster.Cluster, now millis) { c.append(core, now, request, appends) }) {
		return nil
	}
	if request.Acks == acksAll && !c.awaitReplicas(request, appends) {
		return nil
	}
	if request.Acks == acksNone {
		for _, a := range appends {
			if a.err != nil {
				// Nobody waits for an answer, so this is the only way to tell.
				return c.close("produce with acks=0 to %s[%d]: %w", a.topic, a.partition, a.err)
			}
		}
		return nil
	}
	response.Topics = make([]kmsg.ProduceResponseTopic, len(request.Topics))
	next := 0
	for i := range request.Topics {
		asked, t := &request.Topics[i], &response.Topics[i]
		t.Topic, t.TopicID = asked.Topic, asked.TopicID
		t.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(asked.Partitions))
		for j := range t.Partitions {
			t.Partitions[j] = appends[next].response(c.version)
			next++
		}
	}
	if c.version < 10 || !slices.ContainsFunc(appends, misled) {
		return response
	}
	if !c.do(func(core *cluster.Cluster, _ millis) { response.Brokers = c.leaders(core, appends) }) {
		return nil
	}
	return response
}

// appending is one partition of a request on its way into its log.
type appending struct {
	topic     string
	partition int32
	batch     *batch.Batch

	at       *cluster.Partition // to be looked at under the engine's lock only
	led      leadership         // of at, when it was looked at last
	epoch    kafka.Epoch        // of the leader that appended it
	appended plog.Appended
	logStart kafka.Offset // -1 unless the log was asked
	waits    bool         // for replicas
	notAdded bool         // the partition is not part of the transaction
	err      error
}

// frameless reports whether the bytes of a batch cannot be told from what follows.
func frameless(a appending) bool {
	b := (*batch.Error)(nil)
	return errors.As(a.err, &b) && b.Frame
}

// misled reports whether another broker leads the partition.
func misled(a appending) bool {
	return a.at != nil && errors.Is(a.err, kafka.NotLeaderOrFollower)
}

// readBatches checks the batches of a request, in its order: what needs no log, and no turn at it.
func (c *call) readBatches(request *kmsg.ProduceRequest) []appending {
	n := 0
	for i := range request.Topics {
		n += len(request.Topics[i].Partitions)
	}
	appends := make([]appending, 0, n)
	for i := range request.Topics {
		for _, p := range request.Topics[i].Partitions {
			a := appending{topic: request.Topics[i].Topic, partition: p.Partition, logStart: -1}
			a.batch, a.err = batch.FromBytes(p.Records)
			if a.err == nil && a.batch.Codec() == batch.Zstd && c.version < 7 {
				a.err = &cluster.Error{Code: kafka.UnsupportedCompressionType, Detail: "Produce requests with version below 7 are not allowed to use ZStandard compression"}
			}
			appends = append(appends, a)
		}
	}
	return appends
}

// append gives the batches to their logs.
func (c *call) append(core *cluster.Cluster, now millis, request *kmsg.ProduceRequest, appends []appending) {
	next := 0
	refused := kafka.None
	if request.TransactionID != nil {
		refused = c.mayTransact(core, cluster.Write, *request.TransactionID)
	}
	for i := range request.Topics {
		asked := &request.Topics[i]
		t, code := c.named(core, c.version >= 13, asked.Topic, asked.TopicID, cluster.Write)
		if refused != kafka.None {
			t, code = nil, refused
		}
		for range asked.Partitions {
			a := &appends[next]
			next++
			if within := (*batch.Error)(nil); errors.As(a.err, &within) && within.Within && t != nil {
				if p, code := c.ledPartition(core, t, a.partition, -1); code == kafka.None {
					a.logStart = p.Log.LogStart() // the log itself looks at records
				}
			}
			if a.err != nil {
				continue
			}
			if t == nil {
				a.err = code
				continue
			}
			if a.batch.IsTransactional() && request.TransactionID == nil {
				a.err = kafka.TransactionalIDAuthFailed
				continue
			}
			a.topic = t.Name
			c.appendOne(core, now, t, request, a)
		}
	}
}

func (c *call) appendOne(core *cluster.Cluster, now millis, t *cluster.Topic, request *kmsg.ProduceRequest, a *appending) {
	if t.Internal && c.clientID != adminClientID {
		a.err = &cluster.Error{Code: kafka.InvalidTopic, Detail: "cannot append to internal topic " + t.Name}
		return
	}
	p, code := c.ledPartition(core, t, a.partition, -1)
	if a.at = p; p != nil {
		a.led = leadershipOf(p)
	}
	if code != kafka.None {
		a.err = code
		return
	}
	if a.err = core.CheckProduce(p, request.Acks); a.err != nil {
		return
	}
	a.epoch = p.LeaderEpoch
	if a.batch.IsTransactional() {
		id := ""
		if request.TransactionID != nil {
			id = *request.TransactionID
		}
		a.appended, a.err = core.ProduceTransactional(now, p, a.batch, id, c.version >= 12)
		if errors.Is(a.err, kafka.InvalidTxnState) {
			a.notAdded = true
			if c.version >= 11 {
				a.err = kafka.TransactionAbortable // which older producers do not know
			}
		}
	} else {
		a.appended, a.err = core.Produce(now, p, a.batch)
	}
	if refused := (*plog.Error)(nil); a.err == nil || errors.As(a.err, &refused) && !tooLarge[refused.Code] {
		a.logStart = p.Log.LogStart()
	}
	a.waits = a.err == nil && request.Acks == acksAll && !a.replicated(core)
}

// tooLarge are the errors of a log with which Kafka does not tell where the log starts.
var tooLarge = map[kafka.ErrorCode]bool{kafka.MessageTooLarge: true, kafka.RecordListTooLarge: true}

// replicated reports whether all in-sync replicas have the batch, or none will.
func (a *appending) replicated(core *cluster.Cluster) bool {
	done, err := core.Replicated(a.at, a.appended.Last, a.epoch)
	if err != nil {
		a.err, a.led = err, leadershipOf(a.at)
	}
	return done || err != nil
}

// awaitReplicas waits until the batches are replicated, or the time is up. It reports whether the connection is still there.
func (c *call) awaitReplicas(request *kmsg.ProduceRequest, appends []appending) bool {
	waits := func(a appending) bool { return a.waits }
	if !slices.ContainsFunc(appends, waits) {
		return true
	}
	look := func(core *cluster.Cluster, _ millis, last bool) bool {
		for i := range appends {
			if a := &appends[i]; a.waits {
				a.waits = !a.replicated(core)
				if a.waits && last {
					a.err, a.waits = kafka.RequestTimedOut, false
				}
			}
		}
		return !slices.ContainsFunc(appends, waits)
	}
	return c.await(time.Duration(request.TimeoutMillis)*time.Millisecond, look, func(_ *cluster.Cluster, add func(p *cluster.Partition)) {
		for i := range appends {
			if appends[i].waits {
				add(appends[i].at)
			}
		}
	})
}

// adminClientID is the client that Kafka lets write to internal topics.
const adminClientID = "__admin_client"

// response is what became of the batch.
func (a *appending) response(version int16) kmsg.ProduceResponseTopicPartition {
	r := kmsg.NewProduceResponseTopicPartition()
	r.Partition = a.partition
	if a.err == nil {
		r.BaseOffset, r.LogStartOffset, r.LogAppendTime = int64(a.appended.Base), int64(a.logStart), int64(a.appended.LogAppendTime)
		return r
	}
	r.BaseOffset, r.LogStartOffset, r.LogAppendTime = -1, int64(a.logStart), -1
	r.ErrorCode = codeOf(a.err)
	if b := (*batch.Error)(nil); errors.As(a.err, &b) && b.Frame {
		r.ErrorMessage = &b.Detail
	}
	if a.notAdded && r.ErrorCode == int16(kafka.InvalidTxnState) {
		r.ErrorMessage = kmsg.StringPtr("Partition was not added to the transaction")
	}
	if refused := (*plog.Error)(nil); errors.As(a.err, &refused) && len(refused.Records) > 0 {
		a.blame(&r, refused)
	}
	if version >= 10 && misled(*a) {
		r.CurrentLeader.LeaderID, r.CurrentLeader.LeaderEpoch = a.led.leader, int32(a.led.epoch)
	}
	return r
}

// blame says which records are at fault, in Kafka's words (KIP-467).
func (a *appending) blame(r *kmsg.ProduceResponseTopicPartition, refused *plog.Error) {
	var first []string
	for _, e := range refused.Records {
		text := e.Detail
		if text == plog.MissingKey {
			text += fmt.Sprintf(" in topic partition %s-%d", a.topic, a.partition)
		}
		if len(first) < 3 {
			first = append(first, fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", e.Index, text))
		}
		r.ErrorRecords = append(r.ErrorRecords, kmsg.ProduceResponseTopicPartitionErrorRecord{RelativeOffset: int32(e.Index), ErrorMessage: &text})
	}
	message := "One or more records have been rejected due to invalid timestamp"
	if refused.Code != kafka.InvalidTimestamp {
		message = fmt.Sprintf("One or more records have been rejected due to %d record errors in total, and only showing the first three errors at most: [%s]",
			len(refused.Records), strings.Join(first, ", "))
	}
	r.ErrorMessage = &message
}

// leaders are the addresses of the brokers to which the client should have turned.
func (c *call) leaders(core *cluster.Cluster, appends []appending) []kmsg.ProduceResponseBroker {
	var list []kmsg.ProduceResponseBroker
	for _, n := range c.nodes(core, func(id int32) bool {
		return slices.ContainsFunc(appends, func(a appending) bool { return misled(a) && a.led.leader == id })
	}) {
		list = append(list, kmsg.ProduceResponseBroker{NodeID: n.ID, Host: n.Host, Port: n.Port, Rack: nullable(n.Rack)})
	}
	return list
}
