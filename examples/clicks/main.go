// Command clicks keeps a record of each user, and serves it over HTTP from a view.
//
//	go run ./examples/clicks
//	go run ./examples/clicks -brokers localhost:9092
package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
)

func main() { app.Main("clicks", example) }

// User is a row of the table.
type User struct {
	Clicks int    `json:"clicks"`
	Last   string `json:"last"`
}

// Users keeps what each user clicked.
func Users() *goka.GroupGraph {
	return goka.DefineGroup("users",
		goka.Input("clicks", new(codec.String), func(ctx goka.Context, msg any) {
			user, ok := ctx.Value().(*User)
			if !ok {
				user = new(User)
			}
			user.Clicks++
			user.Last = msg.(string)
			ctx.SetValue(user)
		}),
		goka.Persist(new(codec.JSON[*User])),
	)
}

// handler serves the rows of a view at /KEY.
func handler(view *goka.View) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{user}", func(w http.ResponseWriter, r *http.Request) {
		user, err := view.Get(r.PathValue("user"))
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		case user == nil:
			http.Error(w, "no such user", http.StatusNotFound)
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(user) // the client is gone when it fails
		}
	})
	return mux
}

func example(ctx context.Context, a *app.App) error {
	if err := a.Streams(4, "clicks"); err != nil {
		return err
	}
	if _, err := a.Process(Users()); err != nil {
		return err
	}
	view, err := a.View(goka.GroupTable("users"), new(codec.JSON[*User]))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(view), ReadHeaderTimeout: time.Second}
	defer server.Close()
	go func() { _ = server.Serve(listener) }() // ends with Close

	ann, bob, err := clicked(view) // by earlier runs
	if err != nil {
		return err
	}
	if err := a.Emit("clicks", new(codec.String),
		app.Message{Key: "ann", Value: "home"}, app.Message{Key: "bob", Value: "home"}, app.Message{Key: "ann", Value: "cart"},
	); err != nil {
		return err
	}
	err = a.Until("the view to have all clicks", func() (bool, error) {
		nowAnn, nowBob, err := clicked(view)
		return nowAnn >= ann+2 && nowBob >= bob+1, err
	})
	if err != nil {
		return err
	}

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, path := range []string{"/ann", "/bob", "/eve"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return err
		}
		a.Printf("GET %s: %d %s", path, response.StatusCode, strings.TrimSpace(string(body)))
	}
	return nil
}

// clicked returns how often both users clicked.
func clicked(view *goka.View) (ann, bob int, err error) {
	for key, clicks := range map[string]*int{"ann": &ann, "bob": &bob} {
		row, err := view.Get(key)
		if err != nil {
			return 0, 0, err
		}
		if user, ok := row.(*User); ok {
			*clicks = user.Clicks
		}
	}
	return ann, bob, nil
}
