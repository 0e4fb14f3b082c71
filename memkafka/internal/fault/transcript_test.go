package fault

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/gokasim/gokasim/internal/kafka"
)

// TestPlans reads plans and prints them, or says what is wrong with them.
func TestPlans(t *testing.T) {
	datadriven.Walk(t, "testdata/plans", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			p, err := Parse(d.Input)
			if err != nil {
				return err.Error() + "\n"
			}
			again, err := Parse(p.String())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, again); diff != "" {
				t.Errorf("%s\nreads as another plan:\n%s", p, diff)
			}
			return p.String()
		})
	})
}

// begin is when the runs in transcripts begin.
const begin kafka.Millis = 1_700_000_000_000

// TestRuns plays requests against plans.
func TestRuns(t *testing.T) {
	datadriven.Walk(t, "testdata/runs", func(t *testing.T, path string) {
		var in *Injector
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			switch d.Cmd {
			case "plan":
				p, err := Parse(d.Input)
				if err != nil {
					t.Fatal(err)
				}
				var seed uint64
				d.MaybeScanArgs(t, "seed", &seed)
				in = p.Start(seed, begin)
			case "op":
				at, op := request(t, d)
				tell(&out, in.Match(at, op))
			case "ops":
				at, op := request(t, d)
				var n, hit int
				d.ScanArgs(t, "n", &n)
				for range n {
					if len(in.Match(at, op)) > 0 {
						hit++
					}
				}
				fmt.Fprintf(&out, "%d injections\n", hit)
			case "due":
				tell(&out, in.Due(begin+millis(t, d.CmdArgs[0].Key)))
			case "next":
				if at, ok := in.Next(); ok {
					fmt.Fprintf(&out, "%s\n", time.Duration(at-begin)*time.Millisecond)
				} else {
					out.WriteString("never\n")
				}
			case "counts":
				for _, c := range in.Counts() {
					fmt.Fprintf(&out, "%d of %d: %s\n", c.Injected, c.Seen, c.Fault)
				}
			case "missed":
				for _, m := range in.Missed() {
					fmt.Fprintf(&out, "%s\n", m)
				}
			default:
				t.Fatalf("%s: %s is no command of transcripts", d.Pos, d.Cmd)
			}
			return out.String()
		})
	})
}

func tell(out *strings.Builder, injections []Injection) {
	for _, in := range injections {
		fmt.Fprintf(out, "%s", in.Action.command())
		for i, tp := range in.Partitions {
			if i == 0 {
				out.WriteString(" for")
			}
			fmt.Fprintf(out, " %s", tp)
		}
		if !strings.Contains(in.Fault, ": ") {
			fmt.Fprintf(out, " (%s)", in.Fault)
		}
		out.WriteString("\n")
	}
}

func request(t *testing.T, d *datadriven.TestData) (kafka.Millis, Op) {
	op := Op{Name: d.CmdArgs[0].Key}
	at := begin
	for _, a := range d.CmdArgs[1:] {
		switch v := a.Vals[0]; a.Key {
		case "client":
			op.ClientID = v
		case "broker":
			op.Broker = number(t, v)
		case "group":
			op.Groups = append(op.Groups, v)
		case "transactional-id":
			op.TransactionalIDs = append(op.TransactionalIDs, v)
		case "at":
			at += millis(t, v)
		}
	}
	for _, f := range strings.Fields(d.Input) {
		topic, n, _ := strings.Cut(f, "/")
		op.Partitions = append(op.Partitions, kafka.TopicPartition{Topic: topic, Partition: number(t, n)})
	}
	return at, op
}

func number(t *testing.T, s string) int32 {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}

func millis(t *testing.T, s string) kafka.Millis {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return kafka.Millis(d.Milliseconds())
}
