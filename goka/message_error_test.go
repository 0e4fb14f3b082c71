package goka_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func TestAFailureSaysWhichMessageItIsAbout(t *testing.T) {
	fail := func(ctx goka.Context, _ interface{}) { ctx.Fail(errInjected) }
	for _, c := range []struct {
		name  string
		cb    goka.ProcessCallback
		value string
		cause error
		text  string
	}{
		{"callback", fail, "1", errInjected, `panic in callback: injected`},
		{"deferred commit", func(ctx goka.Context, _ interface{}) { ctx.DeferCommit()(errInjected) }, "1", errInjected, "asynchronous error from callback"},
		{"value", fail, "no number", nil, "error decoding message for key the key from in/2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.topic("in", 3)
				p := w.run(goka.DefineGroup("g", goka.Input("in", new(codec.Int64), func(ctx goka.Context, msg interface{}) {
					if ctx.Key() == "the key" {
						c.cb(ctx, msg)
					}
				}))).ready()
				w.sendTo("in", 2, "another", "1")
				w.sendTo("in", 2, "the key", c.value)
				err := p.wait()
				var failed *goka.MessageError
				if !errors.As(err, &failed) {
					t.Fatalf("Run returned %v", err)
				}
				want := &goka.MessageError{Topic: "in", Partition: 2, Offset: 1, Key: "the key"}
				if diff := cmp.Diff(want, failed, cmpopts.IgnoreFields(goka.MessageError{}, "Err")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				refused(t, failed, "error processing message (partition=2): "+c.text, `(topic in, offset 1, key "the key")`)
				if c.cause != nil && !errors.Is(failed.Err, c.cause) {
					t.Errorf("the cause is %v", failed.Err)
				}
			})
		})
	}
}

func TestAFailureOfAVisitNamesVisitorAndRow(t *testing.T) {
	inWorld(t, func(w *world) {
		w.topic("in", 1)
		p := w.run(visited(func(ctx goka.Context, _ interface{}) { ctx.Fail(errInjected) })).ready()
		w.fill(1)
		_ = p.VisitAll(context.Background(), "visit", nil)
		err := p.wait()
		var failed *goka.MessageError
		if !errors.As(err, &failed) || failed.Visitor != "visit" || failed.Key != "0" || failed.Offset != -1 || failed.Topic != "" {
			t.Errorf("Run returned %v", err)
		}
		refused(t, err, `(visitor visit, key "0")`)
	})
}
