package api

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/plog"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// fetch is Fetch: whole batches, one segment of each partition, at least one batch if there is one (KIP-74), and a wait
// for min.bytes. Version 4 has isolation levels (KIP-98), 7 sessions (KIP-227), 9 leader epochs (KIP-320), 11 racks
// (KIP-392), 12 tells where logs diverge (KIP-595), 13 has topic ids (KIP-516), 16 says who leads instead (KIP-951). Versions
// 15, 17 and 18 concern replicas, which do not fetch here. What precedes version 4 is gone since Kafka 4.0 (KIP-896).
var fetch = serving(1, 4, 18, serveFetch)

// maxFetchBytes is how much one answer may hold (fetch.max.bytes of brokers).
const maxFetchBytes = 55 << 20

func serveFetch(c *call, request *kmsg.FetchRequest) wire.Body {
	if request.ReplicaID >= 0 || request.ReplicaState.ID >= 0 {
		return newFetchAnswer(request).refused(kafka.ClusterAuthorizationFailed) // only brokers of the cluster replicate
	}
	var session *fetchSession
	var incremental bool
	if c.version >= 7 {
		var code kafka.ErrorCode
		if session, incremental, code = c.broker.sessions.begin(request, kafka.MillisOf(time.Now())); code != kafka.None {
			return newFetchAnswer(request).refused(code)
		}
	}
	f := fetching{call: c, request: request, answer: newFetchAnswer(request)}
	patience := time.Duration(request.MaxWaitMillis) * time.Millisecond
	if !c.await(patience, f.look, f.watched) {
		return nil
	}
	if c.chargeFetch(f.answer, f.size) {
		c.broker.sessions.throttled(session, f.answer, incremental)
		return f.answer
	}
	if session != nil {
		c.broker.sessions.answered(session, f.answer, incremental)
	}
	return f.answer
}

// fetching is a fetch that looks again until it finds enough.
type fetching struct {
	*call
	request *kmsg.FetchRequest
	answer  *fetchAnswer

	size   int  // of the batches found
	failed bool // a partition has an error, or something else that cannot wait
}

// look reports whether there are min.bytes, or something that cannot wait.
func (f *fetching) look(core *cluster.Cluster, _ millis, last bool) bool {
	f.read(core)
	enough := last || f.failed || f.size >= int(f.request.MinBytes)
	if enough && f.version >= 16 {
		f.answer.leaders = f.nodes(core, f.answer.leadBy)
	}
	return enough
}

// watched adds every partition that is asked for and is here.
func (f *fetching) watched(core *cluster.Cluster, add func(p *cluster.Partition)) {
	for i := range f.request.Topics {
		asked := &f.request.Topics[i]
		t, _ := topicNamed(core, f.version >= 13, asked.Topic, asked.TopicID)
		if t == nil {
			continue
		}
		for j := range asked.Partitions {
			if p := partitionOf(t, asked.Partitions[j].Partition); p != nil {
				add(p)
			}
		}
	}
}

// read fills the answer with what there is now.
func (f *fetching) read(core *cluster.Cluster) {
	f.size, f.failed = 0, false
	budget := min(int(f.request.MaxBytes), maxFetchBytes)
	if most := core.MostInWindow(f.user(), f.clientID); most >= 0 {
		budget = min(budget, most)
	}
	for i := range f.request.Topics {
		asked := &f.request.Topics[i]
		t, code := f.named(core, f.version >= 13, asked.Topic, asked.TopicID, cluster.Read)
		for j := range asked.Partitions {
			part := &f.answer.topics[i].partitions[j]
			if t == nil {
				part.fail(code)
				f.failed = true
				continue
			}
			f.readPartition(core, t, &asked.Partitions[j], part, budget-f.size)
			f.size += part.size
			f.failed = f.failed || part.code != kafka.None || part.diverging != nil
		}
	}
}

func (f *fetching) readPartition(core *cluster.Cluster, t *cluster.Topic, asked *kmsg.FetchRequestTopicPartition, part *fetchedPartition, budget int) {
	if code := f.faultOf(t.Name, asked.Partition); code != kafka.None {
		part.fail(code)
		return
	}
	p, code := f.ledPartition(core, t, asked.Partition, asked.CurrentLeaderEpoch)
	if code != kafka.None {
		part.fail(code)
		if f.version >= 16 && (code == kafka.NotLeaderOrFollower || code == kafka.FencedLeaderEpoch) {
			led := leadershipOf(p)
			part.leader = &led
		}
		return
	}
	if asked.LastFetchedEpoch >= 0 {
		epoch, end, ok := p.Log.EndOffsetForEpoch(kafka.Epoch(asked.LastFetchedEpoch))
		if !ok {
			part.fail(kafka.OffsetOutOfRange)
			return
		}
		if epoch < kafka.Epoch(asked.LastFetchedEpoch) || end < kafka.Offset(asked.FetchOffset) {
			part.found(plog.Fetched{LogStart: p.Log.LogStart(), LastStable: p.Log.LastStable(), HighWatermark: p.Log.HighWatermark()})
			part.diverging = &kmsg.FetchResponseTopicPartitionDivergingEpoch{Epoch: int32(epoch), EndOffset: int64(end)}
			return
		}
	}
	limit := min(int(asked.PartitionMaxBytes), budget)
	found, err := p.Log.Fetch(kafka.Offset(asked.FetchOffset), limit, f.request.IsolationLevel == readCommitted)
	if err != nil {
		part.fail(plog.CodeOf(err))
		return
	}
	// A first batch that is too large goes out only if nothing else does (KIP-74).
	if f.size > 0 && len(found.Batches) > 0 && found.Batches[0].Size() > limit {
		found.Batches, found.Bytes = nil, 0
	}
	part.found(found)
}
