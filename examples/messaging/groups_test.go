package main

import (
	"testing"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/tester"
)

func TestTheFilterDropsWhatBlockedUsersSend(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(Filter())
	tt.SetTableValue(goka.GroupTable("blocker"), "eve", "spam")
	tt.Consume(string(sent), "eve", Message{"eve", "bob", "buy"})
	tt.ExpectNoOutput(string(received))
	tt.Consume(string(sent), "ann", Message{"ann", "bob", "hello"})
	tt.ExpectOutput(string(received), tester.Msg("bob", Message{"ann", "bob", "hello"}))
}

func TestWhoHearsSomethingIsNoSpammer(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(Detector())
	tt.Consume(string(sent), "bob", Message{"bob", "ann", "hello"})
	for range spamLimit {
		tt.Consume(string(sent), "ann", Message{"ann", "bob", "hello"})
	}
	tt.ExpectNoOutput(string(blocks))
	tt.ExpectTable(goka.GroupTable("detector"), map[string]any{
		"ann": counts{Sent: spamLimit, Received: 1},
		"bob": counts{Sent: 1, Received: spamLimit},
	})
}

func TestAnInboxForgetsOldMessages(t *testing.T) {
	tt := tester.New(t)
	tt.StartProcessor(Collector())
	inbox := tester.TableOf[[]Message](tt, goka.GroupTable("collector"), new(codec.JSON[[]Message]))
	for range inboxSize + 2 {
		tt.Consume(string(received), "bob", Message{"ann", "bob", "hello"})
	}
	if got, _ := inbox.Get("bob"); len(got) != inboxSize {
		t.Errorf("%d messages", len(got))
	}
}
