package beginning

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts Facts
		want  int64
		why   Reason
	}{
		{"within", Facts{Committed: 5, Oldest: 2, Newest: 9}, None, Fine},
		{"at the end", Facts{Committed: 9, Newest: 9}, None, Fine},
		{"nothing, newest", Facts{Committed: None, Newest: 9, Initial: Newest}, 9, FirstTime},
		{"nothing, oldest", Facts{Committed: None, Newest: 9, Initial: Oldest}, None, Fine},
		{"nothing, a loop", Facts{Committed: None, Oldest: 3, Newest: 9, Initial: First}, 3, FirstTime},
		{"nothing, who knows", Facts{Committed: None, Newest: 9}, None, Fine},
		{"another topic", Facts{Committed: 5, CommittedOf: "a", TopicID: "b", Oldest: 1, Newest: 9}, 1, Recreated},
		{"another topic of the same end", Facts{Committed: 9, CommittedOf: "a", TopicID: "b", Newest: 9}, 0, Recreated},
		{"beyond the end", Facts{Committed: 100, Newest: 9, TopicID: "b"}, 0, Recreated},
		{"beyond the end of the same topic", Facts{Committed: 100, CommittedOf: "b", TopicID: "b", Newest: 9}, 9, Truncated},
		{"beyond the end, without ids", Facts{Committed: 100, Oldest: 4, Newest: 9}, 4, Recreated},
		{"below the beginning", Facts{Committed: 2, CommittedOf: "b", TopicID: "b", Oldest: 4, Newest: 9}, 4, Expired},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, why := Decide(c.facts); got != c.want || why != c.why {
				t.Errorf("got %d, %q, want %d, %q", got, why, c.want, c.why)
			}
		})
	}
}

// A group never skips a record that it may not have read, and never waits for offsets that come to nothing.
func TestDecideAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{
			Committed:   rapid.Int64Range(-1, 20).Draw(t, "committed"),
			CommittedOf: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "committed of"),
			TopicID:     rapid.SampledFrom([]string{"", "b"}).Draw(t, "topic"),
			Oldest:      rapid.Int64Range(0, 10).Draw(t, "oldest"),
			Initial:     Initial(rapid.IntRange(0, 3).Draw(t, "initial")),
		}
		f.Newest = f.Oldest + rapid.Int64Range(0, 10).Draw(t, "records")
		at, _ := Decide(f)
		if at == None {
			at = f.Committed
		}
		if at < 0 {
			return // the consumer begins by itself
		}
		if at < f.Oldest || at > f.Newest {
			t.Fatalf("begins at %d, outside of the partition: %+v", at, f)
		}
		read := int64(0) // what of this topic was surely read
		if f.Committed >= 0 && (f.CommittedOf == "" || f.TopicID == "" || f.CommittedOf == f.TopicID) && f.Committed <= f.Newest {
			read = f.Committed
		}
		if f.Committed >= 0 && f.CommittedOf == f.TopicID && f.TopicID != "" {
			read = f.Committed
		}
		if f.Committed >= 0 && at > max(read, f.Oldest) {
			t.Fatalf("begins at %d and skips records from %d on: %+v", at, read, f)
		}
	})
}
