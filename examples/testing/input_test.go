package testing_test

import (
	"strings"
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

// One input, one output.
func TestInput(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, goka.DefineGroup("shout",
		goka.Input("words", new(codec.String), func(ctx goka.Context, msg interface{}) {
			ctx.Emit("shouted", ctx.Key(), strings.ToUpper(msg.(string)), goka.WithCtxEmitHeaders(goka.Headers{"by": []byte("shout")}))
		}),
		goka.Output("shouted", new(codec.String))))
	shouted := tt.NewQueueTracker("shouted")
	tt.Consume("words", "k", "hello", tester.WithHeaders(goka.Headers{"trace": []byte("1")}))

	headers, key, value, ok := shouted.NextWithHeaders()
	if !ok || key != "k" || value != "HELLO" || string(headers["by"]) != "shout" {
		t.Errorf("got %q=%v with %v (%v)", key, value, headers, ok)
	}
	if _, _, ok := shouted.Next(); ok {
		t.Error("there is one message too many")
	}
}
