package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// createTopics is CreateTopics (KIP-4): from version 4 on with the broker's defaults (KIP-464), from 5 on it tells the
// settings of what it made (KIP-525), from 7 on the topic id (KIP-516). Any broker takes it, as in KRaft.
var createTopics = serving(19, 2, 7, serveCreateTopics)

func serveCreateTopics(c *call, request *kmsg.CreateTopicsRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.CreateTopicsResponse)
	response.Topics = make([]kmsg.CreateTopicsResponseTopic, 0, len(request.Topics))
	named := map[string]int{}
	for i := range request.Topics {
		named[request.Topics[i].Topic]++
	}
	ok := c.do(func(core *cluster.Cluster, now millis) {
		tooMany := newPartitions(core, request, named) > maxNewPartitions
		for i := range request.Topics {
			asked := &request.Topics[i]
			switch n := named[asked.Topic]; {
			case n > 1: // all of them are refused, with one answer
				response.Topics = append(response.Topics, topicRefused(asked.Topic, invalidRequest("Duplicate topic name.")))
				named[asked.Topic] = 0
			case n == 1:
				if !c.mayCluster(core, cluster.Create) && c.mayTopic(core, cluster.Create, asked.Topic) != kafka.None {
					response.Topics = append(response.Topics, topicRefused(asked.Topic, kafka.TopicAuthorizationFailed))
					continue
				}
				if tooMany {
					response.Topics = append(response.Topics, topicRefused(asked.Topic, errTooManyPartitions))
					continue
				}
				response.Topics = append(response.Topics, c.createTopic(core, now, asked, request.ValidateOnly))
			}
		}
	})
	if !ok {
		return nil
	}
	return response
}

// maxNewPartitions is how many partitions one request can make.
const maxNewPartitions = 10_000

var errTooManyPartitions = &cluster.Error{Code: kafka.PolicyViolation, Detail: "Excessively large number of partitions per request."}

// newPartitions is how many partitions a request would make, all in all.
func newPartitions(core *cluster.Cluster, request *kmsg.CreateTopicsRequest, named map[string]int) (sum int) {
	for i := range request.Topics {
		t := &request.Topics[i]
		switch {
		case named[t.Topic] > 1:
		case len(t.ReplicaAssignment) > 0:
			sum += len(t.ReplicaAssignment)
		default:
			sum += max(0, int(core.PartitionsOf(cluster.TopicSpec{Partitions: t.NumPartitions})))
		}
	}
	return sum
}

func (c *call) createTopic(core *cluster.Cluster, now millis, asked *kmsg.CreateTopicsRequestTopic, validateOnly bool) kmsg.CreateTopicsResponseTopic {
	spec := cluster.TopicSpec{
		Name: asked.Topic, Partitions: asked.NumPartitions, Replication: asked.ReplicationFactor, ValidateOnly: validateOnly,
		Configs: map[string]string{},
	}
	if spec.Partitions == 0 {
		spec.Partitions = -2 // only -1 stands for the default here
	}
	if spec.Replication == 0 {
		spec.Replication = -2
	}
	for _, config := range asked.Configs {
		if config.Value == nil {
			return topicRefused(asked.Topic, &cluster.Error{Code: kafka.InvalidConfig, Detail: "Null value not supported for topic configs: " + config.Name})
		}
		spec.Configs[config.Name] = *config.Value
	}
	if len(asked.ReplicaAssignment) > 0 {
		for _, given := range []struct {
			what string
			n    int32
		}{{"replication factor", int32(asked.ReplicationFactor)}, {"numPartitions", asked.NumPartitions}} {
			if given.n != -1 {
				return topicRefused(asked.Topic, invalidRequest("A manual partition assignment was specified, but "+given.what+" was not set to -1."))
			}
		}
		var err error
		if spec.Assignment, err = assignmentOf(asked.ReplicaAssignment); err != nil {
			return topicRefused(asked.Topic, err)
		}
	}
	check := spec
	check.ValidateOnly = true
	if _, err := core.CreateTopic(check); err != nil {
		return topicRefused(asked.Topic, err)
	}
	if !validateOnly {
		if err := c.spend(core, now, int(core.PartitionsOf(spec)), c.version >= 6); err != nil {
			return topicRefused(asked.Topic, err)
		}
	}
	t, err := core.CreateTopic(spec)
	if err != nil {
		return topicRefused(asked.Topic, err)
	}
	r := kmsg.NewCreateTopicsResponseTopic()
	r.Topic, r.TopicID, r.ReplicationFactor = t.Name, t.ID, t.Replication
	r.NumPartitions = int32(len(t.Partitions))
	if validateOnly {
		r.NumPartitions = core.PartitionsOf(spec)
	}
	for _, e := range core.DescribeConfigsOf(t) {
		r.Configs = append(r.Configs, kmsg.CreateTopicsResponseTopicConfig{Name: e.Name, Value: &e.Value, Source: int8(e.Source)})
	}
	return r
}

// assignmentOf puts an assignment by hand in the order of the partitions, which have to be 0 and those that follow.
func assignmentOf(given []kmsg.CreateTopicsRequestTopicReplicaAssignment) ([][]int32, error) {
	list := make([][]int32, len(given))
	for _, a := range given {
		if a.Partition < 0 || int(a.Partition) >= len(list) {
			return nil, &cluster.Error{Code: kafka.InvalidReplicaAssignment, Detail: "partitions should be a consecutive 0-based integer sequence"}
		}
		if list[a.Partition] != nil {
			return nil, &cluster.Error{Code: kafka.InvalidReplicaAssignment, Detail: fmt.Sprintf("Found multiple manual partition assignments for partition %d", a.Partition)}
		}
		list[a.Partition] = append([]int32{}, a.Replicas...)
	}
	return list, nil
}

func topicRefused(name string, err error) kmsg.CreateTopicsResponseTopic {
	r := kmsg.NewCreateTopicsResponseTopic()
	r.Topic, r.NumPartitions, r.ReplicationFactor = name, -1, -1
	r.ErrorCode, r.ErrorMessage = codeOf(err), messageOf(err)
	r.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
	return r
}

func invalidRequest(detail string) error {
	return &cluster.Error{Code: kafka.InvalidRequest, Detail: detail}
}
