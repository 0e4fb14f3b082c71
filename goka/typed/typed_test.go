package typed_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/goka/typed"
	"github.com/gokasim/gokasim/tester"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")) // never ends once sarama was used
}

// run runs a group on a tester. The function that it returns stops it.
func run(t *testing.T, tt *tester.Tester, gg *goka.GroupGraph) (p *goka.Processor, stop func() error) {
	t.Helper()
	p, err := goka.NewProcessor(nil, gg, goka.WithTester(tt), goka.WithLogger(logger.Discard()))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(context.Background()) }()
	return p, func() error { p.Stop(); return <-done }
}

func TestAGroupWithoutTypeAssertions(t *testing.T) {
	tt := tester.New(t)
	p, stop := run(t, tt, spending())
	sent := tt.NewQueueTracker("thanks")
	tt.Consume("users", "7", user{"Anna"})
	tt.Consume("orders", "7", order{"book", 4_000})
	tt.Consume("orders", "8", order{"car", 1_000_000})
	tt.Consume("orders", "7", order{"bag", 6_000})
	if n, found, err := typed.Get(p, spent, "7"); n != 10_000 || !found || err != nil {
		t.Errorf("spent %d, %v, %v", n, found, err)
	}
	if _, found, err := typed.Get(p, spent, "9"); found || err != nil {
		t.Errorf("who never ordered: %v, %v", found, err)
	}
	if key, msg, ok := sent.Next(); key != "7" || msg != "thank you, Anna" || !ok {
		t.Errorf("sent %s to %s", msg, key)
	}
	if _, msg, ok := sent.Next(); ok {
		t.Errorf("sent %s, too", msg)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestAnErrorOfACallbackFailsItsMessage(t *testing.T) {
	tt := tester.New(t)
	p, stop := run(t, tt, spending())
	tt.Consume("orders", "7", order{"refund", -1})
	<-p.Done()
	err := stop()
	var failed *goka.MessageError
	if !errors.As(err, &failed) || failed.Topic != "orders" || !strings.Contains(err.Error(), "an order of -1 cents") {
		t.Errorf("Run returned %v", err)
	}
}

func TestLoopsLookupsAndVisitors(t *testing.T) {
	words := typed.NewStream[string]("words", new(codec.String))
	names := typed.NewTable[string]("names", new(codec.String))
	again := typed.NewLoop[int64](new(codec.Int64))
	table := typed.TableOf[int64]("g", new(codec.Int64))
	tt := tester.New(t)
	p, stop := run(t, tt, goka.DefineGroup("g",
		typed.Input(words, func(ctx typed.Context[int64], word string) error {
			if name, found := names.LookedUp(ctx, word); found {
				again.Send(ctx, name, int64(len(word)))
			}
			return nil
		}),
		typed.Looped(again, func(ctx typed.Context[int64], n int64) error { ctx.SetValue(n); return nil }),
		typed.Lookup(names),
		typed.Persist(table),
		typed.Visitor("add", func(ctx typed.Context[int64], n int64) error {
			v, found := ctx.Value()
			if !found || ctx.Context().Err() != nil || ctx.Untyped() == nil {
				return errors.New("a visited row has a value")
			}
			ctx.SetValue(v + n)
			return nil
		})))
	tt.Consume("names", "four", "4")
	tt.Consume("words", "k", "four")
	tt.Consume("words", "k", "unknown")
	if err := p.VisitAll(context.Background(), "add", int64(10)); err != nil {
		t.Fatal(err)
	}
	if n, found, err := typed.Get(p, table, "4"); n != 14 || !found || err != nil {
		t.Errorf("the row is %d, %v, %v", n, found, err)
	}
	if err := p.VisitAll(context.Background(), "add", "text"); err != nil {
		t.Logf("VisitAll returned %v", err)
	}
	<-p.Done()
	if err := stop(); err == nil || !strings.Contains(err.Error(), "decodes to string, and the program says that it is int64") {
		t.Errorf("a meta of another type: %v", err)
	}
}

func TestViewsAndEmitters(t *testing.T) {
	tt := tester.New(t)
	_, stop := run(t, tt, spending())
	e, err := typed.NewEmitter(nil, orders, goka.WithEmitterTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	v, err := typed.NewView(nil, spent, goka.WithViewTester(tt), goka.WithViewLogger(logger.Discard()))
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := typed.NewView(nil, typed.NewTable[string](spent.Name(), spent.Codec()), goka.WithViewTester(tt), goka.WithViewLogger(logger.Discard()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- v.Run(ctx) }()
	go func() { done <- wrong.Run(ctx) }()

	headers := goka.Headers{"h": []byte("1")}
	for _, emit := range []func() error{
		func() error { _, err := e.Emit("a", order{"x", 1}); return err },
		func() error { return e.EmitSync("b", order{"x", 2}) },
		func() error { _, err := e.EmitWithHeaders("c", order{"x", 3}, headers); return err },
		func() error { return e.EmitSyncWithHeaders("d", order{"x", 4}, headers) },
	} {
		if err := emit(); err != nil {
			t.Fatal(err)
		}
	}
	if n, found, err := v.Get("b"); n != 2 || !found || err != nil {
		t.Errorf("b is %d, %v, %v", n, found, err)
	}
	sum, rows := int64(0), 0
	if err := v.Each(func(_ string, n int64) bool { sum += n; rows++; return rows < 3 }); err != nil || sum != 6 {
		t.Errorf("the first three rows add up to %d, %v", sum, err)
	}
	if _, _, err := wrong.Get("b"); err == nil || !strings.Contains(err.Error(), "the codec of spending-table decodes to int64") {
		t.Errorf("another type than the codec's: %v", err)
	}
	if err := wrong.Each(func(string, string) bool { return true }); err == nil {
		t.Error("another type than the codec's is iterated over")
	}
	cancel()
	for _, err := range []error{<-done, <-done, e.Finish(), stop()} {
		if err != nil {
			t.Error(err)
		}
	}
}
