package copartition

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func partitions(n int) []int32 {
	ps := make([]int32, n)
	for i := range ps {
		ps[i] = int32(i)
	}
	return ps
}

func TestAGroupWithoutAPastGetsRanges(t *testing.T) {
	members := []Member{{ID: "c", Topics: []string{"t"}}, {ID: "a", Topics: []string{"t"}}, {ID: "b", Topics: []string{"t"}}}
	plan, err := Assign(members, map[string][]int32{"t": partitions(4)}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := Plan{"a": {"t": {0}}, "b": {"t": {1, 2}}, "c": {"t": {3}}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if members[0].ID != "c" {
		t.Error("the caller's members were sorted in place")
	}
}

func TestTopicsWithDifferentPartitionsAreRefused(t *testing.T) {
	_, err := Assign([]Member{{ID: "a", Topics: []string{"s", "t"}}}, map[string][]int32{"s": partitions(3), "t": partitions(2)}, false)
	if !errors.Is(err, ErrNotCopartitioned) {
		t.Errorf("got %v", err)
	}
}

func TestMembersWithDifferentTopics(t *testing.T) {
	members := []Member{{ID: "a", Topics: []string{"s"}}, {ID: "b", Topics: []string{"s", "t"}}, {ID: "c"}}
	topics := map[string][]int32{"s": partitions(2), "t": partitions(2)}
	if _, err := Assign(members, topics, true); !errors.Is(err, ErrDifferentTopics) {
		t.Errorf("strict: got %v", err)
	}
	plan, err := Assign(members, topics, false)
	if err != nil {
		t.Fatal(err)
	}
	want := Plan{"a": {"s": {0}}, "b": {"s": {1}, "t": {1}}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheLaterGenerationKeepsAPartition(t *testing.T) {
	members := []Member{
		{ID: "a", Topics: []string{"t"}, Owned: Owned{Generation: 3, Partitions: []int32{0, 1}}},
		{ID: "b", Topics: []string{"t"}, Owned: Owned{Generation: 4, Partitions: []int32{0, 2}}},
	}
	plan, err := Assign(members, map[string][]int32{"t": partitions(4)}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := Plan{"a": {"t": {1, 3}}, "b": {"t": {0, 2}}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOwnedSurvivesItsEncoding(t *testing.T) {
	for _, o := range []Owned{{}, {Generation: 7}, {Generation: -1, Partitions: []int32{0, 5, 1 << 30}}} {
		if diff := cmp.Diff(o, DecodeOwned(o.Encode())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for _, b := range [][]byte{nil, {}, {2, 0, 0, 0, 0}, {1, 0, 0, 0, 0, 9}, {1}} {
		if o := DecodeOwned(b); o.Partitions != nil || o.Generation != 0 {
			t.Errorf("%v decodes as %+v", b, o)
		}
	}
}

func FuzzDecodeOwned(f *testing.F) {
	f.Add(Owned{Generation: 1, Partitions: []int32{1, 2}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		o := DecodeOwned(b)
		if diff := cmp.Diff(o, DecodeOwned(o.Encode())); diff != "" {
			t.Error(diff)
		}
	})
}

// A group lives through members that come and go: each plan gives every partition to one member, evenly, and moves no
// more partitions than that takes.
func TestPlansAreEvenAndSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 24).Draw(t, "partitions")
		topics := map[string][]int32{"s": partitions(n), "t": partitions(n)}
		owned := map[string]Owned{}
		alive := []string{}
		for generation := range int32(rapid.IntRange(1, 8).Draw(t, "generations")) {
			for range rapid.IntRange(0, 3).Draw(t, "joining") {
				alive = append(alive, fmt.Sprintf("m%d-%d", len(alive), generation))
			}
			if len(alive) > 0 && rapid.Bool().Draw(t, "leaving") {
				i := rapid.IntRange(0, len(alive)-1).Draw(t, "who")
				alive = slices.Delete(alive, i, i+1)
			}
			slices.Sort(alive)
			alive = slices.Compact(alive)
			if len(alive) == 0 {
				continue
			}
			var members []Member
			for _, id := range alive {
				members = append(members, Member{ID: id, Topics: []string{"s", "t"}, Owned: owned[id]})
			}
			plan, err := Assign(members, topics, true)
			if err != nil {
				t.Fatal(err)
			}
			var all []int32
			stayed, couldStay, hadOwners := 0, 0, false
			for i, m := range members {
				own := plan[m.ID]["t"]
				all = append(all, own...)
				if len(own) < n/len(alive) || len(own) > (n+len(alive)-1)/len(alive) {
					t.Fatalf("%s has %d of %d partitions among %d", m.ID, len(own), n, len(alive))
				}
				if diff := cmp.Diff(own, plan[m.ID]["s"]); diff != "" {
					t.Fatalf("topics differ:\n%s", diff)
				}
				for _, p := range own {
					if slices.Contains(members[i].Owned.Partitions, p) {
						stayed++
					}
				}
				couldStay += min(len(members[i].Owned.Partitions), n/len(alive))
				hadOwners = hadOwners || len(m.Owned.Partitions) > 0
				owned[m.ID] = Owned{Generation: generation + 1, Partitions: own}
			}
			slices.Sort(all)
			if diff := cmp.Diff(partitions(n), all); diff != "" {
				t.Fatalf("partitions (-want +got):\n%s", diff)
			}
			if hadOwners && stayed < couldStay {
				t.Fatalf("%d partitions stayed, %d could have", stayed, couldStay)
			}
			for id := range owned {
				if !slices.Contains(alive, id) {
					delete(owned, id)
				}
			}
		}
	})
}
