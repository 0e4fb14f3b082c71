package assign

import "slices"

// Range gives each subscriber of a topic a run of neighbouring partitions, topic by topic; the first ones get one more
// where it does not come out even. Partitions of the same number in topics of one size go together (Kafka's
// RangeAssignor).
func Range(members []Member, topics Topics) Assignment {
	members = ordered(members)
	a := empty(members)
	for _, topic := range subscribed(members, topics) {
		takers := subscribers(members, topic)
		partitions, takersLeft := topics[topic], int32(len(takers))
		next := int32(0)
		for _, m := range takers {
			n := (partitions - next + takersLeft - 1) / takersLeft
			for range n {
				a.give(m.ID, topic, next)
				next++
			}
			takersLeft--
		}
	}
	return a.sort()
}

// RoundRobin deals the partitions of all topics to the members in turn, passing over those that do not subscribe
// (Kafka's RoundRobinAssignor).
func RoundRobin(members []Member, topics Topics) Assignment {
	members = ordered(members)
	a := empty(members)
	turn := 0
	for _, topic := range subscribed(members, topics) {
		wants := make([]bool, len(members))
		for i, m := range members {
			wants[i] = slices.Contains(m.Topics, topic)
		}
		for p := range topics[topic] {
			for !wants[turn] {
				turn = (turn + 1) % len(members)
			}
			a.give(members[turn].ID, topic, p)
			turn = (turn + 1) % len(members)
		}
	}
	return a.sort()
}

// ServerRange is the broker's range assignor (KIP-848): every subscriber of a topic gets its share of that topic, keeps
// of what it owned as much as its share allows, lowest numbers first, and runs of what is left fill the others up. From
// scratch it gives what [Range] gives.
func ServerRange(members []Member, topics Topics) Assignment {
	members = ordered(members)
	a := empty(members)
	for _, topic := range subscribed(members, topics) {
		shareOut(a, topic, topics[topic], subscribers(members, topic))
	}
	return a.sort()
}

func shareOut(a Assignment, topic string, partitions int32, takers []Member) {
	share, extras := int(partitions)/len(takers), int(partitions)%len(takers)
	taken := make([]bool, partitions)
	lacking := make([]int, len(takers))
	for i, m := range takers {
		owned := ownedOf(m, topic, partitions, taken)
		keep := min(len(owned), share)
		if len(owned) > share && extras > 0 {
			keep++
			extras--
		}
		for _, p := range owned[:keep] {
			taken[p] = true
			a.give(m.ID, topic, p)
		}
		lacking[i] = share - keep
	}
	next := int32(0)
	for i, m := range takers {
		if lacking[i] >= 0 && extras > 0 {
			lacking[i]++
			extras--
		}
		for lacking[i] > 0 {
			if !taken[next] {
				a.give(m.ID, topic, next)
				lacking[i]--
			}
			next++
		}
	}
}

// ownedOf is the partitions of topic that m owns and nobody has been given, sorted.
func ownedOf(m Member, topic string, partitions int32, taken []bool) []int32 {
	mine := make([]bool, partitions)
	for _, tp := range m.Owned {
		if tp.Topic == topic && tp.Partition >= 0 && tp.Partition < partitions && !taken[tp.Partition] {
			mine[tp.Partition] = true
		}
	}
	var owned []int32
	for p, is := range mine {
		if is {
			owned = append(owned, int32(p))
		}
	}
	return owned
}
