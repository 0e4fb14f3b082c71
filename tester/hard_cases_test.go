package tester_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/tester"
)

// Six cases that are hard to bring about with a real cluster, in at most fifteen lines each. docs/testing.md names them.

func TestRebalanceDuringALoop(t *testing.T) {
	tt := tester.New(t, tester.WithPartitions(4), tester.WithInstances(2))
	countdown := func(ctx goka.Context, msg any) {
		switch n := msg.(int64); n {
		case 0:
			ctx.Emit("out", ctx.Key(), n)
		case 3:
			tt.Rebalance("g") // the loop goes on wherever its partition went
			fallthrough
		default:
			ctx.Loopback(ctx.Key(), n-1)
		}
	}
	tt.StartProcessor(looping(countdown))
	tt.Consume("in", "k", int64(5))
	tt.ExpectOutput("out", tester.Msg("k", int64(0)))
}

// looping is a group with a loop.
func looping(cb goka.ProcessCallback) *goka.GroupGraph {
	return goka.DefineGroup("g", goka.Input("in", new(codec.Int64), cb), goka.Loop(new(codec.Int64), cb), goka.Output("out", new(codec.Int64)))
}

func TestCrashBetweenAcknowledgementAndCommit(t *testing.T) {
	tt := tester.New(t)
	p := tt.StartProcessor(counter("count", "in"))
	tt.HoldCommits()
	tt.Consume("in", "k", "x") // its row is in Kafka, its offset is not
	p.Kill()
	tt.ReleaseCommits()
	tt.StartProcessor(counter("count", "in"))
	tt.Catchup() // handles the message once more
	tt.ExpectTable("count-table", map[string]any{"k": int64(2)})
}

func TestLateJoinRecord(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(goka.DefineGroup("g",
		goka.Input("in", new(codec.String), func(ctx goka.Context, _ any) { ctx.Emit("out", ctx.Key(), ctx.Join("prices")) }),
		goka.Join("prices", new(codec.Int64)),
		goka.Output("out", new(codec.Int64)),
	))
	tt.Consume("in", "k", "x")
	tt.Consume("prices", "k", int64(7))
	tt.Consume("in", "k", "x")
	tt.ExpectOutput("out", tester.Msg("k", nil), tester.Msg("k", int64(7)))
}

func TestCompactionDuringRecovery(t *testing.T) {
	tt, read := tester.New(t), 0
	cluster, table := tt.Cluster(), filled(tt, 3000)
	update := func(s storage.Storage, partition int32, key string, value []byte) (err error) {
		if read++; read == 1 { // at the first row; of the others most are gone then
			err = cluster.Compact("count-table")
		}
		return errors.Join(err, goka.DefaultUpdate(s, partition, key, value))
	}
	tt.StartProcessor(counter("count", "in"), goka.WithUpdateCallback(update))
	tt.Consume("in", "k0", "x")
	table.Expect(map[string]int64{"k0": 2998, "k1": 2998, "k2": 2999})
	if read >= 3000 {
		t.Errorf("%d rows were read: nothing was compacted meanwhile", read)
	}
}

// filled is a table that three keys in turn were written to n times.
func filled(tt *tester.Tester, n int64) *tester.TableHandle[int64] {
	table := tester.TableOf[int64](tt, "count-table", new(codec.Int64))
	for i := range n {
		table.Fill(map[string]int64{fmt.Sprint("k", i%3): i})
	}
	return table
}

func TestTombstone(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(goka.DefineGroup("g", goka.Persist(new(codec.Int64)),
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) {
			if msg == nil {
				ctx.Delete()
			} else {
				ctx.SetValue(int64(1))
			}
		})), goka.WithNilHandling(goka.NilProcess))
	tt.Consume("in", "k", "x")
	tt.Consume("in", "k", nil)
	tt.ExpectTable("g-table", nil)
	tt.ExpectOutput("g-table", tester.Msg("k", int64(1)), tester.Msg("k", nil))
}

func TestPoisonedMessage(t *testing.T) {
	tt := tester.New(t)
	p := tt.StartProcessor(goka.DefineGroup("g", goka.Input("in", new(codec.Int64), func(goka.Context, any) {})))
	tt.Consume("in", "good", int64(1))
	tt.ProduceRaw("in", "bad", []byte("not a number"))
	tt.Catchup()
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "key bad") {
		t.Errorf("the processor ended with %v", err)
	}
	if got := tt.Committed("g", "in", 0); got != 1 {
		t.Errorf("offset %d is committed, want that of the poisoned message", got)
	}
}
