package goka_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/memkafka"
)

func TestTheRowsThatAProcessorHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		cluster := memkafka.New(memkafka.WithInitialRebalanceDelay(0))
		defer cluster.Close()
		release, err := memkafka.SetNamed(t.Name(), cluster)
		check(err)
		defer release()
		brokers := []string{"mem://" + t.Name()}
		check(cluster.CreateTopic("in", 3))
		graph := goka.DefineGroup("rows", goka.Input("in", new(codec.String), func(ctx goka.Context, msg any) { ctx.SetValue(msg) }), goka.Persist(new(codec.String)))
		p, err := goka.NewProcessor(brokers, graph)
		check(err)
		if _, err := p.IteratorWithRange("", ""); !errors.Is(err, goka.ErrNotRunning) {
			t.Errorf("before Run: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- p.Run(ctx) }()
		check(p.WaitForReady())
		e, err := goka.NewEmitter(brokers, "in", new(codec.String))
		check(err)
		for _, key := range []string{"b2", "a", "c", "b1", "b"} {
			check(e.EmitSync(key, "value of "+key))
		}
		check(e.Finish())
		synctest.Wait()
		for _, c := range []struct{ start, limit, want string }{{"", "", "a b b1 b2 c "}, {"b", "", "b b1 b2 "}, {"b1", "c", "b1 b2 "}, {"x", "", ""}} {
			it, err := p.IteratorWithRange(c.start, c.limit)
			check(err)
			got := ""
			for it.Next() {
				value, err := it.Value()
				check(err)
				if value != "value of "+it.Key() {
					t.Errorf("%s is %v", it.Key(), value)
				}
				got += it.Key() + " "
			}
			check(it.Err())
			it.Release()
			if got != c.want {
				t.Errorf("from %q to %q there is %q, want %q", c.start, c.limit, got, c.want)
			}
		}
		cancel()
		check(<-ran)
	})
}
