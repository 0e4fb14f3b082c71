package testing_test

import (
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

// spending adds up what customers spend in the currency of their country, which a look-up tells.
func spending() *goka.GroupGraph {
	return goka.DefineGroup("spending",
		goka.Input("payments", new(codec.Int64), func(ctx goka.Context, msg interface{}) {
			country, _ := ctx.Join("customers").(string)
			rate, known := ctx.Lookup("rates", country).(int64)
			if !known {
				ctx.Emit("unknown", ctx.Key(), country)
				return
			}
			sum, _ := ctx.Value().(int64)
			ctx.SetValue(sum + rate*msg.(int64))
		}),
		goka.Join("customers", new(codec.String)),
		goka.Lookup("rates", new(codec.Int64)),
		goka.Output("unknown", new(codec.String)),
		goka.Persist(new(codec.Int64)))
}

// Tables that the test sets.
func TestTablesThatAreSet(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, spending())
	tt.SetTableValue("customers", "ann", "se")
	tt.SetTableValue("rates", "se", int64(10))
	tt.SetTableValue(goka.GroupTable("spending"), "ann", int64(5))
	tt.Consume("payments", "ann", int64(2))
	if got := tt.TableValue(goka.GroupTable("spending"), "ann"); got != int64(25) {
		t.Errorf("ann has spent %v", got)
	}
}

// Tables whose topics somebody writes.
func TestTablesThatAreWritten(t *testing.T) {
	tt := tester.New(t)
	run(t, tt, spending())
	tt.Consume("payments", "ann", int64(2)) // too early
	tt.Consume("customers", "ann", "se")
	tt.Consume("rates", "se", int64(10))
	tt.Consume("payments", "ann", int64(2))
	tt.Consume("rates", "se", nil) // a tombstone
	tt.Consume("payments", "ann", int64(2))
	tt.ExpectTable(goka.GroupTable("spending"), map[string]any{"ann": int64(20)})
	tt.ExpectOutput("unknown", tester.Msg("ann", ""), tester.Msg("ann", "se"))
	if keys := tt.GetTableKeys(goka.GroupTable("spending")); len(keys) != 1 {
		t.Errorf("keys %v", keys)
	}
	tt.ClearValues()
	tt.ExpectTable(goka.GroupTable("spending"), nil)
}
