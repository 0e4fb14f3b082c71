package soak

import (
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// partitions is how many each topic has.
const partitions = 8

// row is what the tables have for a key: which of its records were handled, whatever their number of deliveries.
type row struct {
	Handled int64      // deliveries
	Seen    [][2]int64 // ranges of the numbers of the records, [from, to)
	Joined  int64      `json:",omitempty"` // the last version of the joined row
	Back    int64      `json:",omitempty"` // how often the joined row was older than before, or missing
}

// add notes the delivery of record n.
func (r *row) add(n int64) {
	r.Handled++
	r.Seen = addTo(r.Seen, n)
}

// addTo returns ranges, sorted and apart from each other, with n.
func addTo(ranges [][2]int64, n int64) [][2]int64 {
	i, _ := slices.BinarySearchFunc(ranges, n, func(r [2]int64, n int64) int {
		switch {
		case r[1] < n:
			return -1
		case r[0] > n+1:
			return 1
		default:
			return 0
		}
	})
	if i == len(ranges) || ranges[i][0] > n+1 {
		return slices.Insert(ranges, i, [2]int64{n, n + 1})
	}
	r := &ranges[i] // n is in it, or next to it
	r[0], r[1] = min(r[0], n), max(r[1], n+1)
	if i+1 < len(ranges) && ranges[i+1][0] <= r[1] {
		r[1] = max(r[1], ranges[i+1][1])
		ranges = slices.Delete(ranges, i+1, i+2)
	}
	return ranges
}

// names are those of one soak; others may have run on the same brokers.
type names struct{ prefix string }

func (n names) input() goka.Stream           { return goka.Stream(n.prefix + "in") }
func (n names) rekeyed() goka.Stream         { return goka.Stream(n.prefix + "by") }
func (n names) joined() goka.Table           { return goka.Table(n.prefix + "ref") }
func (n names) group(name string) goka.Group { return goka.Group(n.prefix + name) }
func (n names) table(name string) goka.Table { return goka.GroupTable(n.group(name)) }
func (n names) loop() string                 { return string(n.group("loop")) + "-loop" }

// reads are the topics whose messages a group handles.
func (n names) reads(group string) []goka.Stream {
	switch group {
	case "rekey":
		return []goka.Stream{n.rekeyed()}
	case "loop":
		return []goka.Stream{n.input(), goka.Stream(n.loop())}
	default:
		return []goka.Stream{n.input()}
	}
}

// groupNames are the groups, each of which has a table. tableKey tells the key under which they have an input's row.
var groupNames = []string{"count", "rekey", "join", "loop"}

func tableKey(group, key string) string {
	switch group {
	case "rekey":
		return "by-" + key
	case "loop":
		return "looped-" + key
	default:
		return key
	}
}

// graphs are those of all groups.
func (n names) graphs() []*goka.GroupGraph {
	numbers, rows := new(codec.Int64), new(codec.JSON[row])
	count := func(ctx goka.Context, msg any) {
		r, _ := ctx.Value().(row)
		r.add(msg.(int64))
		ctx.SetValue(r)
	}
	return []*goka.GroupGraph{
		goka.DefineGroup(n.group("count"), goka.Persist(rows), goka.Output(n.rekeyed(), numbers),
			goka.Input(n.input(), numbers, func(ctx goka.Context, msg any) {
				count(ctx, msg)
				ctx.Emit(n.rekeyed(), tableKey("rekey", ctx.Key()), msg)
			})),
		goka.DefineGroup(n.group("rekey"), goka.Persist(rows), goka.Input(n.rekeyed(), numbers, count)),
		goka.DefineGroup(n.group("join"), goka.Persist(rows), goka.Join(n.joined(), numbers),
			goka.Input(n.input(), numbers, func(ctx goka.Context, msg any) {
				r, _ := ctx.Value().(row)
				r.add(msg.(int64))
				version, _ := ctx.Join(n.joined()).(int64)
				if version < r.Joined || version == 0 {
					r.Back++
				}
				r.Joined = version
				ctx.SetValue(r)
			})),
		goka.DefineGroup(n.group("loop"), goka.Persist(rows), goka.Loop(numbers, count),
			goka.Input(n.input(), numbers, func(ctx goka.Context, msg any) {
				ctx.Loopback(tableKey("loop", ctx.Key()), msg)
			})),
	}
}

// config is what all clients use: goka's own, reading from the oldest.
func config() *sarama.Config {
	c := goka.DefaultConfig()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Group.Session.Timeout = 6 * time.Second // the shortest that brokers allow unless told otherwise
	c.Consumer.Group.Heartbeat.Interval = time.Second
	return c
}
