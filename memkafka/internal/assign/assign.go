// Package assign divides the partitions of topics among the members of a group, by the rules of Kafka's assignors.
//
// All of them are pure functions of the members and the topics: the order in which members are given does not matter,
// and the same question has the same answer.
package assign

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Topics is the number of partitions of each topic there is. Members may subscribe to topics that are not in it; those
// have no partitions.
type Topics map[string]int32

// Member is one member of a group, as an assignor sees it.
type Member struct {
	ID         string
	InstanceID string   // group.instance.id; empty for a dynamic member
	Topics     []string // that it subscribes to, in any order
	// Owned is what it works on at present, for those assignors that keep what stays, and Generation the group's
	// generation in which it was given that. Where two members claim a partition the later generation is believed,
	// and nobody if both claim the same one.
	Owned      []kafka.TopicPartition
	Generation int32
}

// Assignment is what each member works on, by member id. Every member has an entry, perhaps an empty one; partitions
// are sorted.
type Assignment map[string][]kafka.TopicPartition

// Strategy is the shape of every assignor of this package.
type Strategy func(members []Member, topics Topics) Assignment

// Client holds the assignors that run in the leader of a classic group, by the names that Kafka's own consumer
// gives them (partition.assignment.strategy).
func Client() map[string]Strategy {
	return map[string]Strategy{
		"range": Range, "roundrobin": RoundRobin, "sticky": Sticky, "cooperative-sticky": CooperativeSticky,
	}
}

// Server holds the assignors that run in the broker for KIP-848 groups, by the names that group.consumer.assignors
// gives them.
func Server() map[string]Strategy {
	return map[string]Strategy{"uniform": Uniform, "range": ServerRange}
}

// ordered is the members in the order in which assignors serve them: static ones first, by instance id, so that a
// member that comes back under another id has the place it had, then dynamic ones by id.
func ordered(members []Member) []Member {
	list := slices.Clone(members)
	slices.SortFunc(list, func(a, b Member) int {
		switch {
		case a.InstanceID != "" && b.InstanceID == "":
			return -1
		case a.InstanceID == "" && b.InstanceID != "":
			return 1
		}
		return cmp.Or(strings.Compare(a.InstanceID, b.InstanceID), strings.Compare(a.ID, b.ID))
	})
	return list
}

// subscribed is the topics that exist and have a subscriber, sorted.
func subscribed(members []Member, topics Topics) []string {
	found := map[string]bool{}
	for _, m := range members {
		for _, topic := range m.Topics {
			if _, exists := topics[topic]; exists {
				found[topic] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// subscribers is the members that subscribe to topic, in the order of members.
func subscribers(members []Member, topic string) []Member {
	var list []Member
	for _, m := range members {
		if slices.Contains(m.Topics, topic) {
			list = append(list, m)
		}
	}
	return list
}

// empty is an assignment with an entry for every member.
func empty(members []Member) Assignment {
	a := make(Assignment, len(members))
	for _, m := range members {
		a[m.ID] = []kafka.TopicPartition{}
	}
	return a
}

func (a Assignment) give(member string, topic string, partition int32) {
	a[member] = append(a[member], kafka.TopicPartition{Topic: topic, Partition: partition})
}

// sort brings an assignment into the order that is promised.
func (a Assignment) sort() Assignment {
	for _, partitions := range a {
		if !slices.IsSortedFunc(partitions, kafka.TopicPartition.Compare) {
			slices.SortFunc(partitions, kafka.TopicPartition.Compare)
		}
	}
	return a
}
