package goka_test

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/goka"
)

func TestH2_PlansAreCopartitionedAndSticky(t *testing.T) {
	s := goka.CopartitioningStrategy
	if s.Name() != "copartition" || goka.StrictCopartitioningStrategy.Name() != "copartition" {
		t.Error("another name on the wire")
	}
	topics := map[string][]int32{"a": {3, 1, 0, 2}, "b": {0, 1, 2, 3}}
	members := map[string]sarama.ConsumerGroupMemberMetadata{
		"x": {Topics: []string{"a", "b"}},
		"y": {Topics: []string{"a", "b"}},
	}
	plan, err := s.Plan(members, topics)
	if err != nil {
		t.Fatal(err)
	}
	want := sarama.BalanceStrategyPlan{"x": {"a": {0, 1}, "b": {0, 1}}, "y": {"a": {2, 3}, "b": {2, 3}}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("first plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int32{3, 1, 0, 2}, topics["a"]); diff != "" {
		t.Errorf("D49: the caller's topics have changed:\n%s", diff)
	}
	for id, own := range plan {
		data, err := s.AssignmentData(id, own, 1)
		if err != nil {
			t.Fatal(err)
		}
		members[id] = sarama.ConsumerGroupMemberMetadata{Topics: []string{"a", "b"}, UserData: data}
	}
	members["a first one"] = sarama.ConsumerGroupMemberMetadata{Topics: []string{"a", "b"}, UserData: []byte("of another library")}
	plan, err = s.Plan(members, topics)
	if err != nil {
		t.Fatal(err)
	}
	want = sarama.BalanceStrategyPlan{"x": {"a": {0, 1}, "b": {0, 1}}, "y": {"a": {2}, "b": {2}}, "a first one": {"a": {3}, "b": {3}}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("second plan (-want +got):\n%s", diff)
	}
}

func TestH2_MembersThatAskForDifferentTopics(t *testing.T) {
	topics := map[string][]int32{"a": {0, 1}, "b": {0, 1}}
	members := map[string]sarama.ConsumerGroupMemberMetadata{"x": {Topics: []string{"a"}}, "y": {Topics: []string{"a", "b"}}}
	plan, err := goka.CopartitioningStrategy.Plan(members, topics)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sarama.BalanceStrategyPlan{"x": {"a": {0}}, "y": {"a": {1}, "b": {1}}}, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = goka.StrictCopartitioningStrategy.Plan(members, topics)
	refused(t, err, "Error balancing. Not all members request the same list of topics. A group-name clash might be the reason: ")
	_, err = goka.CopartitioningStrategy.Plan(members, map[string][]int32{"a": {0, 1}, "b": {0}})
	refused(t, err, "Error balancing. Not all topics are copartitioned. ", `"a"`, `"b"`)
}

func TestD49_PlansLeaveTheCallersSlicesAlone(t *testing.T) {
	members := map[string]sarama.ConsumerGroupMemberMetadata{
		"a": {Topics: []string{"y", "x"}}, "b": {Topics: []string{"x", "y"}}, "idle": {},
	}
	topics := map[string][]int32{"x": {3, 1, 0, 2}, "y": {2, 3, 0, 1}}
	for _, strategy := range []sarama.BalanceStrategy{goka.CopartitioningStrategy, goka.StrictCopartitioningStrategy} {
		plan, err := strategy.Plan(members, topics)
		if err != nil {
			t.Fatal(err)
		}
		want := sarama.BalanceStrategyPlan{
			"a": {"x": {0, 1}, "y": {0, 1}},
			"b": {"x": {2, 3}, "y": {2, 3}},
		}
		if diff := cmp.Diff(want, plan); diff != "" {
			t.Errorf("the one that asks for nothing gets nothing, and leaves nothing unread (-want +got):\n%s", diff)
		}
	}
	if fmt.Sprint(topics["x"], topics["y"], members["a"].Topics) != "[3 1 0 2] [2 3 0 1] [y x]" {
		t.Errorf("the caller's slices are %v, %v", topics, members["a"].Topics)
	}
}
