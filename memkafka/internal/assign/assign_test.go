package assign

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
)

// member reads "id: topics; owned", as in "a: t u; t/0 t/1". An id may carry an instance id in brackets and a
// generation behind an @.
func member(t testing.TB, s string) Member {
	t.Helper()
	name, rest, _ := strings.Cut(s, ":")
	topics, owned, _ := strings.Cut(rest, ";")
	m := Member{Topics: strings.Fields(topics), Generation: 1}
	name, generation, dated := strings.Cut(name, "@")
	if dated {
		n, err := strconv.Atoi(generation)
		if err != nil {
			t.Fatal(err)
		}
		m.Generation = int32(n)
	}
	m.ID, m.InstanceID, _ = strings.Cut(strings.TrimSuffix(name, ")"), "(")
	for _, f := range strings.Fields(owned) {
		topic, partition, _ := strings.Cut(f, "/")
		p, err := strconv.Atoi(partition)
		if err != nil {
			t.Fatal(err)
		}
		m.Owned = append(m.Owned, kafka.TopicPartition{Topic: topic, Partition: int32(p)})
	}
	return m
}

func TestAssignors(t *testing.T) {
	for _, tt := range []struct {
		name     string
		strategy Strategy
		topics   Topics
		members  []string
		want     string
	}{
		{"nobody", Range, Topics{"t": 2}, nil, ""},
		{"nobody is sticky", Sticky, Topics{"t": 2}, nil, ""},
		{"no topics", Range, Topics{}, []string{"a: t", "b:"}, "a[] b[]"},

		{"range, even", Range, Topics{"t": 4}, []string{"a: t", "b: t"}, "a[t/0 t/1] b[t/2 t/3]"},
		{"range, the first get one more", Range, Topics{"t": 5}, []string{"a: t", "b: t", "c: t"}, "a[t/0 t/1] b[t/2 t/3] c[t/4]"},
		{"range, more members than partitions", Range, Topics{"t": 1}, []string{"b: t", "a: t"}, "a[t/0] b[]"},
		{"range, topics of one size go together", Range, Topics{"t": 3, "u": 3}, []string{"a: t u", "b: t u"}, "a[t/0 t/1 u/0 u/1] b[t/2 u/2]"},
		{"range, each topic among its subscribers", Range, Topics{"t": 3, "u": 2}, []string{"a: t", "b: t u", "c: u"}, "a[t/0 t/1] b[t/2 u/0] c[u/1]"},
		{"range, static members come first", Range, Topics{"t": 2}, []string{"a: t", "z(i): t"}, "z[t/0] a[t/1]"},
		{"range, a topic that does not exist", Range, Topics{"t": 1}, []string{"a: t ghost"}, "a[t/0]"},

		{"round robin", RoundRobin, Topics{"t": 3, "u": 2}, []string{"a: t u", "b: t u"}, "a[t/0 t/2 u/1] b[t/1 u/0]"},
		{"round robin passes over who does not subscribe", RoundRobin, Topics{"t": 1, "u": 2, "v": 3}, []string{"a: t", "b: t u", "c: t u v"}, "a[t/0] b[u/0] c[u/1 v/0 v/1 v/2]"},

		{"sticky from scratch deals out", Sticky, Topics{"t": 4, "u": 1}, []string{"a: t u", "b: t u"}, "a[t/0 t/2 u/0] b[t/1 t/3]"},
		{"sticky, one leaves", Sticky, Topics{"t": 4}, []string{"a: t; t/0 t/3", "b: t; t/1"}, "a[t/0 t/3] b[t/1 t/2]"},
		{"sticky, one comes", Sticky, Topics{"t": 4}, []string{"a: t; t/0 t/1 t/3", "b: t; t/2", "c: t"}, "a[t/0 t/1] b[t/2] c[t/3]"},
		{"sticky, partitions are added", Sticky, Topics{"t": 3}, []string{"a: t; t/1", "b: t; t/0"}, "a[t/1 t/2] b[t/0]"},
		{"sticky, what is gone is gone", Sticky, Topics{"t": 1}, []string{"a: t; t/7 ghost/0", "b: t; t/0"}, "a[] b[t/0]"},
		{"sticky, the later generation is believed", Sticky, Topics{"t": 2}, []string{"a@1: t; t/0 t/1", "b@2: t; t/0"}, "a[t/1] b[t/0]"},
		{"sticky, two claims in one generation cancel out", Sticky, Topics{"t": 2}, []string{"a: t; t/0", "b: t; t/0 t/1"}, "a[t/0] b[t/1]"},
		{"sticky, as even as subscriptions allow", Sticky, Topics{"t": 2, "u": 3}, []string{"a: t u; u/0 u/1 u/2", "b: t; t/0 t/1"}, "a[u/0 u/1 u/2] b[t/0 t/1]"},
		{"sticky, along a chain", Sticky, Topics{"t": 3, "u": 2, "v": 1}, []string{"a: t; t/0 t/1 t/2", "b: t u; u/0 u/1", "c: u v; v/0"}, "a[t/0 t/1] b[t/2 u/0] c[u/1 v/0]"},
		{"sticky, back to who had it", Sticky, Topics{"t": 4}, []string{"a@2: t; t/0 t/1 t/2 t/3", "b@1: t; t/1 t/2"}, "a[t/0 t/1] b[t/2 t/3]"},

		{"cooperative, nobody is given what another claims", CooperativeSticky, Topics{"t": 4}, []string{"a: t; t/0 t/1 t/2 t/3", "b: t"}, "a[t/0 t/1] b[]"},
		{"cooperative, what was let go is handed on", CooperativeSticky, Topics{"t": 4}, []string{"a: t; t/0 t/1", "b: t"}, "a[t/0 t/1] b[t/2 t/3]"},

		{"uniform from scratch fills up", Uniform, Topics{"t": 3, "u": 2}, []string{"a: t u", "b: t u"}, "a[t/0 t/1 t/2] b[u/0 u/1]"},
		{"uniform, one comes", Uniform, Topics{"t": 4}, []string{"a: t; t/0 t/1 t/2 t/3", "b: t"}, "a[t/0 t/1] b[t/2 t/3]"},
		{"uniform, uneven subscriptions", Uniform, Topics{"t": 2, "u": 2}, []string{"a: t u", "b: u"}, "a[t/0 t/1] b[u/0 u/1]"},

		{"server range from scratch", ServerRange, Topics{"t": 5, "u": 2}, []string{"a: t u", "b: t u"}, "a[t/0 t/1 t/2 u/0] b[t/3 t/4 u/1]"},
		{"server range, one comes", ServerRange, Topics{"t": 6}, []string{"a: t; t/0 t/1 t/2", "b: t; t/3 t/4 t/5", "c: t"}, "a[t/0 t/1] b[t/3 t/4] c[t/2 t/5]"},
		{"server range keeps the extra one where it is", ServerRange, Topics{"t": 3}, []string{"a: t; t/0", "b: t; t/1 t/2"}, "a[t/0] b[t/1 t/2]"},
		{"server range, one leaves", ServerRange, Topics{"t": 4}, []string{"a: t; t/0 t/1"}, "a[t/0 t/1 t/2 t/3]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var members []Member
			var parts []string
			for _, s := range tt.members {
				members = append(members, member(t, s))
			}
			got := tt.strategy(members, tt.topics)
			for _, m := range ordered(members) {
				parts = append(parts, fmt.Sprintf("%s%v", m.ID, got[m.ID]))
			}
			if diff := cmp.Diff(tt.want, strings.Join(parts, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheNamesOfAssignorsAreKafkas(t *testing.T) {
	for _, name := range []string{"range", "roundrobin", "sticky", "cooperative-sticky"} {
		if Client()[name] == nil {
			t.Errorf("no client assignor %q", name)
		}
	}
	for _, name := range []string{"uniform", "range"} {
		if Server()[name] == nil {
			t.Errorf("no server assignor %q", name)
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	topics := Topics{}
	var names []string
	for i := range 10 {
		name := "topic" + strconv.Itoa(i)
		topics[name], names = 100, append(names, name)
	}
	var members []Member
	for i := range 100 {
		members = append(members, Member{ID: "member" + strconv.Itoa(i), Topics: names})
	}
	for _, s := range []struct {
		name     string
		strategy Strategy
	}{{"range", Range}, {"roundrobin", RoundRobin}, {"sticky", Sticky}, {"uniform", Uniform}, {"serverrange", ServerRange}} {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.strategy(members, topics)
			}
		})
	}
	b.Run("uneven", func(b *testing.B) {
		uneven := make([]Member, len(members))
		for i, m := range members {
			uneven[i] = Member{ID: m.ID, Topics: names[i%5 : 5+i%6]}
		}
		b.ReportAllocs()
		for b.Loop() {
			Uniform(uneven, topics)
		}
	})
}
