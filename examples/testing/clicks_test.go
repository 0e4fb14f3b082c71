package testing_test

import (
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

func TestClicksAreCounted(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(goka.DefineGroup("clicks",
		goka.Input("clicked", new(codec.String), func(ctx goka.Context, _ any) {
			n, _ := ctx.Value().(int64)
			ctx.SetValue(n + 1)
		}),
		goka.Persist(new(codec.Int64))))

	tt.Consume("clicked", "ann", "home")
	tt.Consume("clicked", "ann", "cart")
	tt.ExpectTable("clicks-table", map[string]any{"ann": int64(2)})
}
