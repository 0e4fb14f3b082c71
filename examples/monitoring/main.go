// Command monitoring shows a processor and a view on pages for operators: how they are, what the table holds, and an
// action that has a visitor reset it.
//
//	go run ./examples/monitoring                           asks for each page, and ends
//	go run ./examples/monitoring -http localhost:9095      serves them until it is interrupted
//	go run ./examples/monitoring -brokers localhost:9092
package main

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gokasim/gokasim/examples/internal/app"
	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/codec"
	"github.com/gokasim/gokasim/goka/web/actions"
	"github.com/gokasim/gokasim/goka/web/index"
	"github.com/gokasim/gokasim/goka/web/monitor"
	"github.com/gokasim/gokasim/goka/web/query"
)

var address = flag.String("http", "", "`HOST:PORT` to serve the pages at; unless given, each is asked for once")

func main() { app.Main("monitoring", example) }

// Sensors keeps the newest value of each sensor.
func Sensors() *goka.GroupGraph {
	return goka.DefineGroup("sensors",
		goka.Input("measurements", new(codec.Int64), func(ctx goka.Context, msg any) { ctx.SetValue(msg) }),
		goka.Visitor("reset", func(ctx goka.Context, _ any) { ctx.SetValue(int64(0)) }),
		goka.Persist(new(codec.Int64)),
	)
}

// pages puts everything that operators see under one handler.
func pages(processor *goka.Processor, view *goka.View) (http.Handler, error) {
	root := http.NewServeMux()
	monitoring := monitor.NewServer("/monitor", root)
	monitoring.AttachProcessor(processor)
	monitoring.AttachView(view)

	queries := query.NewServer("/query", root)
	if err := queries.AttachSource("sensors", view.Get); err != nil {
		return nil, err
	}

	operations := actions.NewServer("/actions", root)
	if err := operations.AttachFuncAction("reset", "sets every sensor to 0", func(ctx context.Context, _ string) error {
		return processor.VisitAll(ctx, "reset", nil)
	}); err != nil {
		return nil, err
	}

	start := index.NewServer("/", root)
	start.AddComponent(monitoring, "Processors and views")
	start.AddComponent(queries, "Tables")
	start.AddComponent(operations, "Actions")
	return root, nil
}

func example(ctx context.Context, a *app.App) error {
	if err := a.Streams(2, "measurements"); err != nil {
		return err
	}
	processor, err := a.Process(Sensors())
	if err != nil {
		return err
	}
	view, err := a.View(goka.GroupTable("sensors"), new(codec.Int64))
	if err != nil {
		return err
	}
	if err := a.Emit("measurements", new(codec.Int64), app.Message{Key: "kitchen", Value: int64(21)}); err != nil {
		return err
	}
	if err := a.UntilRow(view, "kitchen", int64(21)); err != nil {
		return err
	}
	root, err := pages(processor, view)
	if err != nil {
		return err
	}
	if *address != "" {
		return serve(ctx, root)
	}
	for _, path := range []string{"/", "/monitor/", "/query/", "/actions/"} {
		w := httptest.NewRecorder()
		root.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		a.Printf("GET %s: %d", path, w.Code)
	}
	return nil
}

// serve serves the pages until the context ends.
func serve(ctx context.Context, root http.Handler) error {
	server := &http.Server{Addr: *address, Handler: root, ReadHeaderTimeout: time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
