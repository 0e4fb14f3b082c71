package api

import (
	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
)

// topicNamed is the topic that a request names, by name or, in later versions, by id (KIP-516). The code tells why there
// is none.
func topicNamed(core *cluster.Cluster, byID bool, name string, id [16]byte) (*cluster.Topic, kafka.ErrorCode) {
	if byID {
		if t := core.TopicByID(id); t != nil {
			return t, kafka.None
		}
		return nil, kafka.UnknownTopicID
	}
	if t := core.Topic(name); t != nil {
		return t, kafka.None
	}
	return nil, kafka.UnknownTopicOrPartition
}

// named is the topic that a request names, if the client may do op with it. The code tells why there is none.
func (c *call) named(core *cluster.Cluster, byID bool, name string, id [16]byte, op cluster.Operation) (*cluster.Topic, kafka.ErrorCode) {
	t, code := topicNamed(core, byID, name, id)
	if t != nil {
		name = t.Name
	}
	if t != nil || !byID {
		if denied := c.mayTopic(core, op, name); denied != kafka.None {
			return nil, denied
		}
	}
	return t, code
}

// partitionOf is a partition of a topic, nil when there is none with this number.
func partitionOf(t *cluster.Topic, partition int32) *cluster.Partition {
	if partition < 0 || int(partition) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[partition]
}

// ledPartition is a partition of t that this broker leads. Epoch is the leader epoch that the client knows, negative for
// none (KIP-320). The code tells why there is none; the partition is returned all the same if it exists.
func (c *call) ledPartition(core *cluster.Cluster, t *cluster.Topic, partition, epoch int32) (*cluster.Partition, kafka.ErrorCode) {
	p := partitionOf(t, partition)
	if p == nil {
		return nil, kafka.UnknownTopicOrPartition
	}
	return p, kafka.ErrorCode(codeOf(core.CheckLeader(p, c.broker.id, kafka.Epoch(max(epoch, -1)))))
}

// nodes are the live brokers that wanted says yes to, with their addresses as this client reaches them.
func (c *call) nodes(core *cluster.Cluster, wanted func(id int32) bool) []Node {
	var list []Node
	for _, n := range c.broker.directory.Nodes(c.listener) {
		if core.Alive(n.ID) && wanted(n.ID) {
			list = append(list, n)
		}
	}
	return list
}

// all wants every node.
func all(int32) bool { return true }
