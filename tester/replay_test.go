package tester_test

import (
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

// record writes a recording of three orders, an hour apart, and the price that they are joined with.
func record(t *testing.T, name string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(`{"topic":"bill-table","key":"ann","payload":"100"}` + "\n")
	line := func(topic string, offset, hour int, key, value string) {
		fmt.Fprintf(&b, `{"topic":%q,"partition":0,"offset":%d,"tstype":"create","ts":%d,"broker":0,"key":%q,"payload":%q}`+"\n",
			topic, offset, time.Date(2020, 1, 1, hour, 0, 0, 0, time.UTC).UnixMilli(), key, value)
	}
	line("prices", 0, 1, "ann", "7")
	line("orders", 0, 2, "ann", "1")
	line("orders", 1, 3, "bob", "1")
	line("orders", 2, 4, "ann", "3")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if _, err := z.Write([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// bill adds up what everybody has ordered, for factor times its price, and says at which hour somebody did.
func bill(factor int64) *goka.GroupGraph {
	return goka.DefineGroup("bill",
		goka.Input("orders", new(codec.Int64), func(ctx goka.Context, msg interface{}) {
			sum, _ := ctx.Value().(int64)
			price, _ := ctx.Join("prices").(int64)
			ctx.SetValue(sum + factor*price*msg.(int64))
			ctx.Emit("hours", ctx.Key(), int64(time.Now().UTC().Hour()))
		}),
		goka.Join("prices", new(codec.Int64)),
		goka.Output("hours", new(codec.Int64)),
		goka.Persist(new(codec.Int64)))
}

func TestReplay(t *testing.T) {
	if how := os.Getenv("GOKASIM_TEST_REPLAY"); how != "" {
		switch how {
		case "whole":
			tester.Replay(t, "orders.jsonl.gz", bill(1), tester.Afterwards(func(tt *tester.Tester) {
				tt.ExpectTable("bill-table", map[string]any{"ann": int64(100 + 4*7), "bob": int64(0)})
			}))
		case "other code":
			tester.Replay(t, "orders.jsonl.gz", bill(2))
		case "part":
			tester.Replay(t, "orders.jsonl.gz", tester.UpToOffset("orders", 0, 1), bill(1), tester.WithPartitions(3))
		case "part of its own":
			tester.Replay(t, "orders.jsonl.gz", tester.UpToOffset("orders", 0, 1), bill(1), tester.WithGolden("part.golden"))
		case "hours":
			tester.Replay(t, "orders.jsonl.gz", bill(1), tester.UpToTime(time.Date(2020, 1, 1, 3, 0, 0, 0, time.UTC)),
				tester.Afterwards(func(tt *tester.Tester) {
					tt.ExpectOutput("hours", tester.Msg("ann", int64(2)), tester.Msg("bob", int64(3)))
				}))
		case "wrong":
			tester.Replay(t, "orders.jsonl.gz", counter("count", "in"))
		case "blocked":
			tester.Replay(t, "orders.jsonl.gz", goka.WithNilHandling(goka.NilIgnore), goka.DefineGroup("bill",
				goka.Input("orders", new(codec.Int64), func(goka.Context, any) { <-make(chan struct{}) }),
				goka.Join("prices", new(codec.Int64)), goka.Persist(new(codec.Int64))))
		case "outside":
			never, blocked := make(chan struct{}), make(chan struct{})
			tester.WatchOnceBlocked(blocked)
			tester.Replay(t, "orders.jsonl.gz", goka.DefineGroup("bill",
				goka.Input("orders", new(codec.Int64), func(goka.Context, any) {
					close(blocked)
					<-never
				}),
				goka.Join("prices", new(codec.Int64)), goka.Persist(new(codec.Int64))))
		case "failing":
			tester.Replay(t, "orders.jsonl.gz", tester.WithoutGolden(), goka.DefineGroup("strict",
				goka.Input("orders", new(codec.Int64), func(ctx goka.Context, msg interface{}) {
					if msg.(int64) > 2 {
						ctx.Fail(fmt.Errorf("%v is too much", msg))
					}
				}),
				goka.Input("prices", new(codec.Int64), func(goka.Context, interface{}) {}),
				goka.Input("bill-table", new(codec.Int64), func(goka.Context, interface{}) {})))
		}
		return
	}
	t.Chdir(t.TempDir())
	record(t, "orders.jsonl.gz")
	again := func(how string, passes bool, says ...string) {
		t.Helper()
		t.Setenv("GOKASIM_TEST_REPLAY", how)
		out, ok := rerun(t)
		if ok != passes {
			t.Errorf("%s: passed is %v:\n%s", how, ok, out)
		}
		for _, part := range says {
			if !strings.Contains(out, part) {
				t.Errorf("%s does not say %q:\n%s", how, part, out)
			}
		}
	}
	again("whole", false, "does not exist", "GOKASIM_GOLDEN=1")
	t.Setenv("GOKASIM_GOLDEN", "1")
	again("whole", false, "was written")
	again("part", false, "orders.golden is not written from a part", "WithGolden")
	again("part of its own", false, "part.golden was written")
	again("part of its own", true)
	t.Setenv("GOKASIM_GOLDEN", "")
	again("part of its own", true)
	again("whole", true)
	again("part", true)
	again("hours", true)
	again("other code", false, "the first record whose effects differ", "line 3: orders/0 offset 0 key \"ann\"", "107", "114")
	again("wrong", false, "orders.jsonl.gz:1", `no group reads topic "bill-table"`, "count-table")
	again("blocked", false, "replay_test.go", "orders.jsonl.gz:3: record orders/0 offset 0", "the callback of group bill for orders/0, offset 0, key \"ann\" has not returned")
	again("outside", false, "virtual time has stood still for 30s", "TestReplay.func")
	again("failing", false, "orders.jsonl.gz:5: record orders/0 offset 2", "3 is too much")
}
