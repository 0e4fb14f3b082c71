package tester_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/tester"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")) // of sarama's clients, with GOKASIM_BROKERS
}

// run runs a processor until the test ends, when it must end without an error.
func run(t *testing.T, tt *tester.Tester, gg *goka.GroupGraph, options ...goka.ProcessorOption) *goka.Processor {
	t.Helper()
	p, stop := start(t, tt, gg, options...)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("processor of group %s: %v", gg.Group(), err)
		}
	})
	return p
}

func start(t *testing.T, tt *tester.Tester, gg *goka.GroupGraph, options ...goka.ProcessorOption) (p *goka.Processor, stop func() error) {
	t.Helper()
	p, err := goka.NewProcessor(nil, gg, append([]goka.ProcessorOption{goka.WithTester(tt)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p, func() error { cancel(); return <-done }
}

// counter counts the messages of each key.
func counter(group goka.Group, input goka.Stream) *goka.GroupGraph {
	return goka.DefineGroup(group,
		goka.Input(input, new(codec.String), func(ctx goka.Context, _ interface{}) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
		}),
		goka.Persist(new(codec.Int64)),
	)
}

func TestConsumeCounts(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, counter("count", "in"))
	for i := range int64(10) {
		tt.Consume("in", "k", "x")
		if got := tt.TableValue("count-table", "k"); got != i+1 {
			t.Fatalf("after %d messages the count is %v", i+1, got)
		}
	}
	if got := tt.TableValue("count-table", "other"); got != nil {
		t.Errorf("a key that never came has the value %v", got)
	}
	if diff := cmp.Diff([]string{"k"}, tt.GetTableKeys("count-table")); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestConsumeReturnsWhenACascadeHasFinished(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, goka.DefineGroup("first",
		goka.Input("in", new(codec.String), func(ctx goka.Context, msg interface{}) {
			ctx.Emit("words", msg.(string), "1")
			ctx.Loopback(ctx.Key(), msg)
		}),
		goka.Loop(new(codec.String), func(ctx goka.Context, msg interface{}) { ctx.Emit("words", msg.(string), "2") }),
		goka.Output("words", new(codec.String)),
	))
	run(t, tt, counter("second", "words"))
	view, err := goka.NewView(nil, "second-table", new(codec.Int64), goka.WithViewTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- view.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	words := tt.NewQueueTracker("words")
	for i := range 20 {
		tt.Consume("in", fmt.Sprintf("k%d", i), "w")
		got, err := view.Get("w")
		if want := int64(2*i + 2); err != nil || got != want {
			t.Fatalf("after %d messages the view has %v (%v), want %d", i+1, got, err, want)
		}
	}
	for i := range 40 {
		if k, v, ok := words.Next(); !ok || k != "w" || v != fmt.Sprint(i%2+1) {
			t.Fatalf("word %d is %q=%v (%v)", i, k, v, ok)
		}
	}
	if k, _, ok := words.Next(); ok {
		t.Errorf("there is one more word, %q", k)
	}
}

func TestD57_JoinAndLookupSeeWhatWasConsumedBefore(t *testing.T) {
	for range 20 {
		tt := tester.New(t)
		var got []interface{}
		_, stop := start(t, tt, goka.DefineGroup("g",
			goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
				got = append(got, ctx.Join("prices"), ctx.Lookup("names", "n"))
			}),
			goka.Join("prices", new(codec.Int64)),
			goka.Lookup("names", new(codec.String)),
		))
		tt.Consume("prices", "k", int64(7))
		tt.Consume("names", "n", "Ann")
		tt.Consume("in", "k", "x")
		if diff := cmp.Diff([]interface{}{int64(7), "Ann"}, got); diff != "" {
			t.Fatalf("the input saw (-want +got):\n%s", diff)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSetTableValue(t *testing.T) {
	tt := tester.New(t)
	tt.RegisterView("count-table", new(codec.Int64)) // declares the codec; no view runs
	tt = tester.New(t)
	run(t, tt, counter("count", "in"))
	tt.SetTableValue("count-table", "k", int64(41))
	tt.Consume("in", "k", "x")
	if got := tt.TableValue("count-table", "k"); got != int64(42) {
		t.Errorf("the count is %v, want 42", got)
	}
	tt.ClearValues()
	if keys := tt.GetTableKeys("count-table"); len(keys) > 0 {
		t.Errorf("cleared tables have keys %v", keys)
	}
	tt.Consume("in", "k", "x")
	if got := tt.TableValue("count-table", "k"); got != int64(1) {
		t.Errorf("the count after clearing is %v, want 1", got)
	}
}

func TestTablesAndTopicsDoNotChangeWithTheirValues(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, goka.DefineGroup("g", goka.Persist(new(codec.Bytes)), goka.Output("out", new(codec.Bytes)),
		goka.Input("in", new(codec.Bytes), func(ctx goka.Context, msg any) {
			ctx.SetValue(msg)
			ctx.Emit("out", "k", msg)
		})))
	out := tt.NewQueueTracker("out")
	value := []byte("value")
	tt.Consume("in", "k", value)
	tt.SetTableValue("g-table", "set", value)
	copy(value, "?????")
	for range 2 {
		_, msg, _ := out.Next()
		out.Seek(0)
		for _, b := range []any{tt.TableValue("g-table", "k"), tt.TableValue("g-table", "set"), msg} {
			if string(b.([]byte)) != "value" {
				t.Errorf("got %q", b)
			}
			copy(b.([]byte), "?????")
		}
	}
}

func TestD56_RestartRecoversTableAndOffsets(t *testing.T) {
	tt := tester.New(t)
	_, stop := start(t, tt, counter("count", "in"))
	tt.Consume("in", "k", "x")
	tt.Consume("in", "k", "x")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	run(t, tt, counter("count", "in"))
	tt.Consume("in", "k", "x")
	if got := tt.TableValue("count-table", "k"); got != int64(3) {
		t.Errorf("after a restart and a third message the count is %v, want 3", got)
	}
}

func TestPartitionsAndInstances(t *testing.T) {
	tt := tester.New(t, tester.WithPartitions(5))
	run(t, tt, counter("count", "in"))
	run(t, tt, counter("count", "in"))
	for i := range 100 {
		tt.Consume("in", fmt.Sprintf("k%d", i%25), "x")
	}
	for i := range 25 {
		if got := tt.TableValue("count-table", fmt.Sprintf("k%d", i)); got != int64(4) {
			t.Errorf("count of k%d is %v, want 4", i, got)
		}
	}
	if n := len(tt.GetTableKeys("count-table")); n != 25 {
		t.Errorf("the table has %d keys, want 25", n)
	}
}

func TestEmitterWaitsForWhatItCaused(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, counter("count", "in"))
	e, err := goka.NewEmitter(nil, "in", new(codec.String), goka.WithEmitterTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.EmitSync("k", "x"); err != nil {
		t.Fatal(err)
	}
	if got := tt.TableValue("count-table", "k"); got != int64(1) {
		t.Errorf("the count is %v, want 1", got)
	}
	if err := e.Finish(); err != nil {
		t.Fatal(err)
	}
}

func TestHeadersAndTime(t *testing.T) {
	tt := tester.New(t)
	at := time.Date(2013, 1, 2, 3, 4, 5, 6e6, time.UTC)
	var headers goka.Headers
	var stamps []time.Time
	run(t, tt, goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
		headers = ctx.Headers()
		stamps = append(stamps, ctx.Timestamp())
	})))
	tt.Consume("in", "k", "x", tester.WithHeaders(goka.Headers{"a": []byte("1")}), tester.WithHeaders(goka.Headers{"b": []byte("2")}), tester.WithTime(at))
	if diff := cmp.Diff(goka.Headers{"a": []byte("1"), "b": []byte("2")}, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	tt.Consume("in", "k", "x")
	if len(stamps) != 2 || !stamps[0].Equal(at) || !stamps[1].IsZero() {
		t.Errorf("timestamps %v, want %v and none", stamps, at)
	}
}

// failures is a T that keeps what fails.
type failures struct{ texts []string }

func (f *failures) Errorf(format string, args ...interface{}) {
	f.texts = append(f.texts, fmt.Sprintf(format, args...))
}
func (f *failures) Fatalf(format string, args ...interface{}) { f.Errorf(format, args...) }
func (f *failures) Fatal(args ...interface{})                 { f.Errorf("%s", fmt.Sprint(args...)) }

func (f *failures) has(t *testing.T, parts ...string) {
	t.Helper()
	all := strings.Join(f.texts, "\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			t.Errorf("the failure does not say %q:\n%s", p, all)
		}
	}
}

func TestD59_StuckCallbackIsNamed(t *testing.T) {
	f := &failures{}
	tt := tester.New(f, tester.WithTimeout(50*time.Millisecond))
	defer tt.Close()
	release := make(chan struct{})
	_, stop := start(t, tt, goka.DefineGroup("slow", goka.Input("in", new(codec.String), func(goka.Context, interface{}) { <-release })))
	tt.Consume("in", "k", "x")
	f.has(t, `the callback of group slow for in/0, offset 0, key "k" has not returned`)
	close(release)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestOpenDeferredCommitIsNamed(t *testing.T) {
	f := &failures{}
	tt := tester.New(f, tester.WithTimeout(50*time.Millisecond))
	defer tt.Close()
	var commits []func(error)
	_, stop := start(t, tt, goka.DefineGroup("later", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
		commits = append(commits, ctx.DeferCommit())
	})))
	tt.Consume("in", "a", "x")
	f.has(t, `the commit of in/0, offset 0, key "a" is deferred by group later, and the function that DeferCommit returned was not called`)
	f.texts = nil
	commits[0](nil)
	tt.Consume("in", "b", "x")
	f.has(t, `the commit of in/0, offset 1, key "b" is deferred`)
	if text := strings.Join(f.texts, ""); strings.Contains(text, "offset 0") {
		t.Errorf("names a commit that is not open: %s", text)
	}
	commits[1](nil)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestProcessorThatDoesNotRunIsNamed(t *testing.T) {
	f := &failures{}
	tt := tester.New(f, tester.WithTimeout(20*time.Millisecond))
	defer tt.Close()
	if _, err := goka.NewProcessor(nil, counter("idle", "in"), goka.WithTester(tt)); err != nil {
		t.Fatal(err)
	}
	tt.Consume("in", "k", "x")
	f.has(t, "group idle", "does not run")
}

func TestTS3_ConsumeReturnsWhenTheProcessorFails(t *testing.T) {
	tt := tester.New(t)
	_, stop := start(t, tt, goka.DefineGroup("g", goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
		ctx.Fail(errors.New("no such luck"))
	})))
	tt.Consume("in", "k", "x")
	if err := stop(); err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("the processor ended with %v", err)
	}
	tt.Consume("in", "k", "x") // nobody reads it any more
}

func TestUnknownTopicIsNamed(t *testing.T) {
	f := &failures{}
	tt := tester.New(f)
	defer tt.Close()
	tt.RegisterEmitter("orders", new(codec.String))
	tt.Consume("order", "k", "x")
	f.has(t, "topic order", "orders")
}

func BenchmarkConsumeCounter(b *testing.B) {
	tt := tester.New(b)
	p, err := goka.NewProcessor(nil, counter("count", "in"), goka.WithTester(tt))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	tt.Consume("in", "k", "x")
	b.ReportAllocs()
	for b.Loop() {
		tt.Consume("in", "k", "x")
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func BenchmarkStartAndStop(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tt := tester.New(&failures{})
		p, err := goka.NewProcessor(nil, counter("count", "in"), goka.WithTester(tt), goka.WithLogger(logger.Discard()))
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		if err := p.WaitForReady(); err != nil {
			b.Fatal(err)
		}
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		tt.Close()
	}
}
