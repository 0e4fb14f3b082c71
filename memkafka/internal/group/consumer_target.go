package group

import (
	"maps"
	"slices"
	"strconv"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/assign"
)

// aim makes a target assignment for the group's epoch if there is none yet. Only members whose part changes get a
// record.
func (c *consumer) aim() {
	if c.epoch <= c.assignmentEpoch {
		return
	}
	members, topics := c.assignable()
	assigned := assign.Server()[c.assignorName()](members, topics)
	for _, m := range members {
		if before, had := c.target[m.ID]; had && c.same(before, assigned[m.ID]) {
			continue
		}
		target := make(parts, len(assigned[m.ID]))
		for _, tp := range assigned[m.ID] {
			target[part{c.topics[tp.Topic].ID, tp.Partition}] = 0
		}
		c.put(targetRecord{memberID: m.ID, target: target})
	}
	c.put(targetEpochRecord{epoch: c.epoch, at: c.now})
}

// same reports whether a target is an assignment.
func (c *consumer) same(target parts, assigned []kafka.TopicPartition) bool {
	if len(target) != len(assigned) {
		return false
	}
	var topic string
	var id TopicID
	for i, tp := range assigned {
		if i == 0 || tp.Topic != topic {
			topic, id = tp.Topic, c.topics[tp.Topic].ID
		}
		if _, there := target[part{id, tp.Partition}]; !there {
			return false
		}
	}
	return true
}

// assignable is the members as an assignor sees them, and the topics that they subscribe to. What a member owns is its
// part of the last target, since it is on its way there.
func (c *consumer) assignable() ([]assign.Member, assign.Topics) {
	var members []assign.Member
	topics := assign.Topics{}
	for _, m := range c.sorted() {
		am := assign.Member{ID: m.id, InstanceID: m.instanceID, Topics: c.subscribedTopics(m)}
		for _, topic := range am.Topics {
			if t, exists := c.topics[topic]; exists {
				topics[topic] = t.Partitions
			}
		}
		am.Owned = make([]kafka.TopicPartition, 0, len(c.target[m.id]))
		var id TopicID
		name, exists := "", false
		for p := range c.target[m.id] {
			if p.topic != id || name == "" {
				id = p.topic
				name, exists = c.topicName(id)
			}
			if exists {
				am.Owned = append(am.Owned, kafka.TopicPartition{Topic: name, Partition: p.partition})
			}
		}
		members = append(members, am)
	}
	return members, topics
}

// subscribedTopics is the topics that a member wants, by name or by expression, sorted.
func (c *consumer) subscribedTopics(m *consumerMember) []string {
	byRegex := c.regexes[m.regex].topics
	if m.regex == "" || len(byRegex) == 0 {
		return m.topics
	}
	all := append(slices.Clone(m.topics), byRegex...)
	slices.Sort(all)
	return slices.Compact(all)
}

// subscribes reports whether a member wants the topic with this id, and whether there is such a topic still.
func (c *consumer) subscribes(m *consumerMember, id TopicID) bool {
	name, exists := c.topicName(id)
	if !exists {
		return false
	}
	if _, found := slices.BinarySearch(m.topics, name); found {
		return true
	}
	return m.regex != "" && slices.Contains(c.regexes[m.regex].topics, name)
}

// assignorName is the assignor that most members ask for, the first of the broker's if none asks. Members that ask for
// nothing have no vote, and among equals the first by name wins.
func (c *consumer) assignorName() string {
	votes := map[string]int{}
	for _, m := range c.members {
		if m.assignor != "" {
			votes[m.assignor]++
		}
	}
	chosen := ""
	for _, name := range slices.Sorted(maps.Keys(votes)) {
		if votes[name] > votes[chosen] {
			chosen = name
		}
	}
	if chosen == "" {
		return c.cfg.assignors()[0]
	}
	return chosen
}

// bump moves the group to its next epoch if must says so, or if a topic that members want has changed. A new group is at
// epoch 1, which is left for members that wait for their first assignment: the first change makes it 2.
func (c *consumer) bump(must bool) {
	if !must && c.hashed == c.topicsVersion && c.epoch > 0 {
		return
	}
	c.hashed = c.topicsVersion
	hash, epoch := c.hashTopics(), max(c.epoch, 1)
	if must || hash != c.metadataHash {
		epoch++
	}
	if epoch != c.epoch {
		c.put(epochRecord{epoch: epoch, hash: hash})
	}
}

// hashTopics sums up those topics that members want: their names, ids and sizes.
func (c *consumer) hashTopics() int64 {
	wanted := map[string]bool{}
	for _, m := range c.members {
		for _, topic := range c.subscribedTopics(m) {
			wanted[topic] = true
		}
	}
	var words []string
	for _, topic := range slices.Sorted(maps.Keys(wanted)) {
		if t, exists := c.topics[topic]; exists {
			words = append(words, topic, string(t.ID[:]), strconv.Itoa(int(t.Partitions)))
		}
	}
	if len(words) == 0 {
		return 0
	}
	return hashOf(words...)
}
