package goka_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/storage"
	"github.com/gokasim/gokasim/tester"
)

// noTest stands in for the *testing.T that a test would give its tester.
type noTest struct{}

func (noTest) Errorf(format string, args ...interface{}) { log.Fatalf(format, args...) }
func (noTest) Fatalf(format string, args ...interface{}) { log.Fatalf(format, args...) }
func (noTest) Fatal(args ...interface{})                 { log.Fatal(args...) }

// A group with most of what a graph can have: orders are priced by a look-up, split by a loop, summed up in the group's table,
// and billed to an output in the currency of the customer, which a joined table has.
func ExampleDefineGroup() {
	graph := goka.DefineGroup("bills",
		goka.Input("orders", new(codec.String), func(ctx goka.Context, item any) {
			cents, known := ctx.Lookup("prices", item.(string)).(int64)
			if !known {
				ctx.Emit("unknown", ctx.Key(), item)
				return
			}
			ctx.Loopback(ctx.Key(), cents)
		}),
		goka.Loop(new(codec.Int64), func(ctx goka.Context, cents any) {
			sum, _ := ctx.Value().(int64)
			sum += cents.(int64)
			ctx.SetValue(sum)
			currency, _ := ctx.Join("currencies").(string)
			ctx.Emit("billed", ctx.Key(), fmt.Sprintf("%d %s", sum, currency))
		}),
		goka.Join("currencies", new(codec.String)),
		goka.Lookup("prices", new(codec.Int64)),
		goka.Output("billed", new(codec.String)),
		goka.Output("unknown", new(codec.String)),
		goka.Persist(new(codec.Int64)),
	)
	if err := graph.Validate(); err != nil { // NewProcessor looks, too
		log.Fatal(err)
	}

	tt := tester.New(noTest{})
	defer tt.Close()
	tt.StartProcessor(graph, goka.WithLogger(nil))
	tt.SetTableValue("prices", "tea", int64(300))
	tt.SetTableValue("currencies", "ann", "EUR")
	for _, item := range []string{"tea", "tea", "moon"} {
		tt.Consume("orders", "ann", item)
	}
	for _, topic := range []string{"billed", "unknown"} {
		for _, r := range tt.Records(topic) {
			fmt.Println(topic, r.Key, r.Value)
		}
	}
	// Output:
	// billed ann 300 EUR
	// billed ann 600 EUR
	// unknown ann moon
}

// What is wrong with a graph, all of it, is an error of Validate and of NewProcessor.
func ExampleGroupGraph_Validate() {
	err := goka.DefineGroup("bills", goka.Lookup("", new(codec.Int64)), goka.Output("bills-loop", new(codec.String))).Validate()
	fmt.Println(errors.Is(err, goka.ErrInvalidGraph))
	fmt.Println(err)
	// Output:
	// true
	// invalid group graph: group "bills": no input stream in group graph; give a goka.Input at least
	// output "bills-loop": should not directly use loop stream; give goka.Loop, and send to it by Loopback
	// lookup topic cannot be empty
}

// A callback that fails ends its processor. The message is not committed: it comes again when the group goes on.
func ExampleInputErr() {
	tt := tester.New(noTest{})
	defer tt.Close()
	processor := tt.StartProcessor(goka.DefineGroup("limits",
		goka.InputErr("amounts", new(codec.Int64), func(_ goka.Context, cents any) error {
			if cents.(int64) > 100 {
				return errors.New("too much")
			}
			return nil
		})), goka.WithLogger(nil))
	tt.Consume("amounts", "ann", int64(7))
	tt.Consume("amounts", "bob", int64(1000))
	var failed *goka.MessageError
	if errors.As(processor.Wait(), &failed) {
		fmt.Println(failed.Topic, failed.Partition, failed.Offset, failed.Key)
	}
	fmt.Println("committed:", tt.Committed("limits", "amounts", 0))
	// Output:
	// amounts 0 1 bob
	// committed: 1
}

// gokaContext is goka.Context by a name that is none of its methods, so that it can be embedded.
type gokaContext = goka.Context

// traced is what callbacks get in place of goka's own context: it adds a header to whatever is emitted.
type traced struct{ gokaContext }

func (t traced) Emit(topic goka.Stream, key string, value any, options ...goka.ContextOption) {
	by := goka.Headers{"by": []byte(t.Group())}
	t.gokaContext.Emit(topic, key, value, append(options, goka.WithCtxEmitHeaders(by))...)
}

func ExampleWithContextWrapper() {
	tt := tester.New(noTest{})
	defer tt.Close()
	tt.StartProcessor(goka.DefineGroup("copies",
		goka.Input("words", new(codec.String), func(ctx goka.Context, word any) { ctx.Emit("copied", ctx.Key(), word) }),
		goka.Output("copied", new(codec.String)),
	), goka.WithContextWrapper(func(ctx goka.Context) goka.Context { return traced{ctx} }), goka.WithLogger(nil))
	tt.Consume("words", "k", "hello")
	for _, r := range tt.Records("copied") {
		fmt.Printf("%s by %s\n", r.Value, r.Headers["by"])
	}
	// Output: hello by copies
}

// A message whose work goes on in a goroutine: it is committed when the function is called.
func ExampleContext_DeferCommit() {
	tt := tester.New(noTest{})
	defer tt.Close()
	mails := make(chan func(), 1)
	tt.StartProcessor(goka.DefineGroup("mails",
		goka.Input("signups", new(codec.String), func(ctx goka.Context, address any) {
			done := ctx.DeferCommit()
			mails <- func() {
				fmt.Println("mail to", address)
				done(nil)
			}
		})), goka.WithLogger(nil))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		(<-mails)()
	}()
	tt.Consume("signups", "ann", "ann@example.org") // waits for the mail, too
	<-sent
	fmt.Println("committed:", tt.Committed("mails", "signups", 0))
	// Output:
	// mail to ann@example.org
	// committed: 1
}

// A view whose table is not what is in the topic, but what an update callback makes of it: here how often each row has changed.
func ExampleWithViewCallback() {
	tt := tester.New(noTest{})
	defer tt.Close()
	view, err := goka.NewView(nil, "prices", new(codec.Int64), goka.WithViewTester(tt),
		goka.WithViewCallback(func(s storage.Storage, _ int32, key string, _ []byte) error {
			counter := new(codec.Int64)
			data, err := s.Get(key)
			if err != nil {
				return err
			}
			changes := any(int64(0))
			if data != nil {
				if changes, err = counter.Decode(data); err != nil {
					return err
				}
			}
			if data, err = counter.Encode(changes.(int64) + 1); err != nil {
				return err
			}
			return s.Set(key, data)
		}))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- view.Run(ctx) }()

	for _, cents := range []int64{300, 320, 290} {
		tt.Consume("prices", "tea", cents)
	}
	changes, err := view.Get("tea")
	fmt.Println("changed", changes, "times", err)
	stop()
	fmt.Println(<-done)
	// Output:
	// changed 3 times <nil>
	// <nil>
}
