package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/examples/internal/apptest"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
)

func TestMain(m *testing.M) { apptest.Main(m) }

func TestOutput(t *testing.T) { apptest.Run(t, example) }

// Whichever instances come and go, in the end the last one finds every trade in the table, once.
func TestInstancesByChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := memkafka.New()
		defer cluster.Close()
		release, err := memkafka.SetNamed(t.Name(), cluster)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		var out strings.Builder
		a := &app.App{Brokers: []string{"mem://" + t.Name()}, Out: &out}
		err = a.Run(t.Context(), func(ctx context.Context, a *app.App) error {
			if err := comeAndGo(ctx, a, 2*time.Minute); err != nil {
				return err
			}
			var rounds int64
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if _, err := fmt.Sscanf(lines[len(lines)-1], "traded %d times", &rounds); err != nil {
				return err
			}
			if _, err := a.Process(Stock()); err != nil { // what the last instance left
				return err
			}
			view, err := a.View(goka.GroupTable("stock"), new(codec.Int64))
			if err != nil {
				return err
			}
			for i := range articles {
				if err := a.UntilRow(view, article(i), rounds*9); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if strings.Count(out.String(), " has ") < 10 {
			t.Errorf("no rebalance to see:\n%s", out.String())
		}
	})
}
