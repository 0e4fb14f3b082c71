package assign

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gokasim/gokasim/internal/kafka"
)

// TestMain has rapid try 500 cases of each property, unless -rapid.checks says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("500"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var strategies = map[string]Strategy{
	"range": Range, "roundrobin": RoundRobin, "sticky": Sticky, "uniform": Uniform, "server range": ServerRange,
}

// drawGroup draws a group, with claims that an earlier generation might have left, contradictions included.
func drawGroup(t *rapid.T, uneven bool) ([]Member, Topics) {
	topics := Topics{}
	names := []string{"t", "u", "v"}[:rapid.IntRange(1, 3).Draw(t, "topics")]
	for _, name := range names {
		topics[name] = rapid.Int32Range(0, 7).Draw(t, name)
	}
	members := make([]Member, rapid.IntRange(1, 5).Draw(t, "members"))
	for i := range members {
		m := Member{ID: "m" + strconv.Itoa(i), Generation: rapid.Int32Range(1, 2).Draw(t, "generation"), Topics: names}
		if rapid.Bool().Draw(t, "static") {
			m.InstanceID = "i" + strconv.Itoa(len(members)-i)
		}
		if uneven {
			m.Topics = rapid.SliceOfDistinct(rapid.SampledFrom(append([]string{"ghost"}, names...)), rapid.ID).Draw(t, "subscription")
		}
		for range rapid.IntRange(0, 6).Draw(t, "owned") {
			m.Owned = append(m.Owned, kafka.TopicPartition{
				Topic:     rapid.SampledFrom(append([]string{"ghost"}, names...)).Draw(t, "topic"),
				Partition: rapid.Int32Range(0, 8).Draw(t, "partition"),
			})
		}
		members[i] = m
	}
	return members, topics
}

// check holds an assignment to what every assignor promises: each partition that somebody wants has one owner who
// wants it, and nothing else is given.
func check(t *rapid.T, members []Member, topics Topics, a Assignment) {
	owners := map[kafka.TopicPartition]string{}
	if len(a) != len(members) {
		t.Fatalf("%d entries for %d members", len(a), len(members))
	}
	for _, m := range members {
		if !slices.IsSortedFunc(a[m.ID], kafka.TopicPartition.Compare) {
			t.Fatalf("%s has %v, which is not sorted", m.ID, a[m.ID])
		}
		for _, tp := range a[m.ID] {
			if before, taken := owners[tp]; taken {
				t.Fatalf("%s is given to %s and %s", tp, before, m.ID)
			}
			if !slices.Contains(m.Topics, tp.Topic) || tp.Partition >= topics[tp.Topic] {
				t.Fatalf("%s is given %s, which it does not want or is not there", m.ID, tp)
			}
			owners[tp] = m.ID
		}
	}
	for _, topic := range subscribed(members, topics) {
		for p := range topics[topic] {
			tp := kafka.TopicPartition{Topic: topic, Partition: p}
			if owners[tp] == "" {
				t.Fatalf("nobody is given %s", tp)
			}
		}
	}
}

func TestEveryPartitionHasOneOwner(t *testing.T) {
	for name, strategy := range strategies {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				members, topics := drawGroup(t, true)
				a := strategy(members, topics)
				check(t, members, topics, a)
				shuffled := rapid.Permutation(members).Draw(t, "order")
				if diff := cmp.Diff(a, strategy(shuffled, topics)); diff != "" {
					t.Fatalf("the order of the members shows:\n%s", diff)
				}
			})
		})
	}
}

func TestMembersDifferByOne(t *testing.T) {
	for _, name := range []string{"roundrobin", "sticky", "uniform"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				members, topics := drawGroup(t, false)
				counts := loads(strategies[name](members, topics))
				if slices.Max(counts)-slices.Min(counts) > 1 {
					t.Fatalf("members have %v", counts)
				}
			})
		})
	}
}

func TestRangesDifferByOneTopicByTopic(t *testing.T) {
	for _, name := range []string{"range", "server range"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				members, topics := drawGroup(t, true)
				a := strategies[name](members, topics)
				for _, topic := range subscribed(members, topics) {
					var counts []int
					for _, m := range subscribers(members, topic) {
						counts = append(counts, len(ofTopic(a[m.ID], topic)))
					}
					if slices.Max(counts)-slices.Min(counts) > 1 {
						t.Fatalf("of %s members have %v", topic, counts)
					}
				}
			})
		})
	}
}

func ofTopic(partitions []kafka.TopicPartition, topic string) []int32 {
	var of []int32
	for _, tp := range partitions {
		if tp.Topic == topic {
			of = append(of, tp.Partition)
		}
	}
	return of
}

func TestRangesAreRangesAndGoTogether(t *testing.T) {
	for _, name := range []string{"range", "server range"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				members, topics := drawGroup(t, false)
				for i := range members {
					members[i].Owned = nil
				}
				topics["twin"] = topics["t"]
				for i := range members {
					members[i].Topics = append(slices.Clone(members[i].Topics), "twin")
				}
				a := strategies[name](members, topics)
				for _, m := range members {
					mine := ofTopic(a[m.ID], "t")
					if !slices.Equal(mine, ofTopic(a[m.ID], "twin")) {
						t.Fatalf("%s has %v of one topic and %v of its twin", m.ID, mine, ofTopic(a[m.ID], "twin"))
					}
					for i := 1; i < len(mine); i++ {
						if mine[i] != mine[i-1]+1 {
							t.Fatalf("%s has %v, which is no range", m.ID, mine)
						}
					}
				}
			})
		})
	}
}

// owning is the members after a round: they own what they were given.
func owning(members []Member, a Assignment) []Member {
	next := slices.Clone(members)
	for i := range next {
		next[i].Owned, next[i].Generation = a[next[i].ID], 7
	}
	return next
}

func TestWhatNeedNotMoveStays(t *testing.T) {
	for _, name := range []string{"sticky", "uniform", "server range"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				strategy := strategies[name]
				members, topics := drawGroup(t, rapid.Bool().Draw(t, "uneven"))
				a := strategy(members, topics)
				members = owning(members, a)
				if diff := cmp.Diff(a, strategy(members, topics)); diff != "" {
					t.Fatalf("nothing happened, and yet:\n%s", diff)
				}
				if len(members) == 1 {
					return
				}
				after := strategy(members[1:], topics)
				for _, m := range members[1:] {
					if name == "server range" {
						break // it evens out topic by topic, so that a leaver may cost others an extra one
					}
					for _, tp := range m.Owned {
						if sameTopics(members) && !slices.Contains(after[m.ID], tp) {
							t.Fatalf("%s leaves, and %s loses %s", members[0].ID, m.ID, tp)
						}
					}
				}
			})
		})
	}
}

func sameTopics(members []Member) bool {
	for _, m := range members {
		if !slices.Equal(m.Topics, members[0].Topics) {
			return false
		}
	}
	return true
}

// TestAsLittleMovesAsPossible compares with the most that any even assignment could keep.
func TestAsLittleMovesAsPossible(t *testing.T) {
	for _, name := range []string{"sticky", "uniform"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				before, topics := drawGroup(t, false)
				members := owning(before, strategies[name](before, topics))
				// Some leave and some come.
				members = members[rapid.IntRange(0, len(members)-1).Draw(t, "leave"):]
				for i := range rapid.IntRange(0, 3).Draw(t, "come") {
					members = append(members, Member{ID: "new" + strconv.Itoa(i), Topics: members[0].Topics})
				}
				total := 0
				for _, topic := range subscribed(members, topics) {
					total += int(topics[topic])
				}
				quota, extras := total/len(members), total%len(members)
				most := 0
				for _, m := range members {
					most += min(len(m.Owned), quota)
					if len(m.Owned) > quota && extras > 0 {
						extras--
						most++
					}
				}
				if got := kept(members, strategies[name](members, topics)); got != most {
					t.Fatalf("%d partitions stay, and %d could", got, most)
				}
			})
		})
	}
}

func kept(members []Member, a Assignment) int {
	n := 0
	for _, m := range members {
		for _, tp := range m.Owned {
			if slices.Contains(a[m.ID], tp) {
				n++
			}
		}
	}
	return n
}

// TestNoAssignmentIsMoreEven tries all assignments of small groups with different subscriptions.
func TestNoAssignmentIsMoreEven(t *testing.T) {
	for _, name := range []string{"sticky", "uniform"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				members, topics := drawGroup(t, true)
				for topic := range topics {
					topics[topic] = min(topics[topic], 2)
				}
				got := unevenness(loads(strategies[name](members, topics)))
				var partitions [][]int // who may have each
				for _, topic := range subscribed(members, topics) {
					for range topics[topic] {
						var takers []int
						for i, m := range members {
							if slices.Contains(m.Topics, topic) {
								takers = append(takers, i)
							}
						}
						partitions = append(partitions, takers)
					}
				}
				if best := tryAll(partitions, make([]int, len(members))); got != best {
					t.Fatalf("unevenness %d, possible is %d", got, best)
				}
			})
		})
	}
}

func tryAll(partitions [][]int, counts []int) int {
	if len(partitions) == 0 {
		return unevenness(counts)
	}
	best := -1
	for _, taker := range partitions[0] {
		counts[taker]++
		if u := tryAll(partitions[1:], counts); best < 0 || u < best {
			best = u
		}
		counts[taker]--
	}
	return best
}

func loads(a Assignment) []int {
	var counts []int
	for _, id := range slices.Sorted(maps.Keys(a)) {
		counts = append(counts, len(a[id]))
	}
	return counts
}

// unevenness is the sum of squares, which is least when loads are as even as can be.
func unevenness(counts []int) int {
	sum := 0
	for _, n := range counts {
		sum += n * n
	}
	return sum
}

// TestCooperativeRoundsNeverTakeAndGiveAtOnce plays rounds until nobody loses anything.
func TestCooperativeRoundsNeverTakeAndGiveAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, topics := drawGroup(t, rapid.Bool().Draw(t, "uneven"))
		members := owning(before, Sticky(before, topics))
		members = members[rapid.IntRange(0, len(members)-1).Draw(t, "leave"):]
		for i := range rapid.IntRange(0, 2).Draw(t, "come") {
			members = append(members, Member{ID: "new" + strconv.Itoa(i), Topics: members[0].Topics})
		}
		for round := 1; ; round++ {
			a := CooperativeSticky(members, topics)
			lost := false
			for _, m := range members {
				for _, tp := range m.Owned {
					lost = lost || !slices.Contains(a[m.ID], tp)
					for _, other := range members {
						if other.ID != m.ID && slices.Contains(a[other.ID], tp) {
							t.Fatalf("%s is given %s while %s has it", other.ID, tp, m.ID)
						}
					}
				}
			}
			members = owning(members, a)
			if !lost {
				check(t, members, topics, a)
				return
			}
			if round > 2 {
				t.Fatalf("still moving after %d rounds", round)
			}
		}
	})
}
