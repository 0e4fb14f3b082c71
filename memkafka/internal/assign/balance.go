package assign

import (
	"cmp"
	"slices"

	"github.com/gokasim/gokasim/internal/kafka"
)

// balance is an assignment that is being made as even as it can be, moving as little as it can.
type balance struct {
	members []Member
	topics  Topics
	names   []string         // topics with a subscriber, sorted
	takers  map[string][]int // subscribers by topic, as indexes into members
	wants   []map[string]bool
	claims  map[string][]claim   // by topic and partition
	has     []map[string][]int32 // what each member was given, by topic, in ascending order
	count   []int
}

// claim is the word of a member that it owns a partition: the member's index plus one, so that the zero value is nobody's.
type claim struct {
	member     int
	generation int32
	disputed   bool // by another member of the same generation
}

// claimant is the index of the member that owns the partition, as far as members agree about that.
func (b *balance) claimant(topic string, partition int32) (int, bool) {
	return b.claims[topic][partition].claimant()
}

func (c claim) claimant() (member int, claimed bool) {
	return c.member - 1, c.member > 0 && !c.disputed
}

func newBalance(members []Member, topics Topics) *balance {
	b := &balance{members: ordered(members), topics: topics, takers: map[string][]int{}, claims: make(map[string][]claim, len(topics))}
	b.names = subscribed(b.members, topics)
	b.has, b.count = make([]map[string][]int32, len(b.members)), make([]int, len(b.members))
	b.wants = make([]map[string]bool, len(b.members))
	for i, m := range b.members {
		b.has[i], b.wants[i] = map[string][]int32{}, map[string]bool{}
		for _, topic := range m.Topics {
			if _, exists := topics[topic]; exists && !b.wants[i][topic] {
				b.wants[i][topic] = true
				b.takers[topic] = append(b.takers[topic], i)
			}
		}
	}
	b.hearClaims()
	return b
}

// hearClaims finds who owns what of the topics that still exist.
func (b *balance) hearClaims() {
	for topic, partitions := range b.topics {
		b.claims[topic] = make([]claim, partitions)
	}
	for i, m := range b.members {
		for _, tp := range m.Owned {
			if tp.Partition < 0 || tp.Partition >= b.topics[tp.Topic] {
				continue
			}
			c := &b.claims[tp.Topic][tp.Partition]
			switch {
			case c.member == 0 || m.Generation > c.generation:
				*c = claim{member: i + 1, generation: m.Generation}
			case m.Generation == c.generation && c.member != i+1:
				c.disputed = true
			}
		}
	}
}

// A dealer gives the partitions that nobody keeps to the members that lack some, up to room partitions each.
type dealer func(b *balance, free []kafka.TopicPartition, room []int)

func (b *balance) solve(deal dealer) Assignment {
	if len(b.members) == 0 {
		return Assignment{}
	}
	if b.sameSubscriptions() {
		b.solveEven(deal)
	} else {
		b.solveUneven()
	}
	a := make(Assignment, len(b.members))
	for i, m := range b.members {
		given := make([]kafka.TopicPartition, 0, b.count[i])
		for _, topic := range b.names {
			for _, p := range b.has[i][topic] {
				given = append(given, kafka.TopicPartition{Topic: topic, Partition: p})
			}
		}
		a[m.ID] = given
	}
	return a.sort()
}

func (b *balance) sameSubscriptions() bool {
	for _, topic := range b.names {
		if len(b.takers[topic]) != len(b.members) {
			return false
		}
	}
	return true
}

// solveEven cuts members down to their quota and deals out what that sets free. Those that have more than the smaller
// quota are first in line for the larger one.
func (b *balance) solveEven(deal dealer) {
	total := 0
	for _, topic := range b.names {
		total += int(b.topics[topic])
	}
	quota, extras := total/len(b.members), total%len(b.members)
	room := make([]int, len(b.members))
	owned := make([]int, len(b.members))
	for _, topic := range b.names {
		for _, c := range b.claims[topic] {
			if owner, claimed := c.claimant(); claimed {
				owned[owner]++
			}
		}
	}
	for i := range room {
		room[i] = quota
		if owned[i] > quota && extras > 0 {
			room[i]++
			extras--
		}
	}
	for i := range room {
		if room[i] == quota && owned[i] <= quota && extras > 0 {
			room[i]++
			extras--
		}
	}
	var free []kafka.TopicPartition
	kept := make([][]int32, len(b.members)) // of one topic
	for _, topic := range b.names {
		for p, c := range b.claims[topic] {
			if owner, claimed := c.claimant(); claimed && room[owner] > 0 {
				room[owner]--
				kept[owner] = append(kept[owner], int32(p))
			} else {
				free = append(free, kafka.TopicPartition{Topic: topic, Partition: int32(p)})
			}
		}
		for i, list := range kept {
			if len(list) > 0 {
				b.has[i][topic] = list
				b.count[i] += len(list)
				kept[i] = nil
			}
		}
	}
	deal(b, free, room)
}

// dealOut gives one partition at a time, in turn.
func dealOut(b *balance, free []kafka.TopicPartition, room []int) {
	turn := 0
	for _, tp := range free {
		for room[turn] == 0 {
			turn = (turn + 1) % len(room)
		}
		room[turn]--
		b.give(turn, tp)
		turn = (turn + 1) % len(room)
	}
}

// fillUp gives each member all that it lacks, one member after the other.
func fillUp(b *balance, free []kafka.TopicPartition, room []int) {
	member := 0
	for _, tp := range free {
		for room[member] == 0 {
			member++
		}
		room[member]--
		b.give(member, tp)
	}
}

// solveUneven keeps every claim, gives the rest to whoever has least, and then moves partitions along chains of members
// until no chain leads from one member to another that has two fewer. Then no assignment is more even.
func (b *balance) solveUneven() {
	var free []kafka.TopicPartition
	for _, topic := range b.names {
		for p := range b.topics[topic] {
			tp := kafka.TopicPartition{Topic: topic, Partition: p}
			if owner, claimed := b.claimant(topic, p); claimed && b.wants[owner][topic] {
				b.give(owner, tp)
			} else {
				free = append(free, tp)
			}
		}
	}
	slices.SortStableFunc(free, func(x, y kafka.TopicPartition) int {
		return cmp.Compare(len(b.takers[x.Topic]), len(b.takers[y.Topic]))
	})
	for _, tp := range free {
		b.give(b.least(b.takers[tp.Topic]), tp)
	}
	closed := make([]bool, len(b.members)) // nothing can flow out of these any more, nor through them
	for {
		from := -1
		for i := range b.members {
			if !closed[i] && (from < 0 || b.count[i] > b.count[from]) {
				from = i
			}
		}
		if from < 0 {
			return
		}
		b.relieve(from, closed)
	}
}

// hop is a step of a chain: member gets a partition of topic from the member before it.
type hop struct {
	before int
	topic  string
}

// relieve moves one partition's worth of load from a member to the nearest one with two fewer, or closes all that can
// be reached from it: members whose load is that of from at most, and one fewer at least.
func (b *balance) relieve(from int, closed []bool) {
	reached := map[int]hop{from: {before: -1}}
	queue := []int{from}
	asked := map[string]bool{}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, topic := range b.names {
			if len(b.has[at][topic]) == 0 || asked[topic] {
				continue
			}
			asked[topic] = true
			for _, to := range b.takers[topic] {
				if _, been := reached[to]; been || closed[to] {
					continue
				}
				reached[to] = hop{before: at, topic: topic}
				if b.count[to] <= b.count[from]-2 {
					b.shift(to, reached)
					return
				}
				queue = append(queue, to)
			}
		}
	}
	for i := range reached {
		closed[i] = true
	}
}

// shift moves a partition along each hop of the chain that ends at to.
func (b *balance) shift(to int, reached map[int]hop) {
	for h := reached[to]; h.before >= 0; h = reached[to] {
		b.move(h.topic, h.before, to)
		to = h.before
	}
}

// move hands on the partition that is missed least: one that to owned before, else one that from did not own, else the
// last.
func (b *balance) move(topic string, from, to int) {
	best, bestRank := 0, -1
	for i, p := range b.has[from][topic] {
		rank := 0
		switch owner, claimed := b.claimant(topic, p); {
		case claimed && owner == to:
			rank = 2
		case !claimed || owner != from:
			rank = 1
		}
		if rank >= bestRank {
			best, bestRank = i, rank
		}
	}
	p := b.has[from][topic][best]
	b.has[from][topic] = slices.Delete(b.has[from][topic], best, best+1)
	b.count[from]--
	b.give(to, kafka.TopicPartition{Topic: topic, Partition: p})
}

func (b *balance) give(member int, tp kafka.TopicPartition) {
	b.has[member][tp.Topic] = append(b.has[member][tp.Topic], tp.Partition)
	b.count[member]++
}

func (b *balance) least(members []int) int {
	least := members[0]
	for _, i := range members {
		if b.count[i] < b.count[least] {
			least = i
		}
	}
	return least
}
