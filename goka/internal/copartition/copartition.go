// Package copartition divides the partitions of copartitioned topics among the members of a group: who gets a
// partition gets it of every topic that it asked for, each member gets as many as any other (give or take one), and
// members keep what they had as far as that allows.
package copartition

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrNotCopartitioned reports topics with different partitions.
var ErrNotCopartitioned = errors.New("Error balancing. Not all topics are copartitioned")

// ErrDifferentTopics reports members that ask for different topics.
var ErrDifferentTopics = errors.New("Error balancing. Not all members request the same list of topics")

// Member is one member of the group, as it joined.
type Member struct {
	ID     string
	Topics []string
	Owned  Owned
}

// Owned is what a member had before, with the generation that gave it.
type Owned struct {
	Generation int32
	Partitions []int32
}

// Plan says which partitions of which topics go to which member. The partitions are sorted.
type Plan map[string]map[string][]int32

// Assign makes a plan for topics and their partitions. strict refuses members that ask for different topics, as they
// do in a rolling upgrade; otherwise a member without a topic leaves its partitions of that topic unread.
func Assign(members []Member, topics map[string][]int32, strict bool) (Plan, error) {
	partitions, err := common(topics)
	if err != nil {
		return nil, err
	}
	members = slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return len(m.Topics) == 0 })
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	if strict {
		if err := sameTopics(members); err != nil {
			return nil, err
		}
	}
	plan := make(Plan, len(members))
	for i, own := range divide(members, partitions) {
		m := members[i]
		plan[m.ID] = make(map[string][]int32, len(m.Topics))
		for _, topic := range m.Topics {
			if _, known := topics[topic]; known {
				plan[m.ID][topic] = own
			}
		}
	}
	return plan, nil
}

// common returns the partitions that all topics have, sorted.
func common(topics map[string][]int32) ([]int32, error) {
	var (
		first      string
		partitions []int32
	)
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		own := slices.Sorted(slices.Values(topics[topic]))
		switch {
		case first == "":
			first, partitions = topic, own
		case !slices.Equal(partitions, own):
			return nil, fmt.Errorf("%w. %q has the partitions %v and %q has %v", ErrNotCopartitioned, first, partitions, topic, own)
		}
	}
	return partitions, nil
}

func sameTopics(members []Member) error {
	for _, m := range members[min(1, len(members)):] {
		a, b := slices.Sorted(slices.Values(members[0].Topics)), slices.Sorted(slices.Values(m.Topics))
		if !slices.Equal(a, b) {
			return fmt.Errorf("%w. A group-name clash might be the reason: %q wants %q and %q wants %q",
				ErrDifferentTopics, members[0].ID, a, m.ID, b)
		}
	}
	return nil
}

// divide returns the partitions of each member.
func divide(members []Member, partitions []int32) [][]int32 {
	kept := keep(members, partitions)
	if kept == nil {
		return inRanges(len(members), partitions)
	}
	taken := make(map[int32]bool, len(partitions))
	for _, own := range kept {
		for _, p := range own {
			taken[p] = true
		}
	}
	free := slices.DeleteFunc(slices.Clone(partitions), func(p int32) bool { return taken[p] })
	quota := quotas(kept, len(partitions))
	for i := range kept {
		n := min(quota[i]-len(kept[i]), len(free))
		kept[i] = append(kept[i], free[:n]...)
		free = free[n:]
		slices.Sort(kept[i])
	}
	return kept
}

// inRanges gives member i the i-th stretch of partitions, as a group without a past gets them.
func inRanges(members int, partitions []int32) [][]int32 {
	own := make([][]int32, members)
	at := func(i int) int { // i*len/members, rounded half up
		return (2*i*len(partitions) + members) / (2 * members)
	}
	for i := range own {
		own[i] = partitions[at(i):at(i+1):at(i+1)]
	}
	return own
}

// keep returns what each member may keep: what it owned and nobody owned in a later generation, up to its quota. It is
// nil when nobody owned anything.
func keep(members []Member, partitions []int32) [][]int32 {
	type claim struct {
		member     int
		generation int32
	}
	claims := make(map[int32]claim)
	for i, m := range members {
		for _, p := range m.Owned.Partitions {
			if _, found := slices.BinarySearch(partitions, p); !found {
				continue
			}
			if c, claimed := claims[p]; !claimed || m.Owned.Generation > c.generation {
				claims[p] = claim{i, m.Owned.Generation}
			}
		}
	}
	if len(claims) == 0 {
		return nil
	}
	kept := make([][]int32, len(members))
	for _, p := range slices.Sorted(maps.Keys(claims)) {
		i := claims[p].member
		kept[i] = append(kept[i], p)
	}
	for i, quota := range quotas(kept, len(partitions)) {
		if len(kept[i]) > quota {
			kept[i] = kept[i][:quota]
		}
	}
	return kept
}

// quotas returns how many partitions each member is to have. Where they do not come out even, those with the most get
// one more than the others, so that the fewest move.
func quotas(kept [][]int32, partitions int) []int {
	order := make([]int, len(kept))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(kept[b]), len(kept[a])) })
	quota := make([]int, len(kept))
	for rank, i := range order {
		quota[i] = partitions / len(kept)
		if rank < partitions%len(kept) {
			quota[i]++
		}
	}
	return quota
}

// ownedVersion is the first byte of encoded ownership.
const ownedVersion = 1

// Encode turns ownership into the bytes that members hand to each other: a version byte, the generation, the
// partitions, all numbers as 4 bytes with the highest first.
func (o Owned) Encode() []byte {
	b := append(make([]byte, 0, 5+4*len(o.Partitions)), ownedVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(o.Generation))
	for _, p := range o.Partitions {
		b = binary.BigEndian.AppendUint32(b, uint32(p))
	}
	return b
}

// DecodeOwned reads what Encode wrote. Anything else, as members of other libraries send it, is no ownership.
func DecodeOwned(b []byte) Owned {
	if len(b) < 5 || b[0] != ownedVersion || len(b)%4 != 1 {
		return Owned{}
	}
	o := Owned{Generation: int32(binary.BigEndian.Uint32(b[1:]))}
	for b = b[5:]; len(b) > 0; b = b[4:] {
		o.Partitions = append(o.Partitions, int32(binary.BigEndian.Uint32(b)))
	}
	return o
}
