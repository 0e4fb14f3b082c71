package group

import "slices"

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

// decodeSubscribedTopics reads the topics of a consumer's metadata (ConsumerProtocolSubscription), whose first fields
// are the same in every version.
func decodeSubscribedTopics(metadata []byte) ([]string, error) {
	r := reader{b: metadata}
	r.int16() // version
	topics := make([]string, r.count())
	for i := range topics {
		topics[i] = r.string()
	}
	return topics, r.err
}
