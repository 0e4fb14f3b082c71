package main

import (
	"fmt"
	"strings"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

// Message is what one user writes to another.
type Message struct {
	From string `json:"from"`
	To   string `json:"to"`
	Text string `json:"text"`
}

const (
	sent     goka.Stream = "messages-sent"     // Message, by sender
	received goka.Stream = "messages-received" // Message, by recipient
	blocks   goka.Stream = "blocks"            // a reason, by user
	words    goka.Stream = "words"             // a translation, by word

	inboxSize = 5 // messages that an inbox keeps
	spamLimit = 5 // messages that a user may send
)

// Collector keeps the last messages of each recipient.
func Collector() *goka.GroupGraph {
	return goka.DefineGroup("collector",
		goka.Input(received, new(codec.JSON[Message]), func(ctx goka.Context, msg any) {
			inbox, _ := ctx.Value().([]Message)
			inbox = append(inbox, msg.(Message))
			ctx.SetValue(inbox[max(0, len(inbox)-inboxSize):])
		}),
		goka.Persist(new(codec.JSON[[]Message])),
	)
}

// Filter drops what blocked users send, and translates the rest word by word. Senders and blocked users have the same
// partitions, so that is a join; a word may be anywhere, so that is a look-up.
func Filter() *goka.GroupGraph {
	return goka.DefineGroup("filter",
		goka.Input(sent, new(codec.JSON[Message]), func(ctx goka.Context, msg any) {
			if ctx.Join(goka.GroupTable("blocker")) != nil {
				return
			}
			m := msg.(Message)
			text := strings.Fields(m.Text)
			for i, word := range text {
				if translation, ok := ctx.Lookup(goka.GroupTable("translator"), word).(string); ok {
					text[i] = translation
				}
			}
			m.Text = strings.Join(text, " ")
			ctx.Emit(received, m.To, m)
		}),
		goka.Join(goka.GroupTable("blocker"), new(codec.String)),
		goka.Lookup(goka.GroupTable("translator"), new(codec.String)),
		goka.Output(received, new(codec.JSON[Message])),
	)
}

// Blocker keeps who is blocked, and why.
func Blocker() *goka.GroupGraph {
	return goka.DefineGroup("blocker",
		goka.Input(blocks, new(codec.String), func(ctx goka.Context, msg any) { ctx.SetValue(msg) }),
		goka.Persist(new(codec.String)),
	)
}

// Translator keeps what words mean.
func Translator() *goka.GroupGraph {
	return goka.DefineGroup("translator",
		goka.Input(words, new(codec.String), func(ctx goka.Context, msg any) { ctx.SetValue(msg) }),
		goka.Persist(new(codec.String)),
	)
}

// counts is a row of the detector: how many messages a user sent, and how many were sent to the user.
type counts struct{ Sent, Received int }

// Detector has users blocked who send much and hear nothing. A message counts for its sender, in whose partition it is,
// and, by way of the loop, for its recipient.
func Detector() *goka.GroupGraph {
	change := func(ctx goka.Context, f func(*counts)) {
		c, _ := ctx.Value().(counts)
		f(&c)
		ctx.SetValue(c)
		if c.Sent == spamLimit && c.Received == 0 {
			ctx.Emit(blocks, ctx.Key(), fmt.Sprintf("sent %d, heard nothing", c.Sent))
		}
	}
	return goka.DefineGroup("detector",
		goka.Input(sent, new(codec.JSON[Message]), func(ctx goka.Context, msg any) {
			change(ctx, func(c *counts) { c.Sent++ })
			ctx.Loopback(msg.(Message).To, msg)
		}),
		goka.Loop(new(codec.JSON[Message]), func(ctx goka.Context, _ any) {
			change(ctx, func(c *counts) { c.Received++ })
		}),
		goka.Output(blocks, new(codec.String)),
		goka.Persist(new(codec.JSON[counts])),
	)
}
