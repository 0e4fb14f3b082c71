package assign

import (
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// Sticky balances as well as the subscriptions allow, and within that keeps as much as it can where it is (KIP-54). When
// all members subscribe to the same topics, they differ by one partition at most.
func Sticky(members []Member, topics Topics) Assignment {
	return newBalance(members, topics).solve(dealOut)
}

// CooperativeSticky is [Sticky] in two rounds (KIP-429): a partition that changes hands is given to nobody as long as
// its former owner claims it, so that members never have to stop. The members that lose something join again, and the
// round after that hands it on.
func CooperativeSticky(members []Member, topics Topics) Assignment {
	b := newBalance(members, topics)
	a := b.solve(dealOut)
	for id, partitions := range a {
		a[id] = slices.DeleteFunc(partitions, func(tp kafka.TopicPartition) bool {
			owner, claimed := b.claimant(tp.Topic, tp.Partition)
			return claimed && b.members[owner].ID != id
		})
	}
	return a
}

// Uniform is the broker's default assignor (KIP-848): all members get the same number of partitions, plus or minus one,
// as far as their subscriptions allow, and keep what they can.
func Uniform(members []Member, topics Topics) Assignment {
	return newBalance(members, topics).solve(fillUp)
}
