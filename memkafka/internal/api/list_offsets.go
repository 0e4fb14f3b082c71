package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/batch"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// listOffsets is ListOffsets: offsets by time (KIP-79), from version 2 on under an isolation level (KIP-98), from 4 on with
// leader epochs (KIP-320), from 7 on the record with the largest timestamp (KIP-734). Versions 8, 9 and 11 ask about tiered
// storage (KIP-405, KIP-1005, KIP-1023), of which there is none, and 10 has a time-out for it (KIP-1075).
var listOffsets = serving(2, 1, 11, serveListOffsets)

// Times that ask about tiered storage.
const (
	earliestLocal         = -4
	latestTiered          = -5
	earliestPendingUpload = -6
)

func serveListOffsets(c *call, request *kmsg.ListOffsetsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ListOffsetsResponse)
	response.Topics = make([]kmsg.ListOffsetsResponseTopic, len(request.Topics))
	ok := c.do(func(core *cluster.Cluster, _ millis) {
		for i := range request.Topics {
			asked, t := &request.Topics[i], &response.Topics[i]
			t.Topic = asked.Topic
			twice := repeated(asked.Partitions)
			for j := range asked.Partitions {
				switch first, again := twice[asked.Partitions[j].Partition]; {
				case !again:
					t.Partitions = append(t.Partitions, c.listOffset(core, asked.Topic, &asked.Partitions[j], request.IsolationLevel == readCommitted))
				case first == j:
					r := kmsg.NewListOffsetsResponseTopicPartition()
					r.Partition, r.ErrorCode, r.Timestamp, r.Offset, r.LeaderEpoch = asked.Partitions[j].Partition, int16(kafka.InvalidRequest), -1, -1, -1
					t.Partitions = append(t.Partitions, r)
				}
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}

// repeated are the partitions that are asked for more than once, with the index of the first time.
func repeated(asked []kmsg.ListOffsetsRequestTopicPartition) map[int32]int {
	seen, twice := map[int32]int{}, map[int32]int{}
	for i := range asked {
		if first, again := seen[asked[i].Partition]; again {
			twice[asked[i].Partition] = first
		} else {
			seen[asked[i].Partition] = i
		}
	}
	return twice
}

// readCommitted is isolation.level=read_committed.
const readCommitted = 1

func (c *call) listOffset(core *cluster.Cluster, topic string, asked *kmsg.ListOffsetsRequestTopicPartition, committed bool) kmsg.ListOffsetsResponseTopicPartition {
	r := kmsg.NewListOffsetsResponseTopicPartition()
	r.Partition, r.Timestamp, r.Offset, r.LeaderEpoch = asked.Partition, -1, -1, -1
	t, code := c.named(core, false, topic, [16]byte{}, cluster.Describe)
	var p *cluster.Partition
	if t != nil {
		p, code = c.ledPartition(core, t, asked.Partition, asked.CurrentLeaderEpoch)
	}
	if code == kafka.None && asked.Timestamp < 0 && !c.knowsTime(asked.Timestamp) {
		code = kafka.UnsupportedVersion
	}
	if code != kafka.None {
		r.ErrorCode = int16(code)
		return r
	}
	at := asked.Timestamp
	switch at {
	case latestTiered, earliestPendingUpload:
		return r // nothing is, or will be, tiered
	case earliestLocal:
		at = int64(kafka.OffsetEarliest)
	}
	offset, timestamp, err := core.ListOffset(topic, asked.Partition, millis(at), committed)
	if err != nil {
		r.ErrorCode = codeOf(err)
		return r
	}
	r.Offset, r.Timestamp = int64(offset), int64(timestamp)
	// The record with the largest timestamp may be one before the log start, in a batch that reaches beyond it.
	if epoch := p.Log.EpochAt(max(offset, p.Log.LogStart())); offset >= 0 && epoch != batch.NoLeaderEpoch {
		r.LeaderEpoch = int32(epoch)
	}
	return r
}

// knowsTime reports whether a client of this version may ask for the offset that a negative time stands for.
func (c *call) knowsTime(at int64) bool {
	switch at {
	case int64(kafka.OffsetLatest), int64(kafka.OffsetEarliest):
		return true
	case int64(kafka.OffsetMaxTimestamp):
		return c.version >= 7
	case earliestLocal:
		return c.version >= 8
	case latestTiered:
		return c.version >= 9
	case earliestPendingUpload:
		return c.version >= 11
	default:
		return false
	}
}
