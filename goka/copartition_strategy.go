package goka

import (
	"cmp"
	"slices"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka/internal/copartition"
)

// CopartitioningStrategy assigns the partitions of all topics of a group alike, evenly, and moves as few as possible
// from one generation to the next. Members that ask for different topics are tolerated, as they occur while a group is
// upgraded: partitions that nobody asks for are not read.
var CopartitioningStrategy = new(copartitioningStrategy)

// StrictCopartitioningStrategy is CopartitioningStrategy, and refuses members that ask for different topics.
var StrictCopartitioningStrategy = &copartitioningStrategy{strict: true}

type copartitioningStrategy struct{ strict bool }

// Name is the strategy's name among a group's members.
func (s *copartitioningStrategy) Name() string { return "copartition" }

// Plan divides the partitions among the members.
func (s *copartitioningStrategy) Plan(members map[string]sarama.ConsumerGroupMemberMetadata, topics map[string][]int32) (sarama.BalanceStrategyPlan, error) {
	joined := make([]copartition.Member, 0, len(members))
	for id, meta := range members {
		joined = append(joined, copartition.Member{ID: id, Topics: meta.Topics, Owned: copartition.DecodeOwned(meta.UserData)})
	}
	slices.SortFunc(joined, func(a, b copartition.Member) int { return cmp.Compare(a.ID, b.ID) })
	plan, err := copartition.Assign(joined, topics, s.strict)
	if err != nil {
		return nil, err
	}
	return sarama.BalanceStrategyPlan(plan), nil
}

// AssignmentData is what a member gets with its assignment, and tells at the next join: what it owns.
func (s *copartitioningStrategy) AssignmentData(memberID string, topics map[string][]int32, generationID int32) ([]byte, error) {
	owned := copartition.Owned{Generation: generationID}
	for _, partitions := range topics {
		owned.Partitions = append(owned.Partitions, partitions...)
	}
	slices.Sort(owned.Partitions)
	owned.Partitions = slices.Compact(owned.Partitions)
	return owned.Encode(), nil
}
