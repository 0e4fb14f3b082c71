package typed_test

import (
	"fmt"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/typed"
)

type user struct{ Name string }

type order struct {
	Item  string
	Cents int64
}

// The topics of a shop, with their types.
var (
	users  = typed.NewTable[user]("users", new(codec.JSON[user]))
	orders = typed.NewStream[order]("orders", new(codec.JSON[order]))
	thanks = typed.NewStream[string]("thanks", new(codec.String))
	spent  = typed.TableOf[int64]("spending", new(codec.Int64))
)

// spending adds up what each user has spent, and thanks those who spend much.
func spending() *goka.GroupGraph {
	return goka.DefineGroup("spending",
		typed.Input(orders, func(ctx typed.Context[int64], o order) error {
			if o.Cents < 0 {
				return fmt.Errorf("an order of %d cents", o.Cents)
			}
			before, _ := ctx.Value()
			ctx.SetValue(before + o.Cents)
			if u, known := users.Joined(ctx); known && before+o.Cents >= 10_000 {
				thanks.Emit(ctx, ctx.Key(), "thank you, "+u.Name)
			}
			return nil
		}),
		typed.Join(users),
		typed.Output(thanks),
		typed.Persist(spent),
	)
}

// A group graph without type assertions.
func Example() {
	for _, edge := range spending().AllEdges() {
		fmt.Println(edge)
	}
	// Output:
	// users/*codec.JSON[github.com/gokasim/gokasim/goka/typed_test.user]
	// orders/*codec.JSON[github.com/gokasim/gokasim/goka/typed_test.order]
	// thanks/*codec.String
	// spending-table/*codec.Int64
}
