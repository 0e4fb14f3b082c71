// Command messaging is a messaging service out of six parts: messages pass a filter that knows blocked senders and
// translates words, end in the inboxes of their recipients, which a service shows over HTTP, and a detector blocks who
// sends too much.
//
//	go run ./examples/messaging
//	go run ./examples/messaging -brokers localhost:9092
//
//	sent ──▶ filter ──▶ received ──▶ collector ──▶ inboxes ──▶ service
//	  │      ▲    ▲
//	  │ join │    │ look-up
//	  │  blocker  translator
//	  ▼      ▲
//	 detector┘ (counts by a loop, keyed by sender and by recipient)
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func main() { app.Main("messaging", example) }

// partitions is how many partitions every topic has that is read together with others.
const partitions = 4

func example(_ context.Context, a *app.App) error {
	if err := a.Streams(partitions, sent, received, blocks, words); err != nil {
		return err
	}
	// Tables that others read have to be there first, so their groups come first.
	for _, gg := range []*goka.GroupGraph{Blocker(), Translator(), Detector(), Collector()} {
		if _, err := a.Process(gg); err != nil {
			return err
		}
	}
	blocked, err := a.View(goka.GroupTable("blocker"), new(codec.String))
	if err != nil {
		return err
	}
	translations, err := a.View(goka.GroupTable("translator"), new(codec.String))
	if err != nil {
		return err
	}
	inboxes, err := a.View(goka.GroupTable("collector"), new(codec.JSON[[]Message]))
	if err != nil {
		return err
	}

	if err := a.Emit(words, new(codec.String), app.Message{Key: "together", Value: "zusammen"}); err != nil {
		return err
	}
	if err := a.UntilRow(translations, "together", "zusammen"); err != nil {
		return err
	}
	if _, err := a.Process(Filter()); err != nil {
		return err
	}

	before, err := messages(inboxes, "bob") // of earlier runs
	if err != nil {
		return err
	}
	if err := send(a, Message{"ann", "bob", "we eat together"}); err != nil {
		return err
	}
	if err := untilInbox(a, inboxes, "bob", min(before+1, inboxSize)); err != nil {
		return err
	}
	show(a, inboxes, "bob")

	// Eve writes to many and hears nothing, until the detector has her blocked.
	for i := range spamLimit {
		if err := send(a, Message{"eve", fmt.Sprintf("user-%d", i), "buy"}); err != nil {
			return err
		}
	}
	err = a.Until("eve to be blocked", func() (bool, error) { return blocked.Has("eve") })
	if err != nil {
		return err
	}
	why, err := blocked.Get("eve")
	if err != nil {
		return err
	}
	a.Printf("eve is blocked: %v", why)

	return nil
}

// send puts a message on its way, keyed by its sender.
func send(a *app.App, m Message) error {
	return a.Emit(sent, new(codec.JSON[Message]), app.Message{Key: m.From, Value: m})
}

// messages returns how many are in an inbox.
func messages(inboxes *goka.View, user string) (int, error) {
	row, err := inboxes.Get(user)
	inbox, _ := row.([]Message)
	return len(inbox), err
}

func untilInbox(a *app.App, inboxes *goka.View, user string, want int) error {
	return a.Until("the inbox of "+user, func() (bool, error) {
		n, err := messages(inboxes, user)
		return n >= want, err
	})
}

// service shows inboxes over HTTP, at /USER.
func service(inboxes *goka.View) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{user}", func(w http.ResponseWriter, r *http.Request) {
		inbox, err := inboxes.Get(r.PathValue("user"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(inbox) // the client is gone when it fails
	})
	return mux
}

// show asks the service, as a browser would.
func show(a *app.App, inboxes *goka.View, user string) {
	w := httptest.NewRecorder()
	service(inboxes).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+user, nil))
	a.Printf("GET /%s: %s", user, strings.TrimSpace(w.Body.String()))
}
