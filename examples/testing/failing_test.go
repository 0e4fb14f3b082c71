package testing_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

var errTooMuch = errors.New("too much")

// A callback that fails ends its processor, and what it had begun is not committed.
func TestFailingCallback(t *testing.T) {
	tt := tester.New(t)
	p, err := goka.NewProcessor(nil, goka.DefineGroup("limit",
		goka.Input("amounts", new(codec.Int64), func(ctx goka.Context, msg interface{}) {
			if msg.(int64) > 100 {
				ctx.Fail(errTooMuch)
			}
			ctx.SetValue(msg)
		}),
		goka.Persist(new(codec.Int64))), goka.WithTester(tt))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	tt.Consume("amounts", "k", int64(1))
	tt.Consume("amounts", "k", int64(1000))
	if err := <-done; !errors.Is(err, errTooMuch) {
		t.Errorf("the processor ended with %v", err)
	}
	if got := tt.Committed("limit", "amounts", 0); got != 1 {
		t.Errorf("offset %d is committed", got)
	}
	tt.ExpectOutput("limit-table", tester.Msg("k", int64(1)))
}

// One that panics does so too.
func TestPanickingCallback(t *testing.T) {
	tt := tester.New(t)
	p := tt.StartProcessor(goka.DefineGroup("panics",
		goka.Input("in", new(codec.String), func(goka.Context, interface{}) { panic("a bug") })))
	tt.Consume("in", "k", "x")
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("the processor ended with %v", err)
	}
}
