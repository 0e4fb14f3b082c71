package goka_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func TestWhereJoinsAndLookupsBegin(t *testing.T) {
	for start, want := range map[int64]string{sarama.OffsetOldest: "1 1", sarama.OffsetNewest: "<nil> <nil>", 1: "<nil> <nil>", 0: "1 1"} {
		inWorld(t, func(w *world) {
			w.topic("in", 1)
			w.table("joined", 1)
			w.table("looked-up", 1)
			for _, topic := range []string{"joined", "looked-up"} {
				w.send(topic, "k", "1")
				w.send(topic, "other", "2")
			}
			got := ""
			w.run(goka.DefineGroup("g",
				goka.Input("in", new(codec.String), func(ctx goka.Context, _ interface{}) {
					got = fmt.Sprint(ctx.Join("joined"), " ", ctx.Lookup("looked-up", "k"))
				}),
				goka.Join("joined", new(codec.String)), goka.Lookup("looked-up", new(codec.String))),
				goka.WithTableStartOffset("joined", start), goka.WithTableStartOffset("looked-up", start)).ready()
			w.send("in", "k", "x")
			w.until("the message is handled", func() bool { return got != "" })
			if got != want {
				t.Errorf("from %d on: read %s, want %s", start, got, want)
			}
		})
	}
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		for want, option := range map[string]goka.ProcessorOption{
			"start offset of table g-table: it is the group's own": goka.WithTableStartOffset("g-table", 3),
			"start offset -7 of table joined is ":                  goka.WithTableStartOffset("joined", -7),
		} {
			_, err := goka.NewProcessor(w.brokers, goka.DefineGroup("g", goka.Input("in", new(codec.String), ignore),
				goka.Join("joined", new(codec.String)), goka.Persist(new(codec.String))), option)
			w.refused(err, "error applying options", want)
		}
		_, err := goka.NewProcessor(w.brokers, holder("g"), goka.WithTableStartOffset("nowhere", 3))
		if !errors.Is(err, goka.ErrNotSubscribed) {
			t.Errorf("a table that is not read: %v", err)
		}
	})
}
