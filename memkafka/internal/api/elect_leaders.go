package api

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// electLeaders is ElectLeaders (KIP-183): preferred leaders, from version 1 on unclean ones too (KIP-460).
var electLeaders = serving(43, 0, 2, serveElectLeaders)

const electUnclean = 1

func serveElectLeaders(c *call, request *kmsg.ElectLeadersRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.ElectLeadersResponse)
	response.Topics = []kmsg.ElectLeadersResponseTopic{}
	if request.ElectionType != 0 && request.ElectionType != electUnclean {
		response.ErrorCode = int16(kafka.InvalidRequest)
		text := fmt.Sprintf("Unknown election type %d", request.ElectionType)
		for _, asked := range request.Topics {
			t := kmsg.ElectLeadersResponseTopic{Topic: asked.Topic}
			for _, partition := range asked.Partitions {
				t.Partitions = append(t.Partitions, kmsg.ElectLeadersResponseTopicPartition{Partition: partition, ErrorCode: response.ErrorCode, ErrorMessage: &text})
			}
			response.Topics = append(response.Topics, t)
		}
		return response
	}
	ok := c.do(func(core *cluster.Cluster, now millis) {
		if !c.mayCluster(core, cluster.Alter) {
			response.ErrorCode = int16(kafka.ClusterAuthorizationFailed)
			return
		}
		topics, everywhere := request.Topics, request.Topics == nil
		if everywhere {
			topics = allPartitions(core)
		}
		for _, asked := range topics {
			t := kmsg.ElectLeadersResponseTopic{Topic: asked.Topic}
			for _, partition := range asked.Partitions {
				err := core.ElectLeader(now, kafka.TopicPartition{Topic: asked.Topic, Partition: partition}, request.ElectionType == electUnclean)
				if everywhere && errors.Is(err, kafka.ElectionNotNeeded) {
					continue
				}
				r := kmsg.NewElectLeadersResponseTopicPartition()
				r.Partition, r.ErrorCode, r.ErrorMessage = partition, codeOf(err), messageOf(err)
				t.Partitions = append(t.Partitions, r)
			}
			response.Topics = append(response.Topics, t)
		}
	})
	if !ok {
		return nil
	}
	return response
}

func allPartitions(core *cluster.Cluster) []kmsg.ElectLeadersRequestTopic {
	var list []kmsg.ElectLeadersRequestTopic
	for _, name := range core.Topics() {
		t := kmsg.ElectLeadersRequestTopic{Topic: name}
		for i := range core.Topic(name).Partitions {
			t.Partitions = append(t.Partitions, int32(i))
		}
		list = append(list, t)
	}
	return list
}
