package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/txn"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// writeTxnMarkers is WriteTxnMarkers (KIP-98), as administrators use it on transactions that hang (KIP-664); the brokers here
// write their markers without it. Version 2 tells the transaction.version (KIP-1228).
var writeTxnMarkers = serving(27, 1, 2, serveWriteTxnMarkers)

func serveWriteTxnMarkers(c *call, request *kmsg.WriteTxnMarkersRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.WriteTxnMarkersResponse)
	response.Markers = make([]kmsg.WriteTxnMarkersResponseMarker, len(request.Markers))
	ok := c.do(func(core *cluster.Cluster, now millis) {
		for i := range request.Markers {
			asked, r := &request.Markers[i], &response.Markers[i]
			r.ProducerID = asked.ProducerID
			for _, t := range asked.Topics {
				topic := kmsg.WriteTxnMarkersResponseMarkerTopic{Topic: t.Topic}
				for _, p := range t.Partitions {
					topic.Partitions = append(topic.Partitions, kmsg.WriteTxnMarkersResponseMarkerTopicPartition{
						Partition: p, ErrorCode: c.writeMarker(core, now, asked, t.Topic, p),
					})
				}
				r.Topics = append(r.Topics, topic)
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}

func (c *call) writeMarker(core *cluster.Cluster, now millis, asked *kmsg.WriteTxnMarkersRequestMarker, topic string, partition int32) int16 {
	if !c.mayCluster(core, cluster.ClusterAction) && !c.mayCluster(core, cluster.Alter) {
		return int16(kafka.ClusterAuthorizationFailed)
	}
	t, code := topicNamed(core, false, topic, [16]byte{})
	var p *cluster.Partition
	if t != nil {
		p, code = c.ledPartition(core, t, partition, -1)
	}
	if code != kafka.None {
		return int16(code)
	}
	return codeOf(core.WriteTxnMarker(now, p, txn.WriteMarkers{
		Producer: txn.Producer{ID: asked.ProducerID, Epoch: asked.ProducerEpoch}, CoordinatorEpoch: asked.CoordinatorEpoch,
		Commit: asked.Committed, Version: int16(asked.TransactionVersion),
	}))
}
