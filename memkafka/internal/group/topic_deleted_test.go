package group

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
)

func TestADeletedTopicsOffsetsAreForgotten(t *testing.T) {
	g := New("g", DefaultConfig(), func(string) string { return "m" })
	a, b := kafka.TopicPartition{Topic: "a"}, kafka.TopicPartition{Topic: "b", Partition: 1}
	step := func(cmd Command) []Effect {
		t.Helper()
		effects, err := g.Step(1, cmd)
		if err != nil {
			t.Fatal(err)
		}
		return effects
	}
	step(Commit{Generation: -1, Offsets: []OffsetCommit{{TP: a, Offset: 3}, {TP: b, Offset: 4}}})
	tombstones := 0
	for _, e := range step(TopicDeleted{Topic: "a"}) {
		if s, ok := e.(AppendState); ok {
			for _, r := range s.Records {
				if diff := cmp.Diff(kafka.Record{Key: encodeOffsetKey("g", a), Timestamp: 1}, r); diff != "" {
					t.Errorf("record (-want +got):\n%s", diff)
				}
				tombstones++
			}
		}
	}
	if tombstones != 1 {
		t.Errorf("%d records were written, want one tombstone", tombstones)
	}
	if left := g.Offsets(); len(left) != 1 || left[0].TP != b {
		t.Errorf("offsets left: %v, want that of %v", left, b)
	}
}
