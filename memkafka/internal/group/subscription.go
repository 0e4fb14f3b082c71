package group

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// protocolTypeConsumer is the protocol type whose metadata the coordinator understands.
const protocolTypeConsumer = "consumer"

// subscription is the topics that a group's members read, as far as the coordinator can tell.
type subscription struct {
	known  bool
	topics []string // sorted
}

// subscription reads the members' metadata. It is known for consumers alone.
func (c *classic) subscription() subscription {
	if c.protocolType != protocolTypeConsumer {
		return subscription{}
	}
	var topics []string
	for _, m := range c.members.list {
		ts, err := decodeSubscribedTopics(m.metadata(c.protocol))
		if err != nil {
			return subscription{}
		}
		topics = append(topics, ts...)
	}
	slices.Sort(topics)
	return subscription{known: true, topics: slices.Compact(topics)}
}

// subscribedTo reports whether a member may be reading topic.
func (c *classic) subscribedTo(topic string) bool {
	if !c.subscribed.known {
		return c.protocolType == protocolTypeConsumer
	}
	_, found := slices.BinarySearch(c.subscribed.topics, topic)
	return found
}

// consumerSubscription is what consumers tell the leader of a classic group (ConsumerProtocolSubscription).
type consumerSubscription struct {
	version int16
	topics  []string
	owned   []kafka.TopicPartition // from version 1 on
	rackID  string                 // from version 3 on
}

func decodeSubscription(metadata []byte) (consumerSubscription, error) {
	r := reader{b: metadata}
	s := consumerSubscription{version: r.int16(), topics: r.strings()}
	r.bytes() // user data
	if s.version >= 1 {
		s.owned = r.topicPartitions()
	}
	if s.version >= 2 {
		r.int32() // generation
	}
	if s.version >= 3 {
		s.rackID = r.string()
	}
	return s, r.err
}

// decodeSubscribedTopics reads the topics alone, which are in the same place in every version.
func decodeSubscribedTopics(metadata []byte) ([]string, error) {
	r := reader{b: metadata}
	r.int16()
	topics := r.strings()
	return topics, r.err
}

// encodeAssignment writes what the leader of a classic group tells consumers (ConsumerProtocolAssignment).
func encodeAssignment(version int16, partitions []kafka.TopicPartition) []byte {
	w := writer{}
	w.int16(version)
	topics := 0
	for i, tp := range partitions {
		if i == 0 || partitions[i-1].Topic != tp.Topic {
			topics++
		}
	}
	w.int32(int32(topics))
	for len(partitions) > 0 {
		topic := partitions[0].Topic
		n := 0
		for n < len(partitions) && partitions[n].Topic == topic {
			n++
		}
		w.string(topic)
		w.int32(int32(n))
		for _, tp := range partitions[:n] {
			w.int32(tp.Partition)
		}
		partitions = partitions[n:]
	}
	w.int32(-1) // no user data
	return w.b
}

// decodeAssignment reads what encodeAssignment writes. Nothing at all is no partitions: members that the leader forgot
// have that.
func decodeAssignment(assignment []byte) ([]kafka.TopicPartition, error) {
	if len(assignment) == 0 {
		return nil, nil
	}
	r := reader{b: assignment}
	r.int16() // version
	partitions := r.topicPartitions()
	return partitions, r.err
}

func (r *reader) strings() []string {
	list := make([]string, r.count())
	for i := range list {
		list[i] = r.string()
	}
	return list
}

func (r *reader) topicPartitions() []kafka.TopicPartition {
	var list []kafka.TopicPartition
	for range r.count() {
		topic := r.string()
		for range r.count() {
			list = append(list, kafka.TopicPartition{Topic: topic, Partition: r.int32()})
		}
	}
	return list
}
