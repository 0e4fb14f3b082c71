package group

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// TopicID is the id that a topic keeps for life and does not share with one of the same name created later (KIP-516).
type TopicID [16]byte

// Topic is what the coordinator has to know of a topic.
type Topic struct {
	ID         TopicID
	Partitions int32
}

// Topics is the topics that exist, by name, as far as the coordinator's metadata goes. Ids must be distinct.
type Topics map[string]Topic

// Metadata tells the group which topics there are, after it was made and whenever that has changed. Only KIP-848 groups
// look at it, and nothing moves before a member's next heartbeat. It has no reply. The group keeps the map, which must
// not be changed any more.
type Metadata struct{ Topics Topics }

func (Metadata) command() {}

func (c *core) learn(cmd Metadata) {
	c.topics, c.names = cmd.Topics, nil
	c.topicsVersion++
}

// topicName is the name of the topic with this id, if it exists still.
func (c *core) topicName(id TopicID) (string, bool) {
	if c.names == nil {
		c.names = make(map[TopicID]string, len(c.topics))
		for name, topic := range c.topics {
			c.names[topic.ID] = name
		}
	}
	name, exists := c.names[id]
	return name, exists
}

// TopicPartitions is partitions of one topic, as KIP-848 names them. The partitions are sorted in what a group answers.
type TopicPartitions struct {
	Topic      TopicID
	Partitions []int32
}

// part is one partition of one life of a topic.
type part struct {
	topic     TopicID
	partition int32
}

func (p part) compare(o part) int {
	if p.topic == o.topic {
		return cmp.Compare(p.partition, o.partition)
	}
	return bytes.Compare(p.topic[:], o.topic[:])
}

// parts is a set of partitions, each with the member epoch in which it was assigned (KIP-1251).
type parts map[part]int32

func (ps parts) sorted() []part {
	list := slices.AppendSeq(make([]part, 0, len(ps)), maps.Keys(ps))
	slices.SortFunc(list, part.compare)
	return list
}

// topicPartitions is the set by topic, sorted, never nil.
func (ps parts) topicPartitions() []TopicPartitions {
	list := []TopicPartitions{}
	for _, p := range ps.sorted() {
		if n := len(list); n == 0 || list[n-1].Topic != p.topic {
			list = append(list, TopicPartitions{Topic: p.topic})
		}
		last := &list[len(list)-1]
		last.Partitions = append(last.Partitions, p.partition)
	}
	return list
}

// holdsAll reports whether every partition of list is in the set.
func (ps parts) holdsAll(list []TopicPartitions) bool {
	return !anyPart(list, func(p part) bool { _, held := ps[p]; return !held })
}

// holdsAny reports whether a partition of list is in the set.
func (ps parts) holdsAny(list []TopicPartitions) bool {
	return anyPart(list, func(p part) bool { _, held := ps[p]; return held })
}

func anyPart(list []TopicPartitions, is func(part) bool) bool {
	for _, tp := range list {
		for _, p := range tp.Partitions {
			if is(part{tp.Topic, p}) {
				return true
			}
		}
	}
	return false
}
