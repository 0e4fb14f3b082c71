package clusterpage

import (
	"strconv"
	"strings"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka"
)

// family is a metric of kafka_exporter, and its samples in Prometheus's text format.
type family struct {
	name, help string
	samples    []byte
}

// add adds a sample. Labels are names and values, one after the other.
func (f *family) add(value int64, labels ...string) {
	b := append(f.samples, f.name...)
	for i := 0; i < len(labels); i += 2 {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = append(append(b, labels[i]...), `="`...)
		b = append(append(b, labels[i+1]...), '"')
	}
	b = strconv.AppendInt(append(b, "} "...), value, 10)
	f.samples = append(b, '\n')
}

// labelled escapes the value of a label.
var labelled = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// groupMetrics tells of groups in Prometheus's text format. There may be tens of thousands with many partitions, for which its library
// takes several times as long.
func groupMetrics(groups []memkafka.GroupProgress) []byte {
	members := family{name: "kafka_consumergroup_members", help: "Number of members of the group."}
	offset := family{name: "kafka_consumergroup_current_offset", help: "Offset that the group committed."}
	offsetSum := family{name: "kafka_consumergroup_current_offset_sum", help: "Offsets that the group committed, over all partitions."}
	lag := family{name: "kafka_consumergroup_lag", help: "Records after the offset that the group committed."}
	lagSum := family{name: "kafka_consumergroup_lag_sum", help: "Records after the offsets that the group committed, over all partitions."}
	for _, g := range groups {
		id := labelled.Replace(strings.ToValidUTF8(g.ID, "\uFFFD"))
		members.add(int64(g.Members), "consumergroup", id)
		for i := 0; i < len(g.Offsets); {
			topic := g.Offsets[i].Topic // names of topics need no escapes
			var offsets, lags int64
			known := false
			for ; i < len(g.Offsets) && g.Offsets[i].Topic == topic; i++ {
				o := &g.Offsets[i]
				partition := strconv.Itoa(int(o.Partition))
				offset.add(int64(o.Offset), "consumergroup", id, "partition", partition, "topic", topic)
				offsets += int64(o.Offset)
				if o.High != kafka.NoOffset {
					lag.add(o.Lag, "consumergroup", id, "partition", partition, "topic", topic)
					lags += o.Lag
					known = true
				}
			}
			offsetSum.add(offsets, "consumergroup", id, "topic", topic)
			if known {
				lagSum.add(lags, "consumergroup", id, "topic", topic)
			}
		}
	}
	var b []byte
	for _, f := range []family{members, offset, offsetSum, lag, lagSum} {
		if len(f.samples) > 0 {
			b = append(b, "# HELP "+f.name+" "+f.help+"\n# TYPE "+f.name+" gauge\n"...)
			b = append(b, f.samples...)
		}
	}
	return b
}
